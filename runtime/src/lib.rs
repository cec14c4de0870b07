//! What both programs of Stock Tracker need to run.
//!
//! One invariant: this is the only crate that touches the process around it (environment, signals, clock, randomness,
//! logging), so that everything else can be given those and tested without them. `tracker` and `api` call it from
//! `main` and pass what it built by value.

pub mod clock;
pub mod config;
pub mod console;
pub mod health;
pub mod http;
pub mod lifecycle;
pub mod metrics;
pub mod process;
pub mod random;
pub mod telemetry;
