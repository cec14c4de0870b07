//! `SLACK`: incoming webhooks of Slack and Mattermost.

use serde::Serialize;
use url::Url;

use super::{FormatError, Request, json};
use crate::text::{Text, without_mentions};

/// The body.
#[derive(Serialize)]
struct Body {
    text: String,
}

/// Builds the request.
pub(super) fn request(url: &Url, text: Text) -> Result<Request, FormatError> {
    let text = text.with_title();
    json::request(url.clone(), &Body { text })
}

/// Escapes what either server would interpret: Slack's `<!channel>` and `<@U123>`, Mattermost's
/// `@channel` and links, and the marks of both for bold, italic, struck-through text and code.
///
/// Slack has no escape for its marks, so look-alikes replace them.
pub(super) fn escape(text: &str) -> String {
    let text = without_mentions(text);
    let mut escaped = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    let mut previous = None;
    while let Some(character) = characters.next() {
        // An underscore within a word, as in BTC_USD, does not format text.
        let is_within = |it: Option<char>| it.is_some_and(char::is_alphanumeric);
        let is_within_word = is_within(previous) && is_within(characters.peek().copied());
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '*' => escaped.push('∗'),
            '`' => escaped.push('ˋ'),
            '~' => escaped.push('∼'),
            '_' if !is_within_word => escaped.push('＿'),
            // A link or an image needs a bracket or a colon directly after it.
            ']' => escaped.push_str("]\u{200b}"),
            character => escaped.push(character),
        }
        previous = Some(character);
    }
    escaped
}
