//! Recorded responses of Alpha Vantage, for the tests of the parsers.

use std::{fmt, time::Duration};

use entity::Symbol;
use runtime::config::Secret;

use crate::provider::PollError;

/// The API key that the recorded responses contain.
const KEY: &str = "RECORDEDKEY00001";

/// Returns the API key that the recorded responses contain.
pub(super) fn key() -> Secret {
    Secret::new(KEY)
}

/// Returns the symbol of the recorded quotes and histories.
pub(super) fn msft() -> Symbol {
    "MSFT".parse().expect("a symbol")
}

/// Reads a recorded response by the name of its file, without the extension.
pub(super) fn recorded(name: &str) -> String {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/alpha_vantage");
    std::fs::read_to_string(format!("{directory}/{name}.json")).expect("a recorded response")
}

/// Checks that a parser returns the error of each recorded notice, and that no error contains the
/// key.
pub(super) fn check_notices<T: fmt::Debug>(parse: impl Fn(&[u8]) -> Result<T, PollError>) {
    let failure = |name: &str| {
        let error = parse(recorded(name).as_bytes()).expect_err(name);
        let text = format!("{error} {error:?}");
        assert!(!text.contains(KEY), "{name}: {text}");
        error
    };
    let limited = |seconds| PollError::RateLimited {
        wait: Duration::from_secs(seconds),
    };
    for (name, error) in [
        ("burst", limited(2)),
        ("burst_pattern", limited(2)),
        ("per_minute", limited(60)),
        ("per_minute_note", limited(60)),
        ("daily", PollError::BudgetSpent),
        ("premium", PollError::NotEntitled),
        ("artificial", PollError::NotEntitled),
        ("invalid_call", PollError::UnknownSymbol),
        ("invalid_call_information", PollError::UnknownSymbol),
        ("empty", PollError::UnknownSymbol),
    ] {
        assert_eq!(failure(name), error, "{name}");
    }
    for name in ["invalid_key", "demo_key"] {
        let error = failure(name);
        assert!(
            matches!(error, PollError::Refused { .. }),
            "{name}: {error:?}"
        );
    }
    for name in ["unknown_notice", "unknown_error"] {
        let error = failure(name);
        assert!(
            matches!(error, PollError::Upstream { .. }),
            "{name}: {error:?}"
        );
    }
}
