//! The file `.env.example`, generated.
//!
//! One invariant: it lists every variable with its default, all commented out, so that copying it changes nothing.
//! A test keeps the committed file fresh: `UPDATE=1 cargo test -p runtime env_example` rewrites it.

use std::fmt::Write as _;

use super::{Fallback, VARIABLES, Variable};

const HEAD: &str = "\
# Settings of Stock Tracker: copy this file to .env and uncomment what you change.
# Each is also a flag (UPDATE_INTERVAL is --update-interval). A flag wins over the environment, the environment over
# this file. Durations are an integer with ms, s, m, h or d. Put single quotes around values with spaces, # or $.
# Generated from the table in runtime/src/config/variable.rs; do not edit.
";

/// The text of `.env.example`.
pub fn env_example() -> String {
    let mut text = HEAD.to_owned();
    let mut section = "";
    for variable in VARIABLES {
        if variable.section != section {
            section = variable.section;
            let _ = writeln!(text, "\n# ── {section} ──");
        }
        text.push_str(&lines(variable));
    }
    text
}

fn lines(variable: &Variable) -> String {
    let (value, note) = match variable.fallback {
        Fallback::Value(value) => (value, String::new()),
        Fallback::PerProgram { api, tracker } => (
            api,
            format!(" (by default {api} for api, {tracker} for tracker)"),
        ),
        Fallback::Said(words) => ("", format!(" (by default {words})")),
        Fallback::Nothing => ("", String::new()),
    };
    format!("# {}{note}.\n#{}={value}\n", variable.help, variable.name)
}

/// What stands before and after the generated lines.
const MARKS: [&str; 2] = ["  # <settings>\n", "  # </settings>\n"];
/// Set in the file itself: where containers find each other and their secrets.
const DECIDED: [&str; 9] = [
    "DATABASE_URL",
    "DATABASE_PASSWORD_FILE",
    "API_HOST",
    "API_PORT",
    "METRICS_HOST",
    "METRICS_PORT",
    "ADMIN_TOKEN",
    "ADMIN_TOKEN_FILE",
    "SHUTDOWN_GRACE",
];

/// `file` with fresh lines between the marks; none if a mark is missing.
pub fn with_fresh_settings(file: &str) -> Option<String> {
    let [begin, end] = MARKS;
    let (head, rest) = file.split_once(begin)?;
    let (_, tail) = rest.split_once(end)?;
    let lines: String = VARIABLES
        .iter()
        .filter(|variable| !DECIDED.contains(&variable.name))
        // Without a value it is passed on if it is set, and only then.
        .flat_map(|variable| ["  ", variable.name, ":\n"])
        .collect();
    Some(format!("{head}{begin}{lines}{end}{tail}"))
}
