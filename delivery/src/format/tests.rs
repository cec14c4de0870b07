//! The recorded requests and mails of each format.

mod ntfy;

use std::{fmt::Write as _, time::Duration};

use entity::SecretText;
use runtime::config::{DeliverySettings, Secret, SmtpSettings};

use super::*;
use crate::{
    AlertToSend, Message,
    sample::{FIRED, alert, at},
};

fn now() -> Timestamp {
    at(FIRED).after(Duration::from_secs(3))
}

fn target(format: WebhookFormat, url: &str, token: Option<&str>) -> Target {
    let settings = DeliverySettings {
        allow_private: false,
        max_concurrent: 64,
        smtp: Some(SmtpSettings {
            url: Secret::new("smtp://localhost"),
            from: "alerts@example.com".to_owned(),
        }),
    };
    Target::parse(format, url, token, &settings).expect("a target")
}

fn built(target: &Target, message: &Message, now: Timestamp) -> Result<Request, FormatError> {
    let crate::target::Receiver::Web(url) = target.receiver() else {
        panic!("not a server: {target:?}");
    };
    request(target, url, message.content(), now)
}

/// Returns a request as text: URL, headers and body.
fn recorded(target: &Target, alerts: &[AlertToSend]) -> String {
    let request = built(target, &Message::alerts(alerts), now()).expect("a request");
    let mut text = format!("{}\n", request.url);
    for (name, value) in &request.headers {
        let _ = writeln!(text, "{name}: {}", value.to_str().expect("text"));
    }
    text + &String::from_utf8(request.body).expect("text")
}

/// A name that tries everything.
const HOSTILE: &str = "<!channel> <@U1> @everyone @channel *b* _i_ ~s~ `c` [x](http://e) ||s||\r\n# h & \
                       \\ BTC_USD";

const KEY: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const OLD_KEY: &str = "whsec_b2xk";

#[test]
fn standard_signs_the_alert_as_rest_shows_it() {
    let keys = [KEY, OLD_KEY].map(|key| SecretText(key.to_owned()));
    let target = target(WebhookFormat::Standard, "https://hooks.example/a?b=c", None);
    let target = target.signed_with(&keys).expect("keys");
    let body = r#"{"type":"alert.fired","timestamp":"2026-11-28T15:30:12.500Z","data":{"id":7,"symbol":"AAPL","rule_id":3,"rule_name":"Big moves","kind":"PERCENT_CHANGE","direction":"UP","price":196.1,"reference_price":186,"change_percent":5.4301,"threshold":5,"message":"AAPL rose 5.43% to 196.1","trading_day":"2026-11-28","triggered_at":"2026-11-28T15:30:12.500Z"}}"#;
    let sign = |key: &SecretText| {
        let webhook = standardwebhooks::Webhook::new(&key.0).expect("a key");
        let signed = webhook.sign("QWxlcnQ6Nw", 1_795_879_815, body.as_bytes());
        signed.expect("a signature")
    };
    assert_eq!(
        recorded(&target, &[alert(7, Some("Big moves"))]),
        format!(
            "https://hooks.example/a?b=c\n\
             content-type: application/json\n\
             webhook-id: QWxlcnQ6Nw\n\
             webhook-timestamp: 1795879815\n\
             webhook-signature: {} {}\n{body}",
            sign(&keys[0]),
            sign(&keys[1]),
        )
    );
}

#[test]
fn standard_sends_the_same_id_and_bytes_at_every_attempt() {
    let target = target(WebhookFormat::Standard, "https://hooks.example/", None);
    let target = target.signed_with([&SecretText(KEY.to_owned())]);
    let target = target.expect("a key");
    let message = Message::alerts(&[alert(7, Some(HOSTILE))]);
    let first = built(&target, &message, now()).expect("a request");
    let later = now().after(Duration::from_hours(20));
    let second = built(&target, &message, later).expect("a request");
    assert_eq!(first.body, second.body);
    assert_eq!(first.headers["webhook-id"], second.headers["webhook-id"]);
    assert_ne!(
        first.headers["webhook-timestamp"],
        second.headers["webhook-timestamp"]
    );
    assert!(first.body.len() < 20_000);
}

