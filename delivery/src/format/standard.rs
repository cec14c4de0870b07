//! `STANDARD`: [Standard Webhooks](https://www.standardwebhooks.com).
//!
//! The id of the message and its body are the same at every attempt; the timestamp and the
//! signatures are those of the attempt.

use entity::{Alert, SecretText, Timestamp, global_id};
use reqwest::header::HeaderValue;
use serde::Serialize;
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook,
};
use url::Url;

use super::{FormatError, Request, json};
use crate::{AlertView, message::Content};

/// The body.
#[derive(Serialize)]
struct Event {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    data: AlertView,
}

/// Builds the request, with one signature for each key.
pub(super) fn request(
    url: &Url,
    secrets: &[SecretText],
    content: &Content,
    now: Timestamp,
) -> Result<Request, FormatError> {
    let (kind, id, alert) = match content {
        Content::Alerts(alerts) => match alerts.as_slice() {
            [] => return Err(FormatError::Empty),
            [one] => ("alert.fired", global_id("Alert", one.alert.id), &one.alert),
            _ => return Err(FormatError::Several),
        },
        Content::Test(test) => ("alert.test", test.id.clone(), &test.alert),
    };
    let mut request = json::request(url.clone(), &event(kind, alert))?;
    let seconds = now.micros().div_euclid(1_000_000);
    let signature = signature(secrets, &id, seconds, &request.body)?;
    for (name, value) in [
        (HEADER_WEBHOOK_ID, id),
        (HEADER_WEBHOOK_TIMESTAMP, seconds.to_string()),
        (HEADER_WEBHOOK_SIGNATURE, signature),
    ] {
        let value = HeaderValue::try_from(value).map_err(|_| FormatError::Encoding)?;
        request.headers.insert(name, value);
    }
    Ok(request)
}

fn event(kind: &'static str, alert: &Alert) -> Event {
    Event {
        kind,
        timestamp: alert.triggered_at.to_string(),
        data: alert.into(),
    }
}

/// Returns the signatures, separated by spaces.
fn signature(
    secrets: &[SecretText],
    id: &str,
    seconds: i64,
    body: &[u8],
) -> Result<String, FormatError> {
    if secrets.is_empty() {
        return Err(FormatError::Unsigned);
    }
    let sign = |secret: &SecretText| Webhook::new(&secret.0)?.sign(id, seconds, body);
    let signatures: Result<Vec<_>, _> = secrets.iter().map(sign).collect();
    Ok(signatures.map_err(|_| FormatError::Encoding)?.join(" "))
}
