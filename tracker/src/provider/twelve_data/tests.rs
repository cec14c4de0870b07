//! Tests of quotes, searches and errors, with recorded responses.

use proptest::prelude::*;
use reqwest::StatusCode;

use super::*;
use crate::{
    provider::testing::{check_malformed, check_quote, damaged, not_json, symbol, symbols},
    quote::{PreviousClose, Quote},
};

const QUOTE: &str = r#"{"symbol":"AAPL","name":"Apple Inc.","exchange":"NASDAQ","mic_code":"XNGS","currency":"USD",
    "datetime":"2025-12-03","timestamp":1764772200,"last_quote_at":1764795540,"open":"286.20001","high":"288.61",
    "low":"283.54001","close":"284.14999","volume":"30965652","previous_close":"286.19000","change":"-2.040009",
    "percent_change":"-0.71281615","is_market_open":false}"#;
const CREDITS: &str = r#"{"code":429,"message":"You have run out of API credits for the current minute. 9 API credits were used, with the current limit being 8.","status":"error"}"#;
const MATCHES: &str = r#"{"data":[
    {"symbol":"AAPL","instrument_name":"Apple Inc","exchange":"NASDAQ","mic_code":"XNGS","instrument_type":"Common Stock","country":"United States","currency":"USD"},
    {"symbol":"AAPL","instrument_name":"Apple Inc","exchange":"VSE","currency":"EUR"},
    {"symbol":"A B"},{"instrument_name":"none"},7],"status":"ok"}"#;

fn key() -> Secret {
    Secret::new("S3CRET")
}

fn answers(body: &str, texts: &[&str]) -> Result<Vec<Result<Quote, PollError>>, PollError> {
    let answers = quote::parse(body.as_bytes(), &symbols(texts), &key())?;
    let of: Vec<_> = answers.iter().map(|(symbol, _)| symbol.clone()).collect();
    assert_eq!(of, symbols(texts));
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}

fn quote_of(body: &str) -> Result<Quote, PollError> {
    answers(body, &["AAPL"])?.remove(0)
}

#[test]
fn a_quote_has_all_digits_and_the_company() {
    let quote = quote_of(QUOTE).expect("a quote");
    assert_eq!(quote.price.to_string(), "284.14999");
    assert_eq!(quote.trading_day.to_string(), "2025-12-03");
    assert_eq!(quote.market_time, "2025-12-03T20:59:00Z".parse().ok());
    let text = |price: Option<entity::Decimal>| price.map(|price| price.to_string());
    assert_eq!(text(quote.open).as_deref(), Some("286.20001"));
    assert_eq!(text(quote.high).as_deref(), Some("288.61"));
    assert_eq!(text(quote.low).as_deref(), Some("283.54001"));
    assert_eq!(quote.volume, Some(30_965_652));
    let close = "286.19".parse().expect("a price");
    assert_eq!(quote.previous_close, PreviousClose::Sent(close));
    assert_eq!(quote.name.as_deref(), Some("Apple Inc."));
    assert_eq!(quote.currency.as_deref(), Some("USD"));
    assert_eq!(quote.exchange.as_deref(), Some("NASDAQ"));
}

#[test]
fn the_start_of_the_daily_bar_is_not_the_time_of_the_price() {
    let bar = QUOTE.replace(r#""last_quote_at":1764795540,"#, "");
    assert_eq!(quote_of(&bar).map(|quote| quote.market_time), Ok(None));
    let later = bar.replace("1764772200", "1764772201");
    let at = "2025-12-03T14:30:01Z".parse().ok();
    assert_eq!(quote_of(&later).map(|quote| quote.market_time), Ok(at));
}

#[test]
fn a_batch_has_an_answer_or_an_error_for_each_symbol() {
    let other = QUOTE.replace("AAPL", "BRK.B");
    let body = format!(
        r#"{{"AAPL":{QUOTE},"BRK.B":{other},"BAD":{{"code":404,"message":"**symbol** not found: BAD","status":"error"}},
        "PLAN":{{"code":404,"message":"This symbol is available starting with Grow. Consider upgrading your plan","status":"error"}},
        "ODD":7,"MINUTE":{CREDITS}}}"#
    );
    let answers = answers(
        &body,
        &["BRK-B", "BAD", "AAPL", "ODD", "NONE", "PLAN", "MINUTE"],
    );
    let answers = answers.expect("answers");
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert_eq!(answers[1], Err(PollError::UnknownSymbol));
    assert!(matches!(answers[3], Err(PollError::Malformed { .. })));
    assert!(matches!(answers[4], Err(PollError::Malformed { .. })));
    assert_eq!(answers[5], Err(PollError::NotEntitled));
    let wait = Duration::from_mins(1);
    assert_eq!(answers[6], Err(PollError::RateLimited { wait }));
}

