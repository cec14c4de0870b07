//! Rules that apply to every protocol: who may connect, how many, how much and for how long.

pub(crate) mod connections;
pub(crate) mod drain;
pub(crate) mod guard;
pub(crate) mod heartbeat;
pub(crate) mod limits;
