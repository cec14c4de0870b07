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

/// Maximum of `LIMIT_DELIVERIES`: each request needs a connection.
const MAX_CONCURRENT: u32 = 10_000;

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

#[cfg(test)]
mod tests {
    use std::{io::Write, path::Path};

    use super::*;
    use crate::config::{Loaded, Program, Settings};

    fn load(env: &[(&str, &str)]) -> Result<DeliverySettings, String> {
        let env = env.iter().map(|(name, value)| (name.into(), value.into()));
        match Settings::load(Program::Api, [], env, Path::new("/nonexistent/.env")) {
            Ok(Loaded::Run(settings)) => Ok(settings.delivery),
            Ok(Loaded::Print(text)) => Err(text),
            Err(error) => Err(error.to_string()),
        }
    }

    const FROM: (&str, &str) = ("SMTP_FROM", "alerts@example.com");

    #[test]
    fn by_default_private_addresses_and_mail_are_off() {
        let off = DeliverySettings {
            allow_private: false,
            max_concurrent: 64,
            smtp: None,
        };
        assert_eq!(load(&[]), Ok(off.clone()));
        // A sender without a server is valid.
        assert_eq!(load(&[FROM]), Ok(off));
    }

    #[test]
    fn a_mail_server_needs_a_sender() {
        for url in ["smtps://me:S3CRET%40@mail.example", "smtp://localhost:25/"] {
            let settings = load(&[("SMTP_URL", url), FROM]).expect("settings");
            assert!(!format!("{settings:?}").contains("S3CRET"));
            let smtp = settings.smtp.expect("a mail server");
            assert_eq!((smtp.url.expose(), smtp.from.as_str()), (url, FROM.1));
        }
        let error = load(&[("SMTP_URL", "smtp://localhost")]).expect_err("no sender");
        assert!(
            error.contains("SMTP_FROM: must be set because SMTP_URL is set"),
            "{error}"
        );
    }

    #[test]
    fn an_invalid_mail_server_is_explained_and_not_shown() {
        for (url, problem) in [
            ("https://S3CRET.example", SMTP_FORM),
            ("S3CRET.example:25", SMTP_FORM),
            ("smtp:S3CRET", SMTP_FORM),
            ("smtp://", SMTP_FORM),
            ("smtp://S3CRET.example/path", SMTP_FORM),
            ("smtp://S3CRET.example?tls=required", SMTP_FORM),
            (
                "smtp://:S3CRET@mail.example",
                "has a password without a user",
            ),
            ("smtp://me:S3/CRET@mail.example", "must be percent-encoded"),
        ] {
            let error = load(&[("SMTP_URL", url), FROM]).expect_err(url);
            assert!(error.contains(problem), "{url}: {error}");
            assert!(!error.contains("CRET"), "{url}: {error}");
        }
        for from in [
            "alerts",
            "a@b@c",
            "@b",
            "Alerts <a@b.example>",
            "a@b,c@d",
            "a @b",
        ] {
            let error = load(&[("SMTP_URL", "smtp://localhost"), ("SMTP_FROM", from)]);
            let error = error.expect_err(from);
            assert!(error.contains("must be a mail address"), "{from}: {error}");
            assert!(!error.contains("must be set"), "{from}: {error}");
        }
    }

    #[test]
    fn the_mail_server_may_be_in_a_file() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        writeln!(file, "smtps://me:S3CRET@mail.example").expect("write the file");
        let path = file.path().to_str().expect("a path");
        let settings = load(&[("SMTP_URL_FILE", path), FROM]).expect("settings");
        let url = settings.smtp.expect("a mail server").url;
        assert_eq!(url.expose(), "smtps://me:S3CRET@mail.example");
        let error = load(&[("SMTP_URL_FILE", path)]).expect_err("no sender");
        assert!(
            error.contains("SMTP_FROM: must be set because SMTP_URL is set"),
            "{error}"
        );
    }

    #[test]
    fn the_number_of_requests_is_bounded() {
        for (text, valid) in [("1", true), ("10000", true), ("0", false), ("10001", false)] {
            assert_eq!(load(&[("LIMIT_DELIVERIES", text)]).is_ok(), valid, "{text}");
        }
        let private = load(&[("WEBHOOK_ALLOW_PRIVATE", "true")]).expect("settings");
        assert!(private.allow_private);
    }
}
