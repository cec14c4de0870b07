//! Servers: URLs with `http` or `https`.

use entity::WebhookFormat;
use runtime::config::DeliverySettings;
use url::{Host, Url};

use super::{MASK, TargetError};
use crate::guard::is_globally_reachable;

/// The query parameter of Telegram's URL with the chat.
pub(crate) const CHAT_ID: &str = "chat_id";
/// The query parameter of Apprise's URL with the tag.
pub(crate) const TAG: &str = "tag";

/// Parses the URL of a server.
pub(super) fn parse(
    format: WebhookFormat,
    text: &str,
    settings: &DeliverySettings,
) -> Result<Url, TargetError> {
    let wrong = |problem: &str| Err(TargetError::url(problem));
    let Ok(url) = Url::parse(text) else {
        return wrong("must be a URL such as https://hooks.example/alerts");
    };
    if !matches!(url.scheme(), "http" | "https") {
        return wrong("must begin with https:// or http://");
    }
    // The parser removes an empty user.
    if authority(text).contains('@') {
        return wrong("must not contain a user or password");
    }
    if url.fragment().is_some() {
        return wrong("must not contain a fragment (#), which is never sent");
    }
    if !settings.allow_private && is_private(&url) {
        return wrong(
            "must have a host that is globally reachable; only WEBHOOK_ALLOW_PRIVATE=true allows \
             others",
        );
    }
    match format {
        WebhookFormat::Ntfy if last_segment(&url).is_empty() => {
            wrong("must end with a topic, such as https://ntfy.sh/my-topic")
        }
        WebhookFormat::Telegram if !is_telegram(&url) => wrong(
            "must be like https://api.telegram.org/bot123456:TOKEN/sendMessage?chat_id=-100123456, \
             with no other parameter",
        ),
        _ => Ok(url),
    }
}

/// The part of a URL between its scheme and its path.
fn authority(url: &str) -> &str {
    let (_, rest) = url.split_once(':').unwrap_or_default();
    let rest = rest.trim_start_matches(['/', '\\']);
    rest.split(['/', '\\', '?', '#']).next().unwrap_or_default()
}

/// Returns the origin of a URL and [`MASK`].
pub(super) fn mask(url: &Url) -> String {
    format!("{}/{MASK}", url.origin().ascii_serialization())
}

/// Whether the host is known not to be globally reachable without a look-up.
fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => !is_globally_reachable(address.into()),
        Some(Host::Ipv6(address)) => !is_globally_reachable(address.into()),
        None => true,
    }
}

fn last_segment(url: &Url) -> &str {
    url.path().rsplit('/').next().unwrap_or_default()
}

/// Whether the URL ends with the bot's token, `sendMessage` and the chat.
fn is_telegram(url: &Url) -> bool {
    let mut segments = url.path().rsplit('/');
    let method = segments.next();
    let token = segments.next().and_then(|bot| bot.strip_prefix("bot"));
    let mut parameters = url.query_pairs();
    let chat = parameters.next();
    method == Some("sendMessage")
        && token.is_some_and(|token| !token.is_empty())
        && chat.is_some_and(|(name, value)| name == CHAT_ID && !value.is_empty())
        && parameters.next().is_none()
}
