//! The operator's kit: the image, the compose file, and what Prometheus and Grafana are given.
//!
//! No container runs here. What would run in one is run as it is: the shipped files, by the
//! programs that read them.

mod alert;
mod compose;
mod dashboard;
mod image;
mod prometheus;
mod restore;
mod secrets;

use std::path::{Path, PathBuf};

use serde_json::Value;

pub(crate) use prometheus::Prometheus;

/// The queries that README.md promises to work as they stand there.
pub(crate) const QUERIES: [&str; 5] = [
    "rate(stock_tracker_api_calls_total[5m])",
    "rate(stock_tracker_api_call_duration_seconds_sum[5m]) / rate(stock_tracker_api_call_duration_seconds_count[5m])",
    "stock_tracker_current_price",
    "stock_tracker_websocket_clients",
    "rate(stock_tracker_alerts_triggered_total[1h])",
];

/// A program of a package of Debian's.
///
/// # Panics
///
/// If it is not installed: without it nothing is proven.
pub(crate) fn program(name: &str, package: &str) -> PathBuf {
    #[expect(
        clippy::disallowed_methods,
        reason = "looks for programs, not for settings"
    )]
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name));
    found.into_iter().find(|it| it.is_file()).unwrap_or_else(|| {
        panic!("the tests need {name}: install it with `apt-get install {package}`, as `make test` does")
    })
}

/// A file or folder of the repository.
fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn text(path: &str) -> String {
    let path = shipped(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(text: &str) -> Value {
    serde_norway::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The elements of what must be a list.
fn list(value: &Value) -> &[Value] {
    value
        .as_array()
        .unwrap_or_else(|| panic!("no list: {value}"))
}

/// What must be a text.
fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}
