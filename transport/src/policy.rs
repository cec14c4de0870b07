//! Rules for all protocols: limits, credentials, host and origin checks, heartbeat and drain.

pub(crate) mod connections;
pub(crate) mod credentials;
pub(crate) mod drain;
pub(crate) mod guard;
pub(crate) mod heartbeat;
pub(crate) mod limits;
