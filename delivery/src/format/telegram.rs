//! `TELEGRAM`: the method `sendMessage` of a bot.

use serde::{Deserialize, Serialize};
use url::Url;

use super::{FormatError, Request, json};
use crate::{target::CHAT_ID, text::Text};

/// The body.
#[derive(Serialize)]
struct Body {
    chat_id: Chat,
    text: String,
}

/// A chat.
#[derive(Serialize)]
#[serde(untagged)]
enum Chat {
    /// Its id.
    Id(i64),
    /// The name of a public one, such as `@alerts`.
    Name(String),
}

/// The answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    /// Whether the message was sent.
    pub(crate) ok: bool,
    /// The status.
    pub(crate) error_code: Option<u16>,
    /// The reason, for people.
    pub(crate) description: Option<String>,
    /// What to do about it.
    pub(crate) parameters: Option<Parameters>,
}

/// What to do about a failed request.
#[derive(Debug, Deserialize)]
pub(crate) struct Parameters {
    /// How long to wait, in seconds.
    pub(crate) retry_after: Option<u64>,
}

/// Builds the request. The chat moves from the query to the body.
pub(super) fn request(url: &Url, text: Text) -> Result<Request, FormatError> {
    let chat = url.query_pairs().find(|(name, _)| name == CHAT_ID);
    let chat = chat.map(|(_, chat)| chat.into_owned()).unwrap_or_default();
    let body = Body {
        chat_id: chat.parse().map_or(Chat::Name(chat), Chat::Id),
        text: text.with_title(),
    };
    let mut url = url.clone();
    url.set_query(None);
    json::request(url, &body)
}
