//! Kraken, Finnhub, Alpaca, Twelve Data and bulk requests to Alpha Vantage over HTTP, against a
//! mock server: the requests they send, and how answers belong to symbols.

use std::{num::NonZeroU32, time::Duration};

use entity::{Symbol, Timestamp};
use runtime::{
    clock::{ManualClock, SharedClock},
    config::{
        AlpacaSettings, AlphaVantageSettings, FinnhubSettings, KrakenSettings, Secret,
        TwelveDataSettings,
    },
};
use tracker::{
    provider::{
        Alpaca, AlphaVantage, Finnhub, Kraken, PollError, QuoteProvider, SymbolList, SymbolSearch,
        TwelveData,
    },
    quote::Quote,
};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{header, path, query_param, query_param_is_missing},
};

use super::symbol;

const KEY: &str = "S3CRET-K3Y";
const TIMEOUT: Duration = Duration::from_secs(5);
const BARS: &str = r#"{"latestTrade":{"t":"2026-11-20T17:00:00Z","p":100.5,"c":["@"]}}"#;

fn limit() -> NonZeroU32 {
    NonZeroU32::new(60).expect("more than 0")
}

fn key() -> Secret {
    Secret::new(KEY)
}

fn clock() -> SharedClock {
    let noon: Timestamp = "2026-11-20T12:00:00Z".parse().expect("an instant");
    ManualClock::at(noon).shared()
}

fn kraken(server: &MockServer) -> Kraken {
    let settings = KrakenSettings {
        url: server.uri().parse().expect("a URL"),
        stream_url: "wss://stream.example/v2".parse().expect("a URL"),
        per_second: limit(),
        per_minute: limit(),
    };
    Kraken::new(&settings, TIMEOUT, clock()).expect("a provider")
}

fn finnhub(server: &MockServer) -> Finnhub {
    let settings = FinnhubSettings {
        api_key: Some(key()),
        url: server.uri().parse().expect("a URL"),
        stream_url: "wss://stream.example".parse().expect("a URL"),
        per_second: limit(),
        per_minute: limit(),
        stream_symbols: 50,
    };
    Finnhub::new(&settings, TIMEOUT).expect("a provider")
}

fn alpaca(server: &MockServer) -> Alpaca {
    let settings = AlpacaSettings {
        api_key_id: Some(Secret::new("the-id")),
        api_secret_key: Some(key()),
        url: server.uri().parse().expect("a URL"),
        stream_url: "wss://stream.example".parse().expect("a URL"),
        per_second: limit(),
        per_minute: limit(),
        stream_symbols: 30,
    };
    Alpaca::new(&settings, TIMEOUT, clock()).expect("a provider")
}

fn twelve_data(server: &MockServer) -> TwelveData {
    let settings = TwelveDataSettings {
        api_key: Some(key()),
        url: server.uri().parse().expect("a URL"),
        per_second: limit(),
        per_minute: limit(),
        per_day: limit(),
    };
    TwelveData::new(&settings, TIMEOUT).expect("a provider")
}

fn bulk(server: &MockServer) -> AlphaVantage {
    let settings = AlphaVantageSettings {
        api_key: Some(key()),
        url: server.uri().parse().expect("a URL"),
        per_second: limit(),
        per_minute: limit(),
        per_day: limit(),
        bulk: true,
    };
    AlphaVantage::new(&settings, TIMEOUT).expect("a provider")
}

/// Polls symbols. Answers come in their order, and errors contain no key and no URL.
async fn poll(provider: &dyn QuoteProvider, texts: &[&str]) -> Vec<Result<Quote, PollError>> {
    let symbols: Vec<Symbol> = texts.iter().map(|text| symbol(text)).collect();
    let poll = provider.poll(&symbols).await;
    let (answered, answers): (Vec<_>, Vec<_>) = poll.answers.into_iter().unzip();
    assert_eq!(answered, symbols);
    let text = format!("{answers:?}");
    for hidden in [KEY, "http:", "127.0.0.1"] {
        assert!(!text.contains(hidden), "{text}");
    }
    answers
}

fn prices(answers: &[Result<Quote, PollError>]) -> Vec<Option<String>> {
    let prices = answers.iter().map(|answer| answer.as_ref().ok());
    prices
        .map(|quote| quote.map(|quote| quote.price.to_string()))
        .collect()
}

fn is_upstream(answer: &Result<Quote, PollError>) -> bool {
    matches!(answer, Err(PollError::Upstream { .. }))
}

