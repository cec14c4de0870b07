//! The tracker from outside.

mod provider;
