//! Sends messages to receivers.

use std::sync::Arc;

use entity::Timestamp;
use runtime::config::DeliverySettings;

use crate::{Attempt, Message, Resolver, Target};

/// The sender could not be created.
#[derive(Debug, thiserror::Error)]
pub enum Error {}

/// Sends messages. Clones share connections.
#[derive(Clone, Debug)]
pub struct Sender {}

impl Sender {
    /// Creates a sender.
    pub fn new(_settings: &DeliverySettings) -> Result<Self, Error> {
        unimplemented!()
    }

    /// Creates a sender that looks up names with `resolver`.
    pub fn with_resolver(
        _settings: &DeliverySettings,
        _resolver: Arc<dyn Resolver>,
    ) -> Result<Self, Error> {
        unimplemented!()
    }

    /// Makes one attempt to deliver `message`, which takes at most 15 s.
    ///
    /// May be cancelled at any time; the receiver may have received the message then.
    pub async fn send(&self, _target: &Target, _message: &Message, _now: Timestamp) -> Attempt {
        unimplemented!()
    }
}
