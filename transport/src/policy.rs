//! Rules that apply to every protocol.

pub(crate) mod connections;
pub(crate) mod credentials;
pub(crate) mod drain;
pub(crate) mod guard;
pub(crate) mod heartbeat;
pub(crate) mod limits;