fn response(body: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_string(body)
}

/// The ticker of pairs by their names in the result.
fn ticker(pairs: &[(&str, &str)]) -> ResponseTemplate {
    let pairs = pairs.iter().map(|(name, price)| {
        format!(r#""{name}":{{"c":["{price}","1"],"o":"1","h":["9","9"],"l":["1","1"]}}"#)
    });
    let pairs: Vec<_> = pairs.collect();
    response(&format!(
        r#"{{"error":[],"result":{{{}}}}}"#,
        pairs.join(",")
    ))
}

#[tokio::test]
async fn kraken_requests_single_pairs_until_it_has_the_list() {
    let server = MockServer::start().await;
    Mock::given(path("/0/public/Ticker"))
        .and(query_param("pair", "BTC/USD"))
        .and(query_param_is_missing("asset_class"))
        .respond_with(ticker(&[("XXBTZUSD", "2.5")]))
        .expect(1)
        .mount(&server)
        .await;
    for unknown in ["NO/USD", "AAPLX/USD"] {
        Mock::given(path("/0/public/Ticker"))
            .and(query_param("pair", unknown))
            .respond_with(response(
                r#"{"error":["EQuery:Unknown asset pair"],"result":null}"#,
            ))
            .expect(1)
            .mount(&server)
            .await;
    }
    let kraken = kraken(&server);
    assert_eq!(kraken.pacing().symbols_per_request(), 1);
    assert_eq!(kraken.knows(&symbol("BTC/USD")), None);
    let answers = poll(&kraken, &["BTC/USD"]).await;
    assert_eq!(prices(&answers), [Some("2.5".to_owned())]);
    let quote = answers[0].as_ref().expect("a quote");
    assert_eq!(quote.trading_day.to_string(), "2026-11-20");
    let unknown = [Err(PollError::UnknownSymbol)];
    assert_eq!(poll(&kraken, &["NO/USD"]).await, unknown);
    // A tokenised share has another name in the list, so it may exist.
    let list_missing = [Err(PollError::ListMissing)];
    assert_eq!(poll(&kraken, &["AAPLX/USD"]).await, list_missing);
    // A share takes no request.
    assert_eq!(kraken.knows(&symbol("AAPL")), Some(false));
    assert_eq!(poll(&kraken, &["AAPL"]).await, unknown);
}

/// Serves the two parts of the list.
async fn serve_list(server: &MockServer) {
    let pairs = r#"{"error":[],"result":{"XXBTZUSD":{"wsname":"XBT/USD"},"XETHZUSD":{"wsname":"ETH/USD"}}}"#;
    Mock::given(path("/0/public/AssetPairs"))
        .and(query_param_is_missing("aclass_base"))
        .respond_with(response(pairs))
        .expect(1)
        .mount(server)
        .await;
    let tokenized = r#"{"error":[],"result":{"AAPLxUSD":{"wsname":"AAPLx/USD"}}}"#;
    Mock::given(path("/0/public/AssetPairs"))
        .and(query_param("aclass_base", "tokenized_asset"))
        .respond_with(response(tokenized))
        .expect(1)
        .mount(server)
        .await;
}

#[tokio::test]
async fn kraken_requests_listed_pairs_together() {
    let server = MockServer::start().await;
    serve_list(&server).await;
    Mock::given(path("/0/public/Ticker"))
        .and(query_param("pair", "XXBTZUSD,XETHZUSD"))
        .respond_with(ticker(&[("XETHZUSD", "2"), ("XXBTZUSD", "1")]))
        .up_to_n_times(1)
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path("/0/public/Ticker"))
        .and(query_param("pair", "AAPLxUSD"))
        .and(query_param("asset_class", "tokenized_asset"))
        .respond_with(ticker(&[("AAPLxUSD", "3")]))
        .expect(1)
        .mount(&server)
        .await;
    let kraken = kraken(&server);
    for part in 0..kraken.parts() {
        kraken.load(part).await.expect("a list");
    }
    assert!(kraken.pacing().symbols_per_request() > 1);
    assert_eq!(kraken.knows(&symbol("NO/USD")), Some(false));
    assert_eq!(kraken.find("aapl")[0].symbol, symbol("AAPLX/USD"));
    let answers = poll(&kraken, &["NO/USD", "BTC/USD", "AAPLX/USD", "ETH/USD"]).await;
    assert_eq!(answers[0], Err(PollError::UnknownSymbol));
    assert!(is_upstream(&answers[2]), "{answers:?}");
    let (btc, eth) = (Some("1".to_owned()), Some("2".to_owned()));
    assert_eq!(prices(&answers), [None, btc, None, eth]);
    let tokenized = poll(&kraken, &["AAPLX/USD"]).await;
    assert_eq!(prices(&tokenized), [Some("3".to_owned())]);
    // A listed pair is unknown: the request is rejected, and the list is loaded again.
    Mock::given(path("/0/public/Ticker"))
        .respond_with(response(r#"{"error":["EQuery:Unknown asset pair"]}"#))
        .mount(&server)
        .await;
    assert!(kraken.is_loaded(0) && kraken.is_loaded(1));
    let answers = poll(&kraken, &["NO/USD", "BTC/USD", "ETH/USD"]).await;
    assert_eq!(answers[0], Err(PollError::UnknownSymbol));
    assert_eq!(
        answers[1..],
        [Err(PollError::BatchRejected), Err(PollError::BatchRejected)]
    );
    assert!(!kraken.is_loaded(0) && kraken.is_loaded(1));
    assert_eq!(
        kraken.knows(&symbol("BTC/USD")),
        Some(true),
        "the list is kept"
    );
    assert!(kraken.pacing().symbols_per_request() > 1);
    let alone = poll(&kraken, &["BTC/USD"]).await;
    assert_eq!(alone, [Err(PollError::UnknownSymbol)]);
}

#[tokio::test]
async fn finnhub_sends_its_key_in_a_header() {
    let server = MockServer::start().await;
    let quote = r#"{"c":182.63,"h":183,"l":180,"o":181,"pc":180.78,"t":1704067200}"#;
    Mock::given(path("/api/v1/quote"))
        .and(query_param("symbol", "BRK.B"))
        .and(header("x-finnhub-token", KEY))
        .respond_with(response(quote))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path("/api/v1/search"))
        .and(query_param("q", "a & b"))
        .respond_with(response(
            r#"{"count":1,"result":[{"symbol":"AB","description":"A & B"}]}"#,
        ))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(query_param("symbol", "TSCO.L"))
        .respond_with(
            ResponseTemplate::new(403)
                .set_body_string(r#"{"error":"You don't have access to this resource."}"#),
        )
        .mount(&server)
        .await;
    let finnhub = finnhub(&server);
    let answers = poll(&finnhub, &["BRK-B"]).await;
    assert_eq!(prices(&answers), [Some("182.63".to_owned())]);
    assert_eq!(
        poll(&finnhub, &["TSCO.L"]).await,
        [Err(PollError::NotEntitled)]
    );
    assert_eq!(
        poll(&finnhub, &["BTC/USD"]).await,
        [Err(PollError::UnknownSymbol)]
    );
    let matches = SymbolSearch::search(&finnhub, "a & b").await;
    assert_eq!(matches.map(|matches| matches.len()), Ok(1));
}

#[tokio::test]
async fn alpaca_requests_many_shares_at_once() {
    let server = MockServer::start().await;
    Mock::given(path("/v2/stocks/snapshots"))
        .and(query_param("symbols", "AAPL,BRK.B,NONE"))
        .and(query_param("feed", "iex"))
        .and(header("apca-api-key-id", "the-id"))
        .and(header("apca-api-secret-key", KEY))
        .respond_with(response(&format!(r#"{{"BRK.B":{BARS},"AAPL":{BARS}}}"#)))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path("/v1beta1/corporate-actions"))
        .and(query_param("symbols", "NVDA"))
        .and(query_param("types", "forward_split,reverse_split"))
        .and(query_param("end", "2027-02-18"))
        .respond_with(response(
            r#"{"corporate_actions":{"forward_splits":[
            {"symbol":"NVDA","new_rate":10,"old_rate":1,"ex_date":"2024-06-10"}]}}"#,
        ))
        .expect(1)
        .mount(&server)
        .await;
    let alpaca = alpaca(&server);
    let answers = poll(&alpaca, &["AAPL", "BTC/USD", "BRK-B", "NONE"]).await;
    let price = Some("100.5".to_owned());
    assert_eq!(prices(&answers), [price.clone(), None, price, None]);
    for unknown in [1, 3] {
        assert_eq!(answers[unknown], Err(PollError::UnknownSymbol));
    }
    assert_eq!(
        poll(&alpaca, &["BTC/USD"]).await,
        [Err(PollError::UnknownSymbol)]
    );
    let nvda = symbol("NVDA");
    let splits = alpaca.splits().expect("splits").splits(&nvda).await;
    assert_eq!(splits.map(|splits| splits.len()), Ok(1));
}

#[tokio::test]
async fn twelve_data_sends_its_key_in_a_header() {
    let server = MockServer::start().await;
    let quote = |symbol: &str| {
        format!(r#"{{"symbol":"{symbol}","datetime":"2026-11-20","close":"7.25","volume":"1"}}"#)
    };
    let aapl = quote("AAPL");
    Mock::given(path("/quote"))
        .and(query_param("symbol", "AAPL,BAD"))
        .and(header("authorization", format!("apikey {KEY}").as_str()))
        .respond_with(response(&format!(
            r#"{{"AAPL":{aapl},"BAD":{{"code":404,"message":"**symbol** not found","status":"error"}}}}"#
        )))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path("/quote"))
        .and(query_param("symbol", "BTC/USD"))
        .respond_with(response(&quote("BTC/USD")))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path("/symbol_search"))
        .and(query_param("symbol", "apple"))
        .respond_with(response(r#"{"data":[{"symbol":"AAPL"}],"status":"ok"}"#))
        .expect(1)
        .mount(&server)
        .await;
    // One symbol may fail the whole request.
    Mock::given(path("/quote"))
        .and(query_param("symbol", "AAPL,WORSE"))
        .respond_with(response(
            r#"{"code":404,"message":"**symbol** is invalid","status":"error"}"#,
        ))
        .expect(1)
        .mount(&server)
        .await;
    let twelve_data = twelve_data(&server);
    let rejected = Err(PollError::BatchRejected);
    assert_eq!(
        poll(&twelve_data, &["AAPL", "WORSE"]).await,
        [rejected.clone(), rejected]
    );
    let answers = poll(&twelve_data, &["AAPL", "BAD"]).await;
    assert_eq!(prices(&answers), [Some("7.25".to_owned()), None]);
    assert_eq!(answers[1], Err(PollError::UnknownSymbol));
    let answers = poll(&twelve_data, &["BTC/USD"]).await;
    assert_eq!(prices(&answers), [Some("7.25".to_owned())]);
    let matches = SymbolSearch::search(&twelve_data, "apple").await;
    assert_eq!(matches.map(|matches| matches.len()), Ok(1));
}

#[tokio::test]
async fn alpha_vantage_requests_many_shares_until_the_plan_does_not_include_it() {
    let server = MockServer::start().await;
    Mock::given(query_param("function", "REALTIME_BULK_QUOTES"))
        .and(query_param("symbol", "MSFT,IBM"))
        .respond_with(response(
            r#"{"data":[{"symbol":"MSFT","timestamp":"2026-11-20 12:00:00","close":"4"}]}"#,
        ))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(query_param("function", "REALTIME_BULK_QUOTES"))
        .respond_with(response(r#"{"Information":"This is a premium endpoint."}"#))
        .mount(&server)
        .await;
    let provider = bulk(&server);
    assert_eq!(provider.pacing().symbols_per_request(), 100);
    let answers = poll(&provider, &["MSFT", "TSCO.LON", "IBM"]).await;
    assert_eq!(prices(&answers), [Some("4".to_owned()), None, None]);
    assert!(is_upstream(&answers[1]), "{answers:?}");
    assert_eq!(answers[2], Err(PollError::UnknownSymbol));
    assert_eq!(provider.note(), None);
    let answers = poll(&provider, &["MSFT", "IBM"]).await;
    assert_eq!(
        answers,
        [Err(PollError::BatchRejected), Err(PollError::BatchRejected)]
    );
    assert_eq!(provider.pacing().symbols_per_request(), 1);
    let note = provider.note().expect("a note");
    assert!(note.contains("ALPHA_VANTAGE_BULK"), "{note}");
}

#[tokio::test]
async fn formatted_providers_contain_no_keys() {
    let server = MockServer::start().await;
    let text = format!(
        "{:?} {:?} {:?} {:?} {:?}",
        kraken(&server),
        finnhub(&server),
        alpaca(&server),
        twelve_data(&server),
        bulk(&server)
    );
    for hidden in [KEY, "the-id", "127.0.0.1"] {
        assert!(!text.contains(hidden), "{text}");
    }
}
