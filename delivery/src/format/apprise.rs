//! `APPRISE`: [Apprise API](https://github.com/caronc/apprise-api).

use reqwest::header::{AUTHORIZATION, HeaderValue};
use serde::Serialize;
use url::{Url, form_urlencoded::Serializer};

use super::{FormatError, Request, json};
use crate::{target::TAG, text::Text};

/// The body.
#[derive(Serialize)]
struct Notification {
    title: String,
    body: String,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
}

/// Builds the request. The tag moves from the query to the body.
pub(super) fn request(
    url: &Url,
    token: Option<&HeaderValue>,
    text: &Text,
) -> Result<Request, FormatError> {
    let body = Notification {
        body: text.body(),
        title: crate::text::without_mentions(&text.title),
        kind: "warning",
        tag: tag(url),
    };
    let mut request = json::request(without_tag(url), &body)?;
    if let Some(token) = token {
        request.headers.insert(AUTHORIZATION, token.clone());
    }
    Ok(request)
}

fn tag(url: &Url) -> Option<String> {
    let mut parameters = url.query_pairs();
    let (_, tag) = parameters.find(|(name, _)| name == TAG)?;
    Some(tag.into_owned())
}

fn without_tag(url: &Url) -> Url {
    let mut rest = Serializer::new(String::new());
    rest.extend_pairs(url.query_pairs().filter(|(name, _)| name != TAG));
    let rest = rest.finish();
    let mut url = url.clone();
    url.set_query((!rest.is_empty()).then_some(rest.as_str()));
    url
}
