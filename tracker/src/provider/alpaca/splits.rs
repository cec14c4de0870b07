//! Parses the response to `/v1beta1/corporate-actions`.
//!
//! ```json
//! {"corporate_actions":{"forward_splits":[{"symbol":"NVDA","new_rate":10,"old_rate":1,
//!     "ex_date":"2024-06-10"}]},"next_page_token":null}
//! ```

use chrono::NaiveDate;
use entity::{Ratio, Split, Symbol};
use serde_json::value::RawValue;

use crate::provider::{PollError, field, json, splits::in_order};

/// Parses the splits of `requested`, in order of their days. Rows that are invalid or of other
/// symbols are left out.
///
/// # Errors
/// The response is not an object with `corporate_actions`.
pub(super) fn parse(body: &[u8], requested: &Symbol) -> Result<Vec<Split>, PollError> {
    let response: json::Object<'_> = json::response(body)?;
    let actions = response.get("corporate_actions");
    let actions = actions.and_then(|actions| json::object(actions));
    let actions = actions.ok_or_else(|| PollError::malformed("no corporate actions"))?;
    let lists = ["forward_splits", "reverse_splits"].into_iter();
    let rows = lists.filter_map(|name| json::list(actions.get(name)?));
    let splits = rows.flatten().filter_map(|row| split(row, requested));
    Ok(in_order(splits))
}

fn split(row: &RawValue, requested: &Symbol) -> Option<(NaiveDate, Ratio)> {
    let row = json::object(row)?;
    let text = |name| json::text_of(&row, name);
    let rate = |name| Ratio::parse_decimal(&text(name)?).ok();
    let symbol = text("symbol")?;
    if !field::is_same_symbol(&symbol, requested.as_str()) {
        return None;
    }
    let day = field::date(&text("ex_date")?)?;
    Some((day, rate("new_rate")?.over(rate("old_rate")?)))
}
