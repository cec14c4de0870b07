//! The result of one attempt to deliver a message.

use std::time::Duration;

/// The result of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The status of the answer, if there was one: of HTTP, or for mail the reply code of SMTP.
    pub status: Option<u16>,
    /// Whether the receiver accepted the message.
    pub outcome: Outcome,
    /// How long the attempt took.
    pub duration: Duration,
}

/// Whether the receiver accepted the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did.
    Delivered,
    /// It did not, as far as is known. It may have received the message nevertheless.
    Failed(Failure),
}

/// Why an attempt failed, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The reason, on one short line, without secrets.
    pub error: String,
    /// What to do next.
    pub advice: Advice,
    /// How long the receiver asks to be left alone, at most an hour.
    pub retry_after: Option<Duration>,
}

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Retry later: the receiver cannot be reached, or answers with a redirect, 408, 425 or 5xx.
    Retry,
    /// Retry later, and send less to this receiver: it answers 429, 502 or 504.
    SlowDown,
    /// Retry later, and send other messages first: the receiver rejects this one (another 4xx).
    StepAside,
    /// Disable the receiver: it answers 410.
    Gone,
    /// Do not retry: the mail server rejects the mail for good (5xx).
    Never,
}
