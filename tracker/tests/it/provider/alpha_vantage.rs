//! Alpha Vantage over real HTTP, against a stand-in that answers as recorded.

use std::time::{Duration, Instant};

use entity::Symbol;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tracker::{
    provider::{
        AlphaVantage, AlphaVantageError, Budget, DayZone, Pace, Poll, PollError, QuoteProvider,
    },
    quote::Quote,
};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path, query_param},
};

use super::{journal::Journal, symbol};
use crate::fixture::alpha_vantage;

const KEY: &str = "K3Y&of=some body";
const QUOTE: &str = include_str!("../../fixtures/alpha_vantage/quote.json");

fn client(base: &str) -> AlphaVantage {
    alpha_vantage(base, KEY, (5, 25), Duration::from_millis(400)).expect("a client")
}

async fn ask(base: &str) -> Result<Quote, PollError> {
    let poll = client(base).poll(&[symbol("MSFT")]).await;
    let [(asked, answer)] = <[_; 1]>::try_from(poll.answers).expect("one answer");
    assert_eq!(asked, symbol("MSFT"));
    if let Err(error) = &answer {
        let told = format!("{error} {error:?}");
        for secret in ["K3Y", "some", "apikey=", "http:", "/query"] {
            assert!(!told.contains(secret), "{told}");
        }
    }
    answer
}

/// What comes of a service that answers so. It must have been asked exactly once.
async fn answer_to(template: ResponseTemplate) -> Result<Quote, PollError> {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(template)
        .expect(1)
        .mount(&server)
        .await;
    ask(&server.uri()).await
}

#[tokio::test]
async fn it_asks_for_one_symbol_with_the_key() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/query"))
        .and(query_param("function", "GLOBAL_QUOTE"))
        .and(query_param("symbol", "MSFT"))
        .and(query_param("apikey", KEY))
        .respond_with(ResponseTemplate::new(200).set_body_raw(QUOTE, "application/json"))
        .expect(1)
        .mount(&server)
        .await;
    let quote = ask(&server.uri()).await.expect("a quote");
    assert_eq!(quote.price.to_string(), "112.13");
}

#[tokio::test]
async fn a_base_url_keeps_its_path() {
    let server = MockServer::start().await;
    Mock::given(path("/proxy/av/query"))
        .respond_with(ResponseTemplate::new(200).set_body_string(QUOTE))
        .expect(2)
        .mount(&server)
        .await;
    for base in ["proxy/av", "proxy/av/"] {
        assert!(ask(&format!("{}/{base}", server.uri())).await.is_ok());
    }
}

#[tokio::test]
async fn a_symbol_is_sent_escaped() {
    let server = MockServer::start().await;
    Mock::given(query_param("symbol", "EUR/USD=X"))
        .respond_with(ResponseTemplate::new(200).set_body_string("{}"))
        .expect(1)
        .mount(&server)
        .await;
    let poll = client(&server.uri()).poll(&[symbol("eur/usd=x")]).await;
    assert_eq!(poll.answers[0].1, Err(PollError::UnknownSymbol));
}

#[tokio::test]
async fn more_symbols_than_one_are_not_asked_for() {
    let server = MockServer::start().await;
    let symbols: [Symbol; 2] = ["MSFT", "AAPL"].map(symbol);
    let poll = client(&server.uri()).poll(&symbols).await;
    assert_eq!(poll.answers.len(), 2);
    assert_eq!(poll.outcome(), "error");
    let nobody: Poll = client(&server.uri()).poll(&[]).await;
    assert!(nobody.answers.is_empty());
    assert_eq!(
        server.received_requests().await.map(|asked| asked.len()),
        Some(0)
    );
}

#[tokio::test]
async fn a_notice_in_a_success_is_the_failure_it_announces() {
    let daily = include_str!("../../fixtures/alpha_vantage/daily.json");
    let answer = answer_to(ResponseTemplate::new(200).set_body_string(daily)).await;
    assert_eq!(answer, Err(PollError::BudgetSpent));
}

