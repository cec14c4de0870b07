//! Signals of the system.

mod lifecycle;
