//! Formats alerts and sends them to webhooks, chats and mailboxes.
//!
//! [`Target::parse`] checks a receiver, [`Message`] is what it gets, and [`Sender::send`] makes one
//! attempt and returns what to do next. The crate stores nothing and does not retry. Its errors and
//! its `Debug` output contain no secret: no path or query of a URL, no token and no key.

mod alert_view;
mod attempt;
mod format;
mod guard;
mod message;
#[cfg(test)]
mod sample;
mod sender;
mod target;
mod text;

pub use alert_view::{AlertView, Number};
pub use attempt::{Advice, Attempt, Failure, Outcome};
pub use guard::{Lookup, Resolver, SystemResolver, is_globally_reachable};
pub use message::{AlertToSend, Message, take};
pub use sender::{Error, Sender};
pub use target::{MASK, Target, TargetError, draw_secret, mask};
