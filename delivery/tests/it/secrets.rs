//! No error and no `Debug` output contains a part of a URL, a token or a key.

use delivery::{Message, Target};
use entity::{SecretText, WebhookFormat};

use crate::{
    fixture::{Answers, let_time_out, message, now, sender, settings},
    receiver::{Answer, Receiver},
};

/// Text that only secrets contain.
const SECRETS: [&str; 5] = ["S3CRET", "T0K3N", "whsec", "QU3RY", "Bearer"];

fn assert_no_secret(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

fn target(format: WebhookFormat, base: &str) -> Target {
    let (url, token) = match format {
        WebhookFormat::Telegram => (
            format!("{base}/botS3CRET:T0K3N/sendMessage?chat_id=QU3RY"),
            None,
        ),
        WebhookFormat::Ntfy | WebhookFormat::Apprise => {
            (format!("{base}/S3CRET?tag=QU3RY"), Some("T0K3N"))
        }
        _ => (format!("{base}/S3CRET?key=QU3RY"), None),
    };
    let target = Target::parse(format, &url, token, &settings(true)).expect("a target");
    let key = SecretText("whsec_S3CRETS3CRETS3CRETS3CRET".to_owned());
    target.signed_with([&key]).expect("a key")
}

const FORMATS: [WebhookFormat; 6] = [
    WebhookFormat::Standard,
    WebhookFormat::Slack,
    WebhookFormat::Discord,
    WebhookFormat::Ntfy,
    WebhookFormat::Telegram,
    WebhookFormat::Apprise,
];

#[tokio::test]
async fn no_failure_contains_a_secret() {
    let echo = r#"{"ok":false,"error_code":400,"description":"botS3CRET:T0K3N QU3RY S3CRET"}"#;
    let redirect = "location: http://127.0.0.1/S3CRET?QU3RY\r\n";
    let answers = [
        Answer::json(400, "", echo),
        Answer::json(200, "", echo),
        Answer::status(302, redirect),
        Answer::status(429, "retry-after: S3CRET\r\n"),
        Answer::Bytes("S3CRET T0K3N\r\n\r\n".to_owned()),
        Answer::Bytes("HTTP/1.1 200 S3CRET\r\nS3CRET T0K3N\r\n\r\n".to_owned()),
        Answer::Close,
    ];
    let sender = sender();
    for answer in answers {
        let receiver = Receiver::start(answer);
        for format in FORMATS {
            let target = target(format, &receiver.url(""));
            let attempt = sender.send(&target, &message(), now()).await;
            assert_no_secret(&format!("{attempt:?} {target:?} {sender:?}"));
        }
    }
}

#[tokio::test]
async fn no_failure_without_an_answer_contains_a_secret() {
    let stalling = Receiver::start(Answer::Stall(String::new()));
    let closed = "http://127.0.0.1:1".to_owned();
    let unknown = "http://hooks.example".to_owned();
    for format in FORMATS {
        for (base, allow_private) in [(&closed, true), (&closed, false), (&unknown, true)] {
            let resolver = Answers::new(&[]);
            let sender = delivery::Sender::with_resolver(&settings(allow_private), resolver);
            let target = target(format, base);
            let sent = sender
                .expect("a sender")
                .send(&target, &message(), now())
                .await;
            assert_no_secret(&format!("{sent:?}"));
        }
        let target = target(format, &stalling.url(""));
        let (sender, message) = (sender(), message());
        let before = stalling.requests().len();
        let (attempt, ()) = tokio::join!(
            sender.send(&target, &message, now()),
            let_time_out(|| stalling.requests().len() > before),
        );
        assert_no_secret(&format!("{attempt:?}"));
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_built_is_explained() {
    let target = target(WebhookFormat::Standard, "http://127.0.0.1:1");
    let attempt = sender().send(&target, &Message::alerts(&[]), now()).await;
    assert_no_secret(&format!("{attempt:?}"));
    assert_eq!(
        crate::fixture::failure(&attempt).error,
        "the message has no alert"
    );
}
