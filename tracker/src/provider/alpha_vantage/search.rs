//! Parses the response to `SYMBOL_SEARCH`.

use runtime::config::Secret;

use super::response::{ApiResponse, named};
use crate::provider::{PollError, SymbolMatch};

/// Parses the matches, the best one first. The `key` is removed from errors.
pub(super) fn parse(body: &[u8], key: &Secret) -> Result<Vec<SymbolMatch>, PollError> {
    let rows = match ApiResponse::parse(body) {
        // No section at all.
        Err(PollError::UnknownSymbol) => return Ok(Vec::new()),
        response => response?.rows("bestMatches", key)?,
    };
    let matches = rows.iter().filter_map(|row| {
        let text = |name| named(row, name).filter(|text| !text.is_empty());
        Some(SymbolMatch {
            symbol: text("symbol")?.parse().ok()?,
            name: text("name").map(Into::into),
            kind: text("type").map(Into::into),
            exchange: text("region").map(Into::into),
            currency: text("currency").map(Into::into),
        })
    });
    Ok(matches.collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::provider::testing::{check_malformed, damaged, not_json, symbol};

    const BODY: &str = r#"{"bestMatches":[{"1. symbol":"TSCO.LON","2. name":"Tesco PLC",
        "3. type":"Equity","4. region":"United Kingdom","5. marketOpen":"08:00",
        "6. marketClose":"16:30","7. timezone":"UTC+01","8. currency":"GBX",
        "9. matchScore":"0.7273"},{"1. symbol":"NOT A SYMBOL"},{},7]}"#;

    fn parsed(body: &str) -> Result<Vec<SymbolMatch>, PollError> {
        parse(body.as_bytes(), &Secret::new("K3Y"))
    }

    #[test]
    fn matches_have_a_name_a_region_and_a_currency() {
        assert_eq!(
            parsed(BODY),
            Ok(vec![SymbolMatch {
                symbol: symbol("TSCO.LON"),
                name: Some("Tesco PLC".to_owned()),
                kind: Some("Equity".to_owned()),
                exchange: Some("United Kingdom".to_owned()),
                currency: Some("GBX".to_owned()),
            }])
        );
        assert_eq!(parsed(r#"{"bestMatches":[]}"#), Ok(Vec::new()));
        assert_eq!(parsed("{}"), Ok(Vec::new()));
    }

    #[test]
    fn notices_are_errors() {
        let spent = r#"{"Information":"Our standard API rate limit is 25 requests per day."}"#;
        assert_eq!(parsed(spent), Err(PollError::BudgetSpent));
        for body in ["", "[]", r#"{"bestMatches":7}"#, r#"{"data":[]}"#] {
            assert!(
                matches!(parsed(body), Err(PollError::Malformed { .. })),
                "{body}"
            );
        }
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
