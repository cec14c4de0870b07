//! Tests of the deployment files: the image, the compose file, and the configuration of Prometheus
//! and Grafana.
//!
//! They run without containers: each file is read by the program that reads it in the container.

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

/// The Prometheus queries that README.md documents.
pub(crate) const QUERIES: [&str; 5] = [
    "rate(stock_tracker_api_calls_total[5m])",
    "rate(stock_tracker_api_call_duration_seconds_sum[5m]) / rate(stock_tracker_api_call_duration_seconds_count[5m])",
    "stock_tracker_current_price",
    "stock_tracker_websocket_clients",
    "rate(stock_tracker_alerts_triggered_total[1h])",
];

/// Finds a program of a Debian package.
///
/// # Panics
///
/// If the program is not installed, so that no test is skipped.
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

/// Returns the elements of a list. Panics for another type.
fn list(value: &Value) -> &[Value] {
    value
        .as_array()
        .unwrap_or_else(|| panic!("not a list: {value}"))
}

/// Returns the text of a string. Panics for another type.
fn word(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a string: {value}"))
}
