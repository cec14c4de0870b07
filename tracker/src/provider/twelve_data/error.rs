//! Classifies the errors of Twelve Data, which it sends instead of a response or of a symbol in it:
//!
//! ```json
//! {"code":429,"message":"You have run out of API credits for the current minute.",
//!     "status":"error"}
//! ```

use std::time::Duration;

use runtime::config::Secret;

use crate::provider::{PollError, field, json};

/// The wait after the credits of a minute are used up.
const MINUTE_WAIT: Duration = Duration::from_mins(1);

/// Returns the error that a JSON text is, or `None` if it is something else.
pub(super) fn of(body: &[u8], key: &Secret) -> Option<PollError> {
    let fields: json::Object<'_> = serde_json::from_slice(body).ok()?;
    of_object(&fields, key)
}

/// Returns the error that an object is, or `None` if it is something else.
pub(super) fn of_object(fields: &json::Object<'_>, key: &Secret) -> Option<PollError> {
    let text = |name| json::text_of(fields, name);
    let status = text("status");
    let code = text("code");
    if status.as_deref() != Some("error") && (code.is_none() || text("message").is_none()) {
        return None;
    }
    let message = text("message").unwrap_or_default();
    let lower = message.to_ascii_lowercase();
    let contains = |words: &str| lower.contains(words);
    let needs_plan = contains("plan") && (contains("available") || contains("upgrad"));
    Some(match code.as_deref() {
        Some("401") => PollError::refused("the key is invalid or missing"),
        Some("403") => PollError::NotEntitled,
        Some("400" | "404") if needs_plan => PollError::NotEntitled,
        Some("404") => PollError::UnknownSymbol,
        Some("400") if contains("symbol") => PollError::UnknownSymbol,
        Some("429") if contains("day") => PollError::BudgetSpent,
        Some("429") => PollError::RateLimited { wait: MINUTE_WAIT },
        code => {
            let code = field::excerpt(code.unwrap_or("without a code"), &[key]);
            let message = field::excerpt(&message, &[key]);
            PollError::upstream(format!("error {code}: {message}"))
        }
    })
}
