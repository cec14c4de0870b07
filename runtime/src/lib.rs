//! The environment that both programs run in: settings, signals, clock, randomness, logs, metrics
//! and HTTP servers.
//!
//! Only this crate accesses the environment, the clock and the operating system's randomness.
//! `main` of `tracker` and `api` passes them to the other crates, so that tests can replace them.

pub mod clock;
pub mod config;
pub mod console;
pub mod health;
pub mod http;
pub mod lifecycle;
pub mod metrics;
pub mod outage_log;
pub mod process;
pub mod random;
pub mod telemetry;
