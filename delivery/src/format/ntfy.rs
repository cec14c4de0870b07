//! `NTFY`: topics of [ntfy](https://docs.ntfy.sh/publish/).

use base64::{Engine, engine::general_purpose::STANDARD};
use entity::{Alert, AlertKind, Decimal, Direction};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use url::Url;

use super::{FormatError, Request};
use crate::{AlertToSend, message::Content, text::Text};

/// The priorities of messages.
const NORMAL: &str = "3";
const HIGH: &str = "4";
/// A percentage of this many times the threshold of its rule has a high priority.
const HIGH_MULTIPLE: i64 = 2;
/// Maximum bytes of text in an encoded word, which has at most 75 characters (RFC 2047, 2).
const ENCODED_WORD: usize = 45;

/// Builds the request, whose body is the text.
pub(super) fn request(
    url: &Url,
    token: Option<&HeaderValue>,
    text: &Text,
    content: &Content,
) -> Result<Request, FormatError> {
    let title = HeaderValue::try_from(header_text(&text.title));
    let mut headers = HeaderMap::new();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert("title", title.map_err(|_| FormatError::Encoding)?);
    headers.insert("priority", HeaderValue::from_static(priority(content)));
    headers.insert("tags", HeaderValue::from_static(tags(content)));
    if let Some(token) = token {
        headers.insert(AUTHORIZATION, token.clone());
    }
    Ok(Request {
        url: url.clone(),
        headers,
        body: text.body().into_bytes(),
    })
}

/// Returns the priority of the most important alert.
fn priority(content: &Content) -> &'static str {
    match content {
        Content::Alerts(alerts) if alerts.iter().any(is_high) => HIGH,
        Content::Alerts(_) | Content::Test(_) => NORMAL,
    }
}

fn is_high(alert: &AlertToSend) -> bool {
    let AlertToSend {
        alert,
        rule_threshold,
    } = alert;
    if !matches!(
        alert.kind,
        AlertKind::PercentChange | AlertKind::ChangeInWindow
    ) {
        return false;
    }
    let change = alert.change_percent.unwrap_or(alert.threshold);
    let change = change.units().unsigned_abs();
    let high = rule_threshold.and_then(|it: Decimal| it.checked_mul_int(HIGH_MULTIPLE));
    high.is_some_and(|high| high.units() > 0 && change >= high.units().unsigned_abs())
}

/// Returns the emoji of the directions.
fn tags(content: &Content) -> &'static str {
    let alerts: Vec<&Alert> = match content {
        Content::Alerts(alerts) => alerts.iter().map(|it| &it.alert).collect(),
        Content::Test(test) => vec![&test.alert],
    };
    let has = |direction| alerts.iter().any(|alert| alert.direction == direction);
    match (has(Direction::Up), has(Direction::Down)) {
        (true, true) => "chart_with_upwards_trend,chart_with_downwards_trend",
        (_, false) => "chart_with_upwards_trend",
        (false, true) => "chart_with_downwards_trend",
    }
}

/// Returns a text as the value of a header: as it is, or in encoded words (RFC 2047), which ntfy
/// decodes.
fn header_text(text: &str) -> String {
    let is_plain = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    if text.bytes().all(is_plain) && !text.contains("=?") {
        return text.to_owned();
    }
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (word, tail) = rest.split_at(rest.floor_char_boundary(ENCODED_WORD));
        words.push(format!("=?UTF-8?B?{}?=", STANDARD.encode(word)));
        rest = tail;
    }
    words.join(" ")
}
