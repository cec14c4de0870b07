//! Titles and lines.

use std::time::Duration;

use super::*;
use crate::sample::{FIRED, alert, at};

fn now() -> Timestamp {
    at(FIRED).after(Duration::from_secs(3))
}

fn text(alerts: &[AlertToSend], now: Timestamp) -> Text {
    Text::new(&Content::Alerts(alerts.to_vec()), now, plain)
}

#[test]
fn a_single_alert_is_its_message_with_the_name_of_its_rule() {
    let single = text(&[alert(7, None)], now());
    assert_eq!(single.title, "AAPL alert");
    assert_eq!(single.with_title(), "AAPL rose 5.43% to 196.1");
    let named = text(&[alert(7, Some("Big moves"))], now());
    assert_eq!(named.title, "AAPL: Big moves");
    assert_eq!(named.body(), "AAPL rose 5.43% to 196.1 (Big moves)");
}

#[test]
fn several_alerts_are_one_line_each_below_their_number() {
    let several = text(&[alert(7, None), alert(8, Some("Big moves"))], now());
    assert_eq!(several.title, "2 alerts");
    assert_eq!(
        several.with_title(),
        "2 alerts\nAAPL rose 5.43% to 196.1\nAAPL rose 5.43% to 196.1 (Big moves)"
    );
}

#[test]
fn a_message_older_than_five_minutes_says_when_its_alert_fired() {
    let fired = at(FIRED);
    let line = |after| text(&[alert(7, None)], fired.after(after)).body();
    assert_eq!(line(Duration::from_mins(5)), "AAPL rose 5.43% to 196.1");
    assert_eq!(
        line(Duration::from_millis(300_001)),
        "AAPL rose 5.43% to 196.1, fired at 2026-11-28 15:30 UTC"
    );
    // The clock may be behind.
    let before = text(&[alert(7, None)], fired.before(Duration::from_hours(1)));
    assert_eq!(before.body(), "AAPL rose 5.43% to 196.1");
    // A held price fires later than it was recorded.
    let mut held = alert(7, None);
    held.alert.fired_at = Some(at("2026-11-28T17:00:00Z"));
    assert_eq!(
        text(&[held.clone()], at("2026-11-28T17:05:00Z")).body(),
        "AAPL rose 5.43% to 196.1"
    );
    assert_eq!(
        text(&[held], at("2026-11-28T17:05:01Z")).body(),
        "AAPL rose 5.43% to 196.1, fired at 2026-11-28 17:00 UTC"
    );
}

#[test]
fn the_name_of_a_rule_stays_on_its_line() {
    for (given, shown) in [
        ("a\r\nb\tc", " (a b c)"),
        ("a\u{2028}b\u{85}c", " (a b c)"),
        ("\u{202e}evil\u{2066}\u{200b}\u{feff}", " (evil)"),
        (" \n ", ""),
        ("\u{0}\u{1b}[31m", " ([31m)"),
    ] {
        let line = text(&[alert(7, Some(given))], now()).body();
        let message = "AAPL rose 5.43% to 196.1";
        assert_eq!(line, format!("{message}{shown}"), "{given:?}");
        assert_eq!(line.lines().count(), 1);
    }
}
