//! Which receivers are accepted, and how they are masked.

mod key;

use runtime::config::{Secret, SmtpSettings};

use super::*;

fn settings() -> DeliverySettings {
    DeliverySettings {
        allow_private: false,
        max_concurrent: 64,
        smtp: Some(SmtpSettings {
            url: Secret::new("smtp://localhost"),
            from: "alerts@example.com".to_owned(),
        }),
    }
}

fn parse(format: WebhookFormat, url: &str) -> Result<Target, TargetError> {
    Target::parse(format, url, None, &settings())
}

const TELEGRAM: &str = "https://api.telegram.org/bot123:S3CRET/sendMessage?chat_id=-100";

#[test]
fn valid_receivers_are_accepted() {
    use WebhookFormat::{Apprise, Discord, Email, Ntfy, Slack, Standard, Telegram};
    for (format, url) in [
        (Standard, "https://hooks.example/alerts?key=1"),
        (Standard, "http://8.8.8.8:8080"),
        (Standard, "https://bücher.example/ä"),
        (Standard, "https://[2606:4700:4700::1111]/"),
        (Slack, "https://hooks.slack.com/services/T0/B0/S3CRET"),
        (
            Discord,
            "https://discord.com/api/webhooks/1/S3CRET?thread_id=2",
        ),
        (Ntfy, "https://ntfy.sh/S3CRET"),
        (Ntfy, "https://desk.example/ntfy/S3CRET"),
        (Telegram, TELEGRAM),
        (
            Telegram,
            "http://bots.example/api/bot1:2/sendMessage?chat_id=%40alerts",
        ),
        (Apprise, "https://apprise.example/notify/S3CRET?tag=a"),
        (Email, "mailto:some.one+x@example.com"),
        (Email, "MAILTO:some%2Bone@example.com"),
    ] {
        let target = parse(format, url).expect(url);
        assert_eq!(target.format(), format);
        let debug = format!("{target:?} {target:#?}");
        assert!(
            !debug.contains("S3CRET") && !debug.contains("some"),
            "{debug}"
        );
    }
}

/// Fails if one of the receivers is accepted, or if its error does not contain the text or does
/// contain the URL.
fn assert_rejected(receivers: &[(WebhookFormat, &str, &str)]) {
    for &(format, url, problem) in receivers {
        let error = parse(format, url).expect_err(url);
        assert_eq!(error.field, "url");
        assert!(error.problem.contains(problem), "{url}: {error}");
        assert!(!error.to_string().contains("S3CRET"), "{error}");
    }
}

#[test]
fn an_invalid_url_is_explained_and_not_shown() {
    use WebhookFormat::Standard;
    let private = "globally reachable";
    let long = format!("https://hooks.example/{}", "a".repeat(2048));
    assert_rejected(&[
        (Standard, "", "must be a URL"),
        (Standard, "S3CRET", "must be a URL"),
        (Standard, "https://", "must be a URL"),
        (Standard, "https://a:99999/S3CRET", "must be a URL"),
        (
            Standard,
            "ftp://S3CRET.example",
            "must begin with https:// or http://",
        ),
        (
            Standard,
            "file:///S3CRET",
            "must begin with https:// or http://",
        ),
        (
            Standard,
            "mailto:S3CRET@example.com",
            "must begin with https:// or http://",
        ),
        (Standard, "https://S3CRET@hooks.example", "user or password"),
        (
            Standard,
            "https://@hooks.example/S3CRET",
            "user or password",
        ),
        (
            Standard,
            "https://u:S3CRET@hooks.example",
            "user or password",
        ),
        (
            Standard,
            "https://:S3CRET@hooks.example",
            "user or password",
        ),
        (Standard, "https://hooks.example/#S3CRET", "fragment"),
        (Standard, " https://hooks.example/S3CRET", "spaces"),
        (Standard, "https://hooks.example/S3CRET\n", "spaces"),
        (Standard, "https://hooks.example/\u{a0}S3CRET", "spaces"),
        (Standard, "https://hooks.example/***", "the whole URL"),
        (Standard, &long, "at most 2048 bytes"),
        (Standard, "http://localhost/S3CRET", private),
        (Standard, "http://LOCALHOST./S3CRET", private),
        (Standard, "http://a.b.localhost:80/S3CRET", private),
        (Standard, "http://0x7f.1/", private),
        (Standard, "http://2130706433/", private),
        (Standard, "http://0177.0.0.1/", private),
        (Standard, "http://127.1/", private),
        (Standard, "http://169.254.169.254/latest/S3CRET", private),
        (Standard, "http://[::ffff:10.0.0.1]/", private),
        (Standard, "http://[64:ff9b::a00:1]/", private),
        (Standard, "http://[fd00::1]/", private),
    ]);
}

