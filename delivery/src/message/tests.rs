//! How many alerts a message takes.

use std::time::Duration;

use super::*;
use crate::sample::{FIRED, alert, at};

const FORMATS: [WebhookFormat; 6] = [
    WebhookFormat::Slack,
    WebhookFormat::Discord,
    WebhookFormat::Ntfy,
    WebhookFormat::Telegram,
    WebhookFormat::Apprise,
    WebhookFormat::Email,
];

#[test]
fn a_message_takes_as_many_alerts_as_fit() {
    let now = at(FIRED).after(Duration::from_hours(1));
    for name in ["Big moves", &"&<@*".repeat(30), &"💸".repeat(120)] {
        let alerts: Vec<_> = (1..=1000).map(|id| alert(id, Some(name))).collect();
        for format in FORMATS {
            let limit = format::limit(format).expect("a limit");
            let mut rest = alerts.as_slice();
            let mut messages = 0;
            while !rest.is_empty() {
                let taken = take(format, rest, now);
                let content = Content::Alerts(rest[..taken].to_vec());
                let text = text::Text::new(&content, now, limit.escape).with_title();
                assert!(
                    limit.size(&text) <= limit.most,
                    "{format:?}: {}",
                    text.len()
                );
                if taken < rest.len() {
                    // One more would not have fitted.
                    let content = Content::Alerts(rest[..=taken].to_vec());
                    let text = text::Text::new(&content, now, limit.escape).with_title();
                    assert!(limit.size(&text) + 2 > limit.most, "{format:?}");
                }
                rest = &rest[taken..];
                messages += 1;
            }
            assert!(messages < 1000, "{format:?} takes one alert a message");
        }
    }
}

#[test]
fn a_message_takes_at_least_one_alert_and_standard_takes_one() {
    let now = at(FIRED);
    for format in FORMATS {
        assert_eq!(take(format, &[], now), 0);
        assert_eq!(take(format, &[alert(1, None)], now), 1);
        assert_eq!(take(format, &[alert(1, None), alert(2, None)], now), 2);
    }
    let two = [alert(1, None), alert(2, None)];
    assert_eq!(take(WebhookFormat::Standard, &two, now), 1);
    assert_eq!(take(WebhookFormat::Standard, &[], now), 0);
}

#[test]
fn each_test_message_has_its_own_id() {
    let now = at(FIRED);
    assert_ne!(Message::test(now), Message::test(now));
}
