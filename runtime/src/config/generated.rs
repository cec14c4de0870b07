//! Generates `.env.example` and the settings in `docker-compose.yml` from the table of variables.
//!
//! Tests compare the committed files with the generated text; `make generate` rewrites them.

use std::fmt::Write as _;

use super::{DefaultValue, VARIABLES, Variable};

/// The first lines of `.env.example`.
const ENV_EXAMPLE_HEADER: &str = "\
# Settings of Stock Tracker, with their defaults. Copy this file to .env and uncomment the settings
# that you change. Each setting is also a flag: UPDATE_INTERVAL is --update-interval. Flags override
# the environment, and the environment overrides this file. Durations are an integer with ms, s, m,
# h or d, such as 5m, and greater than 0 unless noted. Enclose values that contain spaces, # or $ in
# single quotes.
# Generated from the table in runtime/src/config/variable.rs; do not edit.
";

/// Maximum width of a comment in `.env.example`, in characters.
const COMMENT_WIDTH: usize = 100;
/// The lines of `docker-compose.yml` before and after the generated settings.
const COMPOSE_MARKERS: [&str; 2] = ["  # <settings>\n", "  # </settings>\n"];
/// Variables that are not generated, because `docker-compose.yml` sets them for its containers.
const SET_BY_COMPOSE: [&str; 9] = [
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

/// The text of `.env.example`: all variables with their defaults, commented out, so that a copy of
/// the file changes nothing.
pub fn env_example() -> String {
    let mut text = ENV_EXAMPLE_HEADER.to_owned();
    let mut section = "";
    for variable in VARIABLES {
        if variable.section != section {
            section = variable.section;
            let _ = writeln!(text, "\n# ── {section} ──");
        }
        text.push_str(&env_example_lines(variable));
    }
    text
}

fn env_example_lines(variable: &Variable) -> String {
    let (value, note) = match variable.default {
        DefaultValue::Fixed(value) => (value, String::new()),
        DefaultValue::PerProgram { api, tracker } => (
            api,
            format!(" (default: {api} for api, {tracker} for tracker)"),
        ),
        DefaultValue::Described(words) => ("", format!(" (default: {words})")),
        DefaultValue::Unset => ("", String::new()),
    };
    let mut lines = comment(&format!("{}{note}.", variable.help));
    let _ = writeln!(lines, "#{}={value}", variable.name);
    lines
}

/// Wraps a text into comment lines of at most [`COMMENT_WIDTH`] characters.
fn comment(text: &str) -> String {
    let mut lines = String::new();
    let mut width = 0;
    for word in text.split(' ') {
        let length = word.chars().count() + 1;
        if width == 0 || width + length > COMMENT_WIDTH {
            lines.push_str(if width == 0 { "#" } else { "\n#" });
            width = 1;
        }
        lines.push(' ');
        lines.push_str(word);
        width += length;
    }
    lines.push('\n');
    lines
}

/// Replaces the settings between the markers in `file`, the text of `docker-compose.yml`. Returns
/// `None` if a marker is missing.
pub fn with_fresh_settings(file: &str) -> Option<String> {
    let [begin, end] = COMPOSE_MARKERS;
    let (head, rest) = file.split_once(begin)?;
    let (_, tail) = rest.split_once(end)?;
    let lines: String = VARIABLES
        .iter()
        .filter(|variable| !SET_BY_COMPOSE.contains(&variable.name))
        // A name without a value passes the variable on only if it is set.
        .flat_map(|variable| ["  ", variable.name, ":\n"])
        .collect();
    Some(format!("{head}{begin}{lines}{end}{tail}"))
}
