//! The settings in `docker-compose.yml`, generated.
//!
//! One invariant: whatever can be set in `.env` reaches the programs' containers, but for what the file itself decides.
//! A test keeps the committed file fresh: `make fresh` rewrites it.

use super::VARIABLES;

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