#[test]
fn a_pair_has_no_volume_and_a_symbol_may_name_its_exchange() {
    let pair = QUOTE.replace("AAPL", "BTC/USD");
    let quote = answers(&pair, &["BTC/USD"]).expect("answers").remove(0);
    assert_eq!(quote.map(|quote| quote.volume), Ok(None));
    let listed = QUOTE.replace("AAPL", "RY");
    assert!(answers(&listed, &["RY:TSX"]).expect("answers")[0].is_ok());
    let fraction = QUOTE.replace("30965652", "30965652.5");
    assert_eq!(
        quote_of(&fraction).map(|quote| quote.volume),
        Ok(Some(30_965_653))
    );
}

#[test]
fn invalid_quotes_are_errors() {
    for body in ["", "[]", "<html>"] {
        assert!(
            matches!(quote_of(body), Err(PollError::Malformed { .. })),
            "{body}"
        );
    }
    for (from, to) in [
        ("\"284.14999\"", "null"),
        ("\"284.14999\"", "\"NaN\""),
        ("\"284.14999\"", "0"),
        ("\"284.14999\"", "-1"),
        ("2025-12-03", "yesterday"),
        ("\"AAPL\"", "\"MSFT\""),
    ] {
        let error = quote_of(&QUOTE.replace(from, to));
        assert!(
            matches!(error, Err(PollError::NoPrice { .. })),
            "{to}: {error:?}"
        );
    }
    let exponent = QUOTE.replace("\"284.14999\"", "2.8414999e2");
    let price = quote_of(&exponent).map(|quote| quote.price.to_string());
    assert_eq!(price, Ok("284.14999".to_owned()));
}

#[test]
fn errors_are_classified_by_the_code_in_the_body() {
    let of = |status: u16, code: u16, message: &str| {
        let text = format!(r#"{{"code":{code},"message":"{message}","status":"error"}}"#);
        let status = StatusCode::from_u16(status).expect("a status");
        body(
            HttpResponse {
                status,
                wait: None,
                body: text.into(),
            },
            &key(),
        )
        .expect_err("an error")
    };
    for status in [200, 400, 429] {
        assert!(matches!(
            of(status, 401, "apikey"),
            PollError::Refused { .. }
        ));
        assert_eq!(of(status, 403, "only on Pro"), PollError::NotEntitled);
        assert_eq!(
            of(status, 404, "**symbol** not found"),
            PollError::UnknownSymbol
        );
        assert_eq!(
            of(status, 400, "**symbol** parameter is invalid"),
            PollError::UnknownSymbol
        );
        let day = "You have run out of API credits for the day.";
        assert_eq!(of(status, 429, day), PollError::BudgetSpent);
        let long = of(status, 414, "too long S3CRET");
        assert_eq!(long, PollError::upstream("error 414: too long \u{2026}"));
        assert!(matches!(of(status, 500, "x"), PollError::Upstream { .. }));
    }
    let plain = |status: u16| {
        let status = StatusCode::from_u16(status).expect("a status");
        body(
            HttpResponse {
                status,
                wait: None,
                body: b"<html>".to_vec(),
            },
            &key(),
        )
    };
    assert_eq!(plain(401), Err(PollError::refused("HTTP 401")));
    assert_eq!(plain(502), Err(PollError::upstream("HTTP 502")));
    let ok = HttpResponse {
        status: StatusCode::OK,
        wait: None,
        body: QUOTE.into(),
    };
    assert!(body(ok, &key()).is_ok());
}

#[test]
fn the_first_of_several_listings_of_a_symbol_is_a_match() {
    let matches = search::parse(MATCHES.as_bytes(), &key()).expect("matches");
    let [only] = &matches[..] else {
        panic!("not one match: {matches:?}");
    };
    assert_eq!(only.symbol, symbol("AAPL"));
    assert_eq!(only.exchange.as_deref(), Some("NASDAQ"));
    assert_eq!(only.name.as_deref(), Some("Apple Inc"));
    assert_eq!(only.kind.as_deref(), Some("Common Stock"));
    let error = search::parse(CREDITS.as_bytes(), &key()).expect_err("an error");
    assert!(matches!(error, PollError::RateLimited { .. }));
    assert!(search::parse(b"{}", &key()).is_err());
}

proptest! {
    #[test]
    fn a_response_that_is_not_json_is_malformed(body in not_json(&[QUOTE, CREDITS, MATCHES])) {
        check_malformed(&answers(&body, &["AAPL", "IBM"]));
        check_malformed(&search::parse(body.as_bytes(), &key()));
    }

    #[test]
    fn a_damaged_response_is_an_error_or_has_valid_numbers(
        body in damaged(&[QUOTE, CREDITS, MATCHES]),
    ) {
        check_quote(&quote_of(&body), "AAPL");
        let batch = format!(r#"{{"AAPL":{body}}}"#);
        for answer in answers(&batch, &["AAPL"]).unwrap_or_default() {
            check_quote(&answer, "AAPL");
        }
        let _ = search::parse(body.as_bytes(), &key());
    }
}
