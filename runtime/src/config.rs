//! Settings.
mod secret;
pub use secret::Secret;
