//! What is sent: one or several alerts, or a marked example.

use entity::{Alert, Decimal, Timestamp, WebhookFormat};

/// An alert to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertToSend {
    /// The alert.
    pub alert: Alert,
    /// The threshold of its rule, in percent if the rule is about a percentage; `None` if the rule
    /// was deleted.
    pub rule_threshold: Option<Decimal>,
}

/// What is sent.
#[derive(Clone, Debug)]
pub struct Message {}

impl Message {
    /// Creates the message for one or several alerts. [`take`] returns how many fit.
    pub fn alerts(_alerts: &[AlertToSend]) -> Self {
        unimplemented!()
    }

    /// Creates a test message: an example alert that is marked as such.
    pub fn test(_now: Timestamp) -> Self {
        unimplemented!()
    }
}

/// Returns how many of the alerts fit in one message: at least 1, if there are any.
pub fn take(_format: WebhookFormat, _alerts: &[AlertToSend], _now: Timestamp) -> usize {
    unimplemented!()
}