#[test]
fn an_invalid_topic_chat_or_mailbox_is_explained_and_not_shown() {
    use WebhookFormat::{Email, Ntfy, Telegram};
    assert_rejected(&[
        (Ntfy, "https://ntfy.sh", "must end with a topic"),
        (Ntfy, "https://ntfy.sh/?S3CRET", "must end with a topic"),
        (Ntfy, "https://ntfy.sh/S3CRET/", "must end with a topic"),
        (
            Telegram,
            "https://api.telegram.org/bot1:S3CRET/sendMessage",
            "chat_id",
        ),
        (
            Telegram,
            "https://api.telegram.org/bot1:S3CRET/sendMessage?chat_id=",
            "chat_id",
        ),
        (
            Telegram,
            "https://api.telegram.org/bot1:S3CRET/sendMessage?a=1&chat_id=1",
            "chat_id",
        ),
        (
            Telegram,
            "https://api.telegram.org/bot1:S3CRET/sendMessage?chat_id=1&chat_id=2",
            "chat_id",
        ),
        (
            Telegram,
            "https://api.telegram.org/bot/sendMessage?chat_id=1",
            "chat_id",
        ),
        (
            Telegram,
            "https://api.telegram.org/bot1:S3CRET/getMe?chat_id=1",
            "chat_id",
        ),
        (
            Telegram,
            "https://api.telegram.org/S3CRET/sendMessage?chat_id=1",
            "chat_id",
        ),
        (Email, "https://S3CRET.example", "one address"),
        (Email, "S3CRET@example.com", "one address"),
        (Email, "mailto:", "one address"),
        (Email, "mailto:S3CRET", "one address"),
        (Email, "mailto:@example.com", "one address"),
        (Email, "mailto:S3CRET@", "one address"),
        (Email, "mailto:S3CRET@a.example,b@b.example", "one address"),
        (Email, "mailto:S3CRET%2Cb@b.example", "one address"),
        (
            Email,
            "mailto:S3CRET@a.example?bcc=b@b.example",
            "one address",
        ),
        (Email, "mailto:S3CRET%0d%0aBcc:b@b.example", "one address"),
        (Email, "mailto:S3CRET@a.example?cc=S3CRET", "one address"),
        (Email, "mailto:?to=S3CRET@a.example", "one address"),
        (Email, "mailto:S3CRET@[10.0.0.1]", "one address"),
        (Email, "mailto:\"S3CRET\"@a.example", "one address"),
        (Email, "mailto:***@example.com", "the whole URL"),
    ]);
}

#[test]
fn private_hosts_and_mail_depend_on_the_settings() {
    let mut settings = settings();
    settings.allow_private = true;
    settings.smtp = None;
    for url in ["http://localhost/", "http://127.0.0.1:1/", "http://[::1]/"] {
        let target = Target::parse(WebhookFormat::Standard, url, None, &settings);
        assert!(target.is_ok(), "{url}: {target:?}");
    }
    let mail = Target::parse(
        WebhookFormat::Email,
        "mailto:a@example.com",
        None,
        &settings,
    );
    let error = mail.expect_err("no mail server");
    assert!(error.problem.contains("set SMTP_URL"), "{error}");
}

#[test]
fn only_some_formats_send_a_token() {
    let parse = |format, token: &str| {
        let url = match format {
            WebhookFormat::Telegram => TELEGRAM,
            WebhookFormat::Email => "mailto:a@example.com",
            _ => "https://hooks.example/topic",
        };
        Target::parse(format, url, Some(token), &settings())
    };
    for format in [WebhookFormat::Ntfy, WebhookFormat::Apprise] {
        let long = "S3CRET".repeat(400);
        let target = parse(format, "tk_S3CRET~").expect("a token");
        let sent = target.token().expect("a token");
        assert_eq!(sent.to_str().expect("text"), "Bearer tk_S3CRET~");
        assert!(!format!("{target:?} {sent:?}").contains("S3CRET"));
        for token in ["", "S3CRET a", "S3CRETä", "S3CRET\r\nx", &long] {
            let error = parse(format, token).expect_err(token);
            assert_eq!(error.field, "token");
            assert!(error.problem.contains("visible ASCII"), "{error}");
            assert!(!error.to_string().contains("S3CRET"), "{error}");
        }
    }
    for format in [
        WebhookFormat::Standard,
        WebhookFormat::Slack,
        WebhookFormat::Discord,
        WebhookFormat::Telegram,
        WebhookFormat::Email,
    ] {
        let error = parse(format, "tk_S3CRET").expect_err("no token");
        assert_eq!(error.field, "token");
        assert!(error.problem.contains("NTFY and APPRISE"), "{error}");
    }
}

#[test]
fn a_masked_url_shows_the_origin_or_the_domain() {
    use WebhookFormat::{Email, Ntfy, Slack, Standard, Telegram};
    for (format, url, masked) in [
        (Ntfy, "https://ntfy.sh/S3CRET", "https://ntfy.sh/***"),
        (
            Slack,
            "https://hooks.slack.com/services/T/B/S3CRET",
            "https://hooks.slack.com/***",
        ),
        (
            Standard,
            "http://Hooks.example:8080?key=S3CRET#S3CRET",
            "http://hooks.example:8080/***",
        ),
        (
            Standard,
            "https://u:S3CRET@hooks.example:443/",
            "https://hooks.example/***",
        ),
        (Telegram, TELEGRAM, "https://api.telegram.org/***"),
        (Email, "mailto:S3CRET@example.com", "mailto:***@example.com"),
        (
            Email,
            "mailto:\"S3CRET@\"@example.com",
            "mailto:***@example.com",
        ),
        (Email, "mailto:a@example.com?cc=S3CRET", "***"),
        (Email, "S3CRET", "***"),
        (Standard, "S3CRET", "***"),
    ] {
        assert_eq!(mask(format, url), masked, "{url}");
        // What is shown is not accepted, and stays masked.
        assert!(parse(format, &mask(format, url)).is_err());
        if let Ok(target) = parse(format, url) {
            assert_eq!(target.masked(), masked);
        }
    }
}
