//! Parses the response to `SPLITS`.
//!
//! ```json
//! {"symbol":"NVDA","data":[{"effective_date":"2024-06-10","split_factor":"10.0000"}]}
//! ```

use chrono::NaiveDate;
use entity::{Ratio, Split, Symbol};
use runtime::config::Secret;

use super::response::{ApiResponse, Object};
use crate::provider::{PollError, field, splits::in_order};

/// The rounding error of a factor, which has four decimals, is at most 1 / `TOLERANCE`.
const TOLERANCE: i128 = 20_000;

/// Parses the splits of `requested`, in order of their days. Rows with an invalid day or factor and
/// factors of 1 are left out. Of two rows of a day, the later one counts. The `key` is removed from
/// errors.
///
/// # Errors
/// Those of [`ApiResponse`], and the splits of another symbol.
pub(super) fn parse(
    body: &[u8],
    requested: &Symbol,
    key: &Secret,
) -> Result<Vec<Split>, PollError> {
    let response = ApiResponse::parse(body)?;
    let rows = response.rows("data", key)?;
    let other = |symbol: &str| !symbol.eq_ignore_ascii_case(requested.as_str());
    if response.text("symbol").is_some_and(|symbol| other(&symbol)) {
        return Err(PollError::malformed("the splits are of another symbol"));
    }
    Ok(in_order(rows.iter().filter_map(split)))
}

fn split(row: &Object<'_>) -> Option<(NaiveDate, Ratio)> {
    let text = |name: &str| field::text(row.get(name)?);
    let day = field::date(&text("effective_date")?)?;
    Some((day, ratio(&text("split_factor")?)?))
}

/// Parses a factor such as `10.0000` or `3:2`. A decimal is read as the simplest fraction that
/// rounds to it: 0.3333 is 1/3.
fn ratio(factor: &str) -> Option<Ratio> {
    let number = |text: &str| Ratio::parse_decimal(text.trim()).ok();
    match factor.split_once([':', '/']) {
        Some((new, old)) => Some(number(new)?.over(number(old)?)),
        None => Some(number(factor)?.simplest_within(Ratio::new(1, TOLERANCE)?)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::provider::testing::{check_malformed, damaged, not_json};

    const BODY: &str = r#"{"symbol":"NVDA","data":[
        {"effective_date":"2024-06-10","split_factor":"10.0000"},
        {"effective_date":"2021-07-20","split_factor":4},
        {"effective_date":"2007-09-11","split_factor":"1.5000"},
        {"effective_date":"2003-01-02","split_factor":"0.3333"},
        {"effective_date":"2002-01-02","split_factor":"3:2"}]}"#;

    fn parsed(body: &str) -> Result<Vec<String>, PollError> {
        let requested = "NVDA".parse().expect("a symbol");
        let splits = parse(body.as_bytes(), &requested, &Secret::new("K3Y"))?;
        Ok(splits
            .iter()
            .map(|split| format!("{} {}", split.effective_on, split.ratio))
            .collect())
    }

    #[test]
    fn splits_are_in_order_of_days_and_in_lowest_terms() {
        assert_eq!(
            parsed(BODY).as_deref(),
            Ok(&[
                "2002-01-02 3/2".to_owned(),
                "2003-01-02 1/3".to_owned(),
                "2007-09-11 3/2".to_owned(),
                "2021-07-20 4/1".to_owned(),
                "2024-06-10 10/1".to_owned(),
            ][..])
        );
    }

    #[test]
    fn invalid_rows_are_left_out() {
        let body = r#"{"symbol":"nvda","data":[7, null, {}, {"effective_date":"2024-06-10"},
            {"effective_date":"10.06.2024","split_factor":"10"},
            {"effective_date":"2024-06-10","split_factor":"0"},
            {"effective_date":"2024-06-11","split_factor":"-2"},
            {"effective_date":"2024-06-12","split_factor":"1.0000"},
            {"effective_date":"2024-06-13","split_factor":"2"},
            {"effective_date":"2024-06-13","split_factor":"3"}]}"#;
        assert_eq!(
            parsed(body).as_deref(),
            Ok(&["2024-06-13 3/1".to_owned()][..])
        );
        assert_eq!(
            parsed(r#"{"symbol":"NVDA","data":[]}"#).as_deref(),
            Ok(&[][..])
        );
        assert_eq!(parsed(r#"{"data":[]}"#).as_deref(), Ok(&[][..]));
    }

    #[test]
    fn other_responses_are_errors() {
        for body in [
            "",
            "[]",
            r#"{"symbol":"NVDA"}"#,
            r#"{"data":{}}"#,
            r#"{"symbol":"AMD","data":[]}"#,
        ] {
            assert!(
                matches!(parsed(body), Err(PollError::Malformed { .. })),
                "{body}"
            );
        }
        assert_eq!(parsed("{}"), Err(PollError::UnknownSymbol));
        let premium = r#"{"Information":"Thank you! This is a premium endpoint."}"#;
        assert_eq!(parsed(premium), Err(PollError::NotEntitled));
        let spent = r#"{"Information":"Our standard API rate limit is 25 requests per day."}"#;
        assert_eq!(parsed(spent), Err(PollError::BudgetSpent));
    }

    proptest! {
        #[test]
        fn a_response_that_is_not_json_is_malformed(body in not_json(&[BODY])) {
            check_malformed(&parsed(&body));
        }

        #[test]
        fn parsing_a_damaged_response_never_panics(body in damaged(&[BODY])) {
            let _ = parsed(&body);
        }
    }
}