#[tokio::test]
async fn an_echoed_key_is_left_out_of_the_failure() {
    let body = format!(r#"{{"Information":"We are closed for {KEY} today"}}"#);
    let answer = answer_to(ResponseTemplate::new(200).set_body_string(body)).await;
    assert!(matches!(
        answer,
        Err(PollError::Upstream { wait: None, .. })
    ));
}

#[tokio::test]
async fn a_429_waits_as_long_as_it_says() {
    let limited = |header: Option<&str>| {
        let template = ResponseTemplate::new(429);
        answer_to(match header {
            Some(text) => template.insert_header("retry-after", text),
            None => template,
        })
    };
    for (header, seconds) in [
        (Some("7"), 7),
        (Some("86400"), 3600),
        (None, 60),
        (Some("?"), 60),
    ] {
        let wait = Duration::from_secs(seconds);
        assert_eq!(limited(header).await, Err(PollError::RateLimited { wait }));
    }
}

#[tokio::test]
async fn a_5xx_is_a_failure_with_the_wait_it_names() {
    for (template, reason, wait) in [
        (
            ResponseTemplate::new(500).set_body_string(QUOTE),
            "HTTP 500",
            None,
        ),
        (
            ResponseTemplate::new(503).insert_header("retry-after", "30"),
            "HTTP 503",
            Some(Duration::from_secs(30)),
        ),
        (ResponseTemplate::new(404), "HTTP 404", None),
    ] {
        let reason = reason.into();
        assert_eq!(
            answer_to(template).await,
            Err(PollError::Upstream { reason, wait })
        );
    }
}

#[tokio::test]
async fn a_refusing_status_is_a_refusal() {
    for status in [401, 403] {
        let answer = answer_to(ResponseTemplate::new(status)).await;
        assert!(matches!(answer, Err(PollError::Refused { .. })), "{status}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = MockServer::start().await;
    let template = ResponseTemplate::new(302).insert_header("location", elsewhere.uri().as_str());
    assert!(matches!(
        answer_to(template).await,
        Err(PollError::Upstream { .. })
    ));
    assert_eq!(
        elsewhere.received_requests().await.map(|asked| asked.len()),
        Some(0)
    );
}

#[tokio::test]
async fn a_late_answer_is_a_time_out() {
    let template = ResponseTemplate::new(200)
        .set_body_string(QUOTE)
        .set_delay(Duration::from_secs(5));
    let started = Instant::now();
    assert_eq!(answer_to(template).await, Err(PollError::Timeout));
    assert!(started.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn a_body_of_a_mebibyte_is_read_and_a_longer_one_is_not() {
    let padded = |length: usize| {
        let body = format!("{QUOTE}{}", " ".repeat(length - QUOTE.len()));
        answer_to(ResponseTemplate::new(200).set_body_string(body))
    };
    assert!(padded(1024 * 1024).await.is_ok());
    assert!(matches!(
        padded(1024 * 1024 + 1).await,
        Err(PollError::Malformed { .. })
    ));
}

/// A service that says `answer` to a connection and goes on saying `endless` until the client leaves.
async fn raw(answer: &'static str, endless: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    #[expect(
        clippy::disallowed_methods,
        reason = "a stand-in that ends with its client"
    )]
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("a connection");
        let _ = socket.read(&mut [0; 4096]).await;
        let _ = socket.write_all(answer.as_bytes()).await;
        while !endless.is_empty() && socket.write_all(endless.as_bytes()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_body_that_trickles_is_a_time_out() {
    let base = raw("HTTP/1.1 200 OK\r\n\r\n", " ").await;
    assert_eq!(ask(&base).await, Err(PollError::Timeout));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_failure() {
    let base = raw(
        "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"Global",
        "",
    )
    .await;
    assert!(matches!(ask(&base).await, Err(PollError::Upstream { .. })));
    let base = raw("220 smtp ready\r\n", "").await;
    assert!(matches!(ask(&base).await, Err(PollError::Upstream { .. })));
}

#[tokio::test]
async fn a_service_that_is_not_there_is_a_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let error = ask(&format!("http://{address}"))
        .await
        .expect_err("a failure");
    assert!(error.to_string().contains("cannot connect"), "{error}");
    assert!(error.backs_off());
}

#[tokio::test]
async fn nothing_that_is_logged_holds_the_key() {
    let journal = Journal::default();
    {
        let _everything = tracing::subscriber::set_default(journal.clone());
        assert!(
            answer_to(ResponseTemplate::new(200).set_body_string(QUOTE))
                .await
                .is_ok()
        );
        assert!(answer_to(ResponseTemplate::new(500)).await.is_err());
        assert!(ask("http://127.0.0.1:1").await.is_err());
    }
    let logged = journal.text();
    assert!(
        logged.contains("127.0.0.1"),
        "the client's own log is heard: {logged}"
    );
    for secret in ["K3Y", "some%20body", "some+body", "apikey"] {
        assert!(!logged.contains(secret), "{logged}");
    }
}

#[test]
fn nothing_that_is_formatted_holds_the_key() {
    let provider = client("http://user:K3Y@127.0.0.1:9");
    assert!(!format!("{provider:?}").contains("K3Y"));
}

#[test]
fn a_base_that_is_no_web_address_is_refused() {
    for base in ["ftp://example.org", "mailto:someone@example.org", "data:,"] {
        let client = alpha_vantage(base, KEY, (5, 25), Duration::from_secs(1));
        assert!(matches!(client, Err(AlphaVantageError::BaseUrl)));
    }
}

#[test]
fn a_plan_by_minute_and_new_york_day_for_one_symbol_a_request() {
    let provider = client("http://127.0.0.1:9");
    assert_eq!(
        provider.pace(),
        Pace::Polled {
            symbols_per_request: 1,
            budget: Budget {
                per_minute: Some(5),
                per_day: Some(25),
                day: DayZone::NewYork,
            },
        }
    );
    assert_eq!(provider.name(), "alphavantage");
    assert_eq!(provider.knows(&symbol("MSFT")), None);
}