#[test]
fn standard_takes_one_alert_and_needs_a_key() {
    let unsigned = target(WebhookFormat::Standard, "https://hooks.example/", None);
    let failed = |target: &Target, alerts: &[AlertToSend]| {
        built(target, &Message::alerts(alerts), now()).err()
    };
    assert_eq!(
        failed(&unsigned, &[alert(7, None)]),
        Some(FormatError::Unsigned)
    );
    let signed = unsigned.signed_with([&SecretText(KEY.to_owned())]);
    let signed = signed.expect("a key");
    assert_eq!(failed(&signed, &[]), Some(FormatError::Empty));
    let two = [alert(7, None), alert(8, None)];
    assert_eq!(failed(&signed, &two), Some(FormatError::Several));
    let slack = target(WebhookFormat::Slack, "https://hooks.example/", None);
    assert_eq!(failed(&slack, &[]), Some(FormatError::Empty));
}

#[test]
fn slack_gets_a_text_without_mentions() {
    let target = target(
        WebhookFormat::Slack,
        "https://hooks.slack.com/services/T/B/X",
        None,
    );
    assert_eq!(
        recorded(&target, &[alert(7, Some("Big moves"))]),
        "https://hooks.slack.com/services/T/B/X\n\
         content-type: application/json\n\
         {\"text\":\"AAPL rose 5.43% to 196.1 (Big moves)\"}"
    );
    assert_eq!(
        recorded(&target, &[alert(7, None), alert(8, Some(HOSTILE))]),
        "https://hooks.slack.com/services/T/B/X\n\
         content-type: application/json\n\
         {\"text\":\"2 alerts\\nAAPL rose 5.43% to 196.1\\nAAPL rose 5.43% to 196.1 \
         (&lt;!channel&gt; &lt;@\u{200b}U1&gt; @\u{200b}everyone @\u{200b}channel ∗b∗ ＿i＿ ∼s∼ ˋcˋ \
         [x]\u{200b}(http://e) ||s|| # h &amp; \\\\ BTC_USD)\"}"
    );
}

#[test]
fn discord_gets_escaped_content_that_mentions_no_one() {
    let target = target(
        WebhookFormat::Discord,
        "https://discord.com/api/webhooks/1/X",
        None,
    );
    assert_eq!(
        recorded(&target, &[alert(7, Some("Big moves"))]),
        "https://discord.com/api/webhooks/1/X\n\
         content-type: application/json\n\
         {\"content\":\"AAPL rose 5.43% to 196.1 (Big moves)\",\"allowed_mentions\":{\"parse\":[]}}"
    );
    assert_eq!(
        recorded(&target, &[alert(7, Some(HOSTILE))]),
        "https://discord.com/api/webhooks/1/X\n\
         content-type: application/json\n\
         {\"content\":\"AAPL rose 5.43% to 196.1 \
         (\\\\<!channel\\\\> \\\\<@\u{200b}U1\\\\> @\u{200b}everyone @\u{200b}channel \\\\*b\\\\* \
         \\\\_i\\\\_ \\\\~s\\\\~ \\\\`c\\\\` \\\\[x\\\\](http://e) \\\\|\\\\|s\\\\|\\\\| \\\\# h & \
         \\\\\\\\ BTC\\\\_USD)\",\"allowed_mentions\":{\"parse\":[]}}"
    );
}

#[test]
fn ntfy_gets_the_text_with_title_priority_tags_and_token() {
    let target = target(WebhookFormat::Ntfy, "https://ntfy.sh/topic", Some("tk_1"));
    assert_eq!(
        recorded(&target, &[alert(7, Some("Big moves"))]),
        "https://ntfy.sh/topic\n\
         content-type: text/plain; charset=utf-8\n\
         title: AAPL: Big moves\n\
         priority: 3\n\
         tags: chart_with_upwards_trend\n\
         authorization: Bearer tk_1\n\
         AAPL rose 5.43% to 196.1 (Big moves)"
    );
}

#[test]
fn telegram_gets_the_chat_in_the_body() {
    let url = "https://api.telegram.org/bot123:X/sendMessage?chat_id=";
    for (chat, sent) in [("-100123", "-100123"), ("%40alerts", "\"@alerts\"")] {
        let target = target(WebhookFormat::Telegram, &format!("{url}{chat}"), None);
        assert_eq!(
            recorded(&target, &[alert(7, Some("@all *b* <b>"))]),
            format!(
                "https://api.telegram.org/bot123:X/sendMessage\n\
                 content-type: application/json\n\
                 {{\"chat_id\":{sent},\
                 \"text\":\"AAPL rose 5.43% to 196.1 (@\u{200b}all *b* <b>)\"}}"
            )
        );
    }
}

