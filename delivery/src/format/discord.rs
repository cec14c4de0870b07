//! `DISCORD`: webhooks of Discord.

use serde::Serialize;
use url::Url;

use super::{FormatError, Request, json};
use crate::text::{Text, without_mentions};

/// The body.
#[derive(Serialize)]
struct Body {
    content: String,
    allowed_mentions: AllowedMentions,
}

/// Which mentions notify people: none.
#[derive(Serialize)]
struct AllowedMentions {
    parse: [&'static str; 0],
}

/// Builds the request.
pub(super) fn request(url: &Url, text: Text) -> Result<Request, FormatError> {
    let body = Body {
        content: text.with_title(),
        allowed_mentions: AllowedMentions { parse: [] },
    };
    json::request(url.clone(), &body)
}

/// Escapes the marks of Discord's Markdown.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in without_mentions(text).chars() {
        if r"\*_~`|<>[]#".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
