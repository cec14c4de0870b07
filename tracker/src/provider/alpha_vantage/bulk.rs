//! Parses the response to `REALTIME_BULK_QUOTES`, which premium plans include.
//!
//! ```json
//! {"endpoint":"Realtime Bulk Quotes","data":[{"symbol":"MSFT",
//!     "timestamp":"2024-10-18 19:59:55.291","open":"417.61","high":"419.649","low":"416.2601",
//!     "close":"418.16","volume":"17145307",
//!     "previous_close":"416.72"}]}
//! ```

use chrono::NaiveDateTime;
use entity::{Symbol, Timestamp};
use runtime::config::Secret;

use super::response::{ApiResponse, Object};
use crate::{
    provider::{Answers, PollError, field, json, quote_numbers::QuoteNumbers},
    quote::Quote,
};

/// Parses the quotes of all `requested` symbols. A symbol without a row is unknown. The `key` is
/// removed from errors.
///
/// # Errors
/// Those of [`ApiResponse`]. Plans that do not include the request receive artificial quotes, which
/// are [`PollError::NotEntitled`].
pub(super) fn parse(body: &[u8], requested: &[Symbol], key: &Secret) -> Result<Answers, PollError> {
    let rows = ApiResponse::parse(body)?.rows("data", key)?;
    let quotes = requested.iter().map(|symbol| {
        let is_of = |row: &&Object<'_>| {
            let sent = json::text_of(row, "symbol");
            sent.is_some_and(|sent| field::is_same_symbol(&sent, symbol.as_str()))
        };
        let row = rows.iter().find(is_of);
        let quote = row.map_or(Err(PollError::UnknownSymbol), |row| quote(symbol, row));
        (symbol.clone(), quote)
    });
    Ok(quotes.collect())
}

fn quote(symbol: &Symbol, row: &Object<'_>) -> Result<Quote, PollError> {
    let time = json::text_of(row, "timestamp").and_then(|text| new_york(&text));
    let time = time.ok_or_else(|| PollError::no_price("the time is invalid"))?;
    let numbers = QuoteNumbers {
        price: json::text_of(row, "close"),
        previous_close: json::text_of(row, "previous_close"),
        open: json::text_of(row, "open"),
        high: json::text_of(row, "high"),
        low: json::text_of(row, "low"),
        volume: json::text_of(row, "volume"),
    };
    Ok(Quote {
        market_time: Some(time),
        ..numbers.quote(symbol, market::trading_day(time))?
    })
}

/// Parses a time in New York, such as `2024-10-18 19:59:55.291`.
fn new_york(text: &str) -> Option<Timestamp> {
    let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()?;
    field::date(text.get(..10)?)?;
    let instant = market::new_york_time(time.date(), time.time());
    field::is_storable(instant).then_some(instant)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        provider::{
            alpha_vantage::recorded,
            testing::{check_malformed, check_quote, damaged, not_json, symbol, symbols},
        },
        quote::PreviousClose,
    };

    const BODY: &str = r#"{"endpoint":"Realtime Bulk Quotes","message":"","data":[
        {"symbol":"MSFT","timestamp":"2024-10-18 19:59:55.291","open":"417.61","high":"419.649",
        "low":"416.2601","close":"418.16","volume":"17145307","previous_close":"416.72",
        "change":"1.44","change_percent":"0.3456"},
        {"symbol":"BRK.B","timestamp":"2024-12-18 09:30:00","close":"NaN"},
        {"symbol":"IBM","timestamp":"now","close":"1"}, 7]}"#;

    fn parsed(body: &str, texts: &[&str]) -> Result<Vec<Result<Quote, PollError>>, PollError> {
        let answers = parse(body.as_bytes(), &symbols(texts), &recorded::key())?;
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }

    #[test]
    fn each_symbol_has_its_quote_with_a_time_in_new_york() {
        let answers = parsed(BODY, &["IBM", "MSFT", "BRK-B", "AAPL"]).expect("answers");
        assert!(matches!(answers[0], Err(PollError::NoPrice { .. })));
        assert!(matches!(answers[2], Err(PollError::NoPrice { .. })));
        assert_eq!(answers[3], Err(PollError::UnknownSymbol));
        let quote = answers[1].clone().expect("a quote");
        assert_eq!(quote.symbol, symbol("MSFT"));
        assert_eq!(quote.price.to_string(), "418.16");
        assert_eq!(quote.market_time, "2024-10-18T23:59:55.291Z".parse().ok());
        assert_eq!(quote.trading_day.to_string(), "2024-10-18");
        assert_eq!(quote.volume, Some(17_145_307));
        assert_eq!(quote.high, "419.649".parse().ok());
        let close = "416.72".parse().expect("a price");
        assert_eq!(quote.previous_close, PreviousClose::Sent(close));
    }

    #[test]
    fn a_time_that_cannot_be_stored_is_invalid() {
        for text in ["9999-12-31 23:59:59", "1969-12-31 12:00:00", "2024-10-18"] {
            assert_eq!(new_york(text), None, "{text}");
        }
    }

    #[test]
    fn artificial_quotes_are_discarded() {
        let artificial = BODY.replace(
            r#""message":"""#,
            r#""message":"This is ARTIFICIAL data. Subscribe to a premium plan.""#,
        );
        assert_eq!(parsed(&artificial, &["MSFT"]), Err(PollError::NotEntitled));
    }

    #[test]
    fn notices_are_errors() {
        recorded::check_notices(|body| parse(body, &[recorded::msft()], &recorded::key()));
    }

    proptest! {
        #[test]
        fn a_response_that_is_not_json_is_malformed(body in not_json(&[BODY])) {
            check_malformed(&parsed(&body, &["MSFT"]));
        }

        #[test]
        fn a_damaged_response_is_an_error_or_has_valid_numbers(body in damaged(&[BODY])) {
            for answer in parsed(&body, &["MSFT"]).unwrap_or_default() {
                check_quote(&answer, "MSFT");
            }
        }
    }
}
