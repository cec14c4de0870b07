//! Settings for the delivery of alerts to webhooks: `WEBHOOK_ALLOW_PRIVATE`, `LIMIT_DELIVERIES`,
//! `SMTP_URL` and `SMTP_FROM`.

use url::Url;

use super::{
    Secret,
    reader::SettingsReader,
    value::{self, Parsed},
};

/// The error of a mail server's URL that cannot be parsed.
const SMTP_FORM: &str = "must be like smtps://user:password@host or smtp://host:25";

/// How alerts are sent to webhooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliverySettings {
    /// Whether requests may go to addresses that are not globally reachable.
    pub allow_private: bool,
    /// Maximum concurrent requests; at least 1.
    pub max_concurrent: u32,
    /// The mail server; `None` if mail cannot be sent.
    pub smtp: Option<SmtpSettings>,
}

/// The mail server, and the sender of mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpSettings {
    /// The URL, which may contain a password. Its scheme is `smtps` or `smtp`, and it has a host.
    pub url: Secret,
    /// The sender address.
    pub from: String,
}

impl DeliverySettings {
    pub(super) fn read(reader: &mut SettingsReader<'_>) -> Self {
        let url = reader.optional("SMTP_URL", smtp_url);
        let from = reader.optional("SMTP_FROM", address);
        if reader.has("SMTP_URL") && !reader.has("SMTP_FROM") {
            reader.reject("SMTP_FROM", "must be set because SMTP_URL is set");
        }
        Self {
            allow_private: reader.value("WEBHOOK_ALLOW_PRIVATE", value::switch),
            max_concurrent: reader.value("LIMIT_DELIVERIES", |text| {
                value::number(text, 1, MAX_CONCURRENT)
            }),
            smtp: url.zip(from).map(|(url, from)| SmtpSettings { url, from }),
        }
    }
}

/// Maximum of `LIMIT_DELIVERIES`: each request needs a connection.
const MAX_CONCURRENT: u32 = 10_000;

/// Parses the URL of a mail server, without a path or query.
fn smtp_url(text: &str) -> Parsed<Secret> {
    value::encoded_user(text)?;
    let url = Url::parse(text).map_err(|_| SMTP_FORM.to_owned())?;
    let is_smtp = matches!(url.scheme(), "smtp" | "smtps");
    let is_base = matches!(url.path(), "" | "/") && url.query().is_none();
    if !is_smtp || !is_base || url.host_str().is_none_or(str::is_empty) {
        return Err(SMTP_FORM.to_owned());
    }
    if url.username().is_empty() && url.password().is_some() {
        return Err("has a password without a user".to_owned());
    }
    Ok(Secret::new(text))
}

/// Parses a mail address without a display name.
fn address(text: &str) -> Parsed<String> {
    let allowed = |byte: u8| byte.is_ascii_graphic() && !b"<>()[],;:\\\"@".contains(&byte);
    match text.split_once('@') {
        Some((user, domain))
            if [user, domain]
                .iter()
                .all(|part| !part.is_empty() && part.bytes().all(allowed)) =>
        {
            Ok(text.to_owned())
        }
        _ => Err("must be a mail address such as alerts@example.com".to_owned()),
    }
}
