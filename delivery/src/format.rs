//! The protocols of the receivers: what a message is as a request or as a mail.
//!
//! Pure: one module for each format, which builds the request, or the mail, from a message.

mod apprise;
mod discord;
mod email;
mod json;
mod ntfy;
mod slack;
mod standard;
mod telegram;

use entity::{Timestamp, WebhookFormat};
use reqwest::header::HeaderMap;
use url::Url;

pub(crate) use email::mail;
pub(crate) use telegram::Answer as TelegramAnswer;

use crate::{
    Target,
    message::Content,
    text::{self, Escape, Text},
};

/// A `POST` request. It has no `Debug`, because it contains secrets.
pub(crate) struct Request {
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// The message has no request in this format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormatError {
    /// There is no alert.
    #[error("the message has no alert")]
    Empty,
    /// There are several alerts.
    #[error("the message has several alerts, and the format STANDARD takes one")]
    Several,
    /// There is no key to sign with.
    #[error("the webhook has no key to sign with")]
    Unsigned,
    /// The message cannot be encoded.
    #[error("the message cannot be encoded")]
    Encoding,
}

/// Builds the request for a server.
pub(crate) fn request(
    target: &Target,
    url: &Url,
    content: &Content,
    now: Timestamp,
) -> Result<Request, FormatError> {
    let text = text(target.format(), content, now)?;
    match target.format() {
        WebhookFormat::Standard => standard::request(url, target.secrets(), content, now),
        WebhookFormat::Slack => slack::request(url, text),
        WebhookFormat::Discord => discord::request(url, text),
        WebhookFormat::Ntfy => ntfy::request(url, target.token(), &text, content),
        WebhookFormat::Telegram => telegram::request(url, text),
        WebhookFormat::Apprise => apprise::request(url, target.token(), &text),
        // A mailbox is not a server.
        WebhookFormat::Email => Err(FormatError::Encoding),
    }
}

/// Builds the text of a message, escaped for the format.
fn text(format: WebhookFormat, content: &Content, now: Timestamp) -> Result<Text, FormatError> {
    let escape = limit(format).map_or(text::plain as Escape, |limit| limit.escape);
    let text = Text::new(content, now, escape);
    if text.lines.is_empty() {
        return Err(FormatError::Empty);
    }
    Ok(text)
}

/// The limit of the text of a message, and how it is escaped.
#[derive(Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) most: usize,
    unit: Unit,
    pub(crate) escape: Escape,
}

/// What a limit counts.
#[derive(Clone, Copy)]
enum Unit {
    Bytes,
    /// Units of UTF-16, which are at least as many as characters.
    Utf16,
}

impl Limit {
    /// Returns the size of a text.
    pub(crate) fn size(&self, text: &str) -> usize {
        match self.unit {
            Unit::Bytes => text.len(),
            Unit::Utf16 => text.encode_utf16().count(),
        }
    }
}

/// Returns the limit of a format; `None` for `STANDARD`, which sends no text.
pub(crate) fn limit(format: WebhookFormat) -> Option<Limit> {
    let (most, unit, escape): (_, _, Escape) = match format {
        WebhookFormat::Standard => return None,
        WebhookFormat::Slack => (4000, Unit::Utf16, slack::escape),
        WebhookFormat::Discord => (2000, Unit::Utf16, discord::escape),
        WebhookFormat::Ntfy => (4096, Unit::Bytes, text::plain),
        WebhookFormat::Telegram => (4096, Unit::Utf16, text::without_mentions),
        // Some services that Apprise sends to have a limit, and it splits messages for them.
        WebhookFormat::Apprise => (8192, Unit::Bytes, text::without_mentions),
        WebhookFormat::Email => (65_536, Unit::Bytes, text::plain),
    };
    Some(Limit { most, unit, escape })
}

#[cfg(test)]
mod tests;
