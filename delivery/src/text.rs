//! The text of messages for people: titles and lines.
//!
//! The name of a rule is text of a user. It is put on one line, in parentheses after the message of
//! the alert, and each format escapes it.

use std::{fmt::Write, time::Duration};

use entity::{Alert, Timestamp};

use crate::{AlertToSend, message::Content};

/// Age from which a message contains the time at which its alert fired.
const OLD: Duration = Duration::from_mins(5);
/// Follows each `@`, so that it mentions no one. Not visible.
const ZERO_WIDTH_SPACE: char = '\u{200b}';

/// Escapes the special characters of a format.
pub(crate) type Escape = fn(&str) -> String;

/// The text of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    /// The title, which is not escaped.
    pub(crate) title: String,
    /// The lines, one for each alert.
    pub(crate) lines: Vec<String>,
}

impl Text {
    /// Creates the text of a message.
    pub(crate) fn new(content: &Content, now: Timestamp, escape: Escape) -> Self {
        let alerts = match content {
            Content::Alerts(alerts) => alerts,
            Content::Test(test) => {
                return Self {
                    title: "Test of Stock Tracker".to_owned(),
                    lines: vec![format!(
                        "This is a test of Stock Tracker. An alert looks like this: {}",
                        escape(&test.alert.message())
                    )],
                };
            }
        };
        let lines = alerts.iter().map(|it| line(&it.alert, now, escape));
        Self {
            title: title(alerts),
            lines: lines.collect(),
        }
    }

    /// The text for formats without a title. A single alert needs none.
    pub(crate) fn with_title(self) -> String {
        match self.lines.as_slice() {
            [line] => line.clone(),
            lines => format!("{}\n{}", self.title, lines.join("\n")),
        }
    }

    /// The text for formats with a title.
    pub(crate) fn body(&self) -> String {
        self.lines.join("\n")
    }
}

fn title(alerts: &[AlertToSend]) -> String {
    match alerts {
        [AlertToSend { alert, .. }] => match name(alert) {
            Some(name) => format!("{}: {name}", alert.symbol),
            None => format!("{} alert", alert.symbol),
        },
        alerts => count_title(alerts.len()),
    }
}

/// The title of a message with several alerts.
pub(crate) fn count_title(alerts: usize) -> String {
    format!("{alerts} alerts")
}

/// The line of an alert: its message, the name of its rule, and when it fired if that is a while
/// ago.
pub(crate) fn line(alert: &Alert, now: Timestamp, escape: Escape) -> String {
    let mut line = escape(&alert.message());
    if let Some(name) = name(alert) {
        let _ = write!(line, " ({})", escape(&name));
    }
    let fired_at = alert.recorded_at();
    if now.since(fired_at) > OLD {
        let fired_at = fired_at.to_utc().format("%Y-%m-%d %H:%M UTC");
        let _ = write!(line, ", fired at {fired_at}");
    }
    line
}

/// The name of the rule on one line, without characters that change the direction of text.
fn name(alert: &Alert) -> Option<String> {
    let visible = |it: char| match it {
        '\u{061c}'
        | '\u{200b}'
        | '\u{200e}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{feff}' => None,
        it if it.is_control() || ['\u{2028}', '\u{2029}'].contains(&it) => Some(' '),
        it => Some(it),
    };
    let name: String = alert
        .rule_name
        .as_deref()?
        .chars()
        .filter_map(visible)
        .collect();
    let words: Vec<_> = name.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// Leaves the text as it is.
pub(crate) fn plain(text: &str) -> String {
    text.to_owned()
}

/// Separates each `@` from the name after it, so that it mentions no one.
pub(crate) fn without_mentions(text: &str) -> String {
    text.replace('@', &format!("@{ZERO_WIDTH_SPACE}"))
}

#[cfg(test)]
mod tests;
