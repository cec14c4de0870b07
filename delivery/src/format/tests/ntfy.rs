//! The headers for ntfy.

use entity::{AlertKind, Direction};

use super::*;

fn ntfy_header(alerts: &[AlertToSend], name: &str) -> String {
    let target = target(WebhookFormat::Ntfy, "https://ntfy.sh/topic", None);
    let request = built(&target, &Message::alerts(alerts), now()).expect("a request");
    request.headers[name].to_str().expect("text").to_owned()
}

#[test]
fn the_title_for_ntfy_is_encoded_if_it_is_not_ascii() {
    for (name, title) in [
        ("Big\r\nX-Title: moves", "AAPL: Big X-Title: moves"),
        ("Größe", "=?UTF-8?B?QUFQTDogR3LDtsOfZQ==?="),
        (
            "=?UTF-8?B?QQ==?=",
            "=?UTF-8?B?QUFQTDogPT9VVEYtOD9CP1FRPT0/PQ==?=",
        ),
        (
            "ä".repeat(30).as_str(),
            "=?UTF-8?B?QUFQTDogw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6Q=?= \
             =?UTF-8?B?w6TDpMOkw6TDpMOkw6TDpMOkw6TDpA==?=",
        ),
    ] {
        assert_eq!(ntfy_header(&[alert(7, Some(name))], "title"), title);
    }
    let longest = ntfy_header(&[alert(7, Some(&"💸".repeat(120)))], "title");
    assert!(longest.split(' ').all(|word| word.len() <= 75), "{longest}");
}

#[test]
fn the_priority_for_ntfy_is_high_from_twice_the_threshold_on() {
    let priority = |change: &str, kind, threshold: Option<i32>| {
        let mut it = alert(7, None);
        it.alert.change_percent = Some(change.parse().expect("a percentage"));
        it.alert.kind = kind;
        it.rule_threshold = threshold.map(entity::Decimal::from_int);
        ntfy_header(&[alert(1, None), it], "priority")
    };
    let percent = AlertKind::PercentChange;
    for (change, kind, threshold, wanted) in [
        ("9.9999", percent, Some(5), "3"),
        ("10", percent, Some(5), "4"),
        ("-10", percent, Some(5), "4"),
        ("10", AlertKind::ChangeInWindow, Some(5), "4"),
        ("10", AlertKind::PriceAbove, Some(5), "3"),
        ("10", AlertKind::VolumeSpike, Some(5), "3"),
        ("10", percent, Some(0), "3"),
        ("10", percent, None, "3"),
    ] {
        assert_eq!(
            priority(change, kind, threshold),
            wanted,
            "{change} {kind:?}"
        );
    }
}

#[test]
fn the_tags_for_ntfy_are_those_of_the_directions() {
    let mut down = alert(8, None);
    down.alert.direction = Direction::Down;
    for (alerts, tags) in [
        (&[alert(7, None)][..], "chart_with_upwards_trend"),
        (&[down.clone()], "chart_with_downwards_trend"),
        (
            &[down, alert(7, None)],
            "chart_with_upwards_trend,chart_with_downwards_trend",
        ),
    ] {
        assert_eq!(ntfy_header(alerts, "tags"), tags);
    }
}