#[test]
fn apprise_gets_title_body_and_tag() {
    let url = "https://apprise.example/notify/key?tag=a+b&x=1";
    let target = target(WebhookFormat::Apprise, url, Some("tk_1"));
    assert_eq!(
        recorded(&target, &[alert(7, Some("@all")), alert(8, None)]),
        "https://apprise.example/notify/key?x=1\n\
         content-type: application/json\n\
         authorization: Bearer tk_1\n\
         {\"title\":\"2 alerts\",\"body\":\"AAPL rose 5.43% to 196.1 (@\u{200b}all)\\n\
         AAPL rose 5.43% to 196.1\",\"type\":\"warning\",\"tag\":\"a b\"}"
    );
    let url = "https://apprise.example/notify/key";
    let target = self::target(WebhookFormat::Apprise, url, None);
    assert_eq!(
        recorded(&target, &[alert(7, Some("@all"))]),
        "https://apprise.example/notify/key\n\
         content-type: application/json\n\
         {\"title\":\"AAPL: @\u{200b}all\",\"body\":\"AAPL rose 5.43% to 196.1 (@\u{200b}all)\",\
         \"type\":\"warning\"}"
    );
}

fn mailed(alerts: &[AlertToSend]) -> String {
    let address = |text: &str| text.parse().expect("an address");
    let (from, to) = (
        address("alerts@example.com"),
        address("someone@example.org"),
    );
    let mail = mail(&from, &to, Message::alerts(alerts).content(), now());
    String::from_utf8(mail.expect("a mail").formatted()).expect("text")
}

#[test]
fn a_mail_is_plain_text_with_the_id_of_its_alerts() {
    assert_eq!(
        mailed(&[alert(7, Some("Big moves\r\nBcc: a@b.example"))]),
        "From: \"Stock Tracker\" <alerts@example.com>\r\n\
         To: someone@example.org\r\n\
         Subject: AAPL: Big moves Bcc: a@b.example\r\n\
         Date: Sat, 28 Nov 2026 15:30:15 +0000\r\n\
         Message-ID: <Alert-7@example.com>\r\n\
         Auto-Submitted: auto-generated\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 7bit\r\n\
         \r\n\
         AAPL rose 5.43% to 196.1 (Big moves Bcc: a@b.example)\r\n"
    );
    let several = mailed(&[alert(7, None), alert(8, Some("Größe")), alert(29, None)]);
    assert!(several.contains("Subject: 3 alerts\r\n"), "{several}");
    assert!(
        several.contains("Message-ID: <Alerts-7-29@example.com>\r\n"),
        "{several}"
    );
    assert!(
        several.contains("Content-Transfer-Encoding: quoted-printable"),
        "{several}"
    );
    assert!(several.is_ascii());
}

#[test]
fn a_test_is_marked_in_every_format() {
    let message = Message::test(now());
    for (format, url) in [
        (WebhookFormat::Slack, "https://hooks.example/"),
        (WebhookFormat::Discord, "https://hooks.example/"),
        (WebhookFormat::Ntfy, "https://ntfy.sh/topic"),
        (
            WebhookFormat::Telegram,
            "https://api.telegram.org/bot1:X/sendMessage?chat_id=1",
        ),
        (WebhookFormat::Apprise, "https://apprise.example/notify/key"),
    ] {
        let later = now().after(Duration::from_hours(1));
        let request = built(&target(format, url, None), &message, later).expect("a request");
        let body = String::from_utf8(request.body).expect("text");
        let marked = "This is a test of Stock Tracker. An alert looks like this: AAPL rose";
        assert!(body.contains(marked), "{format:?}: {body}");
    }
    let standard = target(WebhookFormat::Standard, "https://hooks.example/", None);
    let standard = standard
        .signed_with([&SecretText(KEY.to_owned())])
        .expect("a key");
    let request = built(&standard, &message, now()).expect("a request");
    let id = request.headers["webhook-id"].to_str().expect("text");
    assert!(id.starts_with("test_") && id.len() == 21, "{id}");
    let body = String::from_utf8(request.body).expect("text");
    assert!(
        body.starts_with(r#"{"type":"alert.test","timestamp":"2026"#),
        "{body}"
    );
    let address = |text: &str| text.parse().expect("an address");
    let (from, to) = (
        address("alerts@example.com"),
        address("someone@example.org"),
    );
    let mail = mail(&from, &to, message.content(), now()).expect("a mail");
    let mail = String::from_utf8(mail.formatted()).expect("text");
    assert!(
        mail.contains(&format!("Message-ID: <{id}@example.com>")),
        "{mail}"
    );
    assert!(mail.contains("Subject: Test of Stock Tracker"), "{mail}");
}
