//! `EMAIL`: plain-text mail.

use std::time::{Duration, SystemTime};

use entity::Timestamp;
use lettre::{
    Address, Message as Mail,
    message::{
        Mailbox,
        header::{ContentType, Header, HeaderName, HeaderValue},
    },
};

use super::FormatError;
use crate::message::Content;

/// The name of the sender.
const SENDER: &str = "Stock Tracker";
/// The last second that a date can show, in the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

/// Builds a mail. Its id is made of the ids of the alerts, so that a mail server can discard a
/// repeated one.
pub(crate) fn mail(
    from: &Address,
    to: &Address,
    content: &Content,
    now: Timestamp,
) -> Result<Mail, FormatError> {
    let text = super::text(entity::WebhookFormat::Email, content, now)?;
    let id = format!("<{}@{}>", id(content), from.domain());
    Mail::builder()
        .from(Mailbox::new(Some(SENDER.to_owned()), from.clone()))
        .to(Mailbox::new(None, to.clone()))
        .subject(text.title.clone())
        .date(date(now))
        .message_id(Some(id))
        .header(AutoSubmitted)
        .header(ContentType::TEXT_PLAIN)
        .body(text.body() + "\n")
        .map_err(|_| FormatError::Encoding)
}

/// The local part of the id of a mail.
fn id(content: &Content) -> String {
    match content {
        Content::Alerts(alerts) => match alerts.as_slice() {
            [] => String::new(),
            [one] => format!("Alert-{}", one.alert.id),
            [first, .., last] => format!("Alerts-{}-{}", first.alert.id, last.alert.id),
        },
        Content::Test(test) => test.id.clone(),
    }
}

fn date(now: Timestamp) -> SystemTime {
    let seconds = u64::try_from(now.micros() / 1_000_000).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.min(LAST_SECOND))
}

/// `Auto-Submitted: auto-generated` (RFC 3834), so that no program answers.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
