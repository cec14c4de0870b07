//! Alpha Vantage over HTTP, against a mock server with recorded responses.

use std::time::{Duration, Instant};

use entity::Symbol;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tracker::{
    metrics::CallOutcome,
    provider::{
        AlphaVantage, ClientError, DayZone, Pacing, Poll, PollCost, PollError, QuoteProvider,
        RequestBudget,
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

async fn poll_msft(base: &str) -> Result<Quote, PollError> {
    let poll = client(base).poll(&[symbol("MSFT")]).await;
    let [(symbol_of_answer, answer)] = <[_; 1]>::try_from(poll.answers).expect("one answer");
    assert_eq!(symbol_of_answer, symbol("MSFT"));
    if let Err(error) = &answer {
        let text = format!("{error} {error:?}");
        for secret in ["K3Y", "some", "apikey=", "http:", "/query"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    answer
}

/// Polls a service with this response. It must receive exactly one request.
async fn answer_to(template: ResponseTemplate) -> Result<Quote, PollError> {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(template)
        .expect(1)
        .mount(&server)
        .await;
    poll_msft(&server.uri()).await
}

#[tokio::test]
async fn a_request_has_one_symbol_and_the_key() {
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
    let quote = poll_msft(&server.uri()).await.expect("a quote");
    assert_eq!(quote.price.to_string(), "112.13");
}

#[tokio::test]
async fn a_symbol_is_percent_encoded() {
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
async fn a_poll_of_several_symbols_sends_no_request() {
    let server = MockServer::start().await;
    let symbols: [Symbol; 2] = ["MSFT", "AAPL"].map(symbol);
    let poll = client(&server.uri()).poll(&symbols).await;
    assert_eq!(poll.answers.len(), 2);
    assert_eq!(poll.outcome(), CallOutcome::Error);
    let empty: Poll = client(&server.uri()).poll(&[]).await;
    assert!(empty.answers.is_empty());
    assert_eq!(
        server
            .received_requests()
            .await
            .map(|requests| requests.len()),
        Some(0)
    );
}

#[tokio::test]
async fn a_notice_with_status_200_is_an_error() {
    let daily = include_str!("../../fixtures/alpha_vantage/daily.json");
    let answer = answer_to(ResponseTemplate::new(200).set_body_string(daily)).await;
    assert_eq!(answer, Err(PollError::BudgetSpent));
}

#[tokio::test]
async fn an_echoed_key_is_removed_from_the_error() {
    let body = format!(r#"{{"Information":"We are closed for {KEY} today"}}"#);
    let answer = answer_to(ResponseTemplate::new(200).set_body_string(body)).await;
    assert!(matches!(
        answer,
        Err(PollError::Upstream { wait: None, .. })
    ));
}

#[tokio::test]
async fn a_429_waits_for_retry_after() {
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
async fn a_5xx_is_an_upstream_error_with_its_retry_after() {
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
async fn a_401_or_403_is_a_refusal() {
    for status in [401, 403] {
        let answer = answer_to(ResponseTemplate::new(status)).await;
        assert!(matches!(answer, Err(PollError::Refused { .. })), "{status}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = MockServer::start().await;
    let template = ResponseTemplate::new(302).insert_header("location", target.uri().as_str());
    assert!(matches!(
        answer_to(template).await,
        Err(PollError::Upstream { .. })
    ));
    assert_eq!(
        target
            .received_requests()
            .await
            .map(|requests| requests.len()),
        Some(0)
    );
}

#[tokio::test]
async fn a_late_response_is_a_timeout() {
    let template = ResponseTemplate::new(200)
        .set_body_string(QUOTE)
        .set_delay(Duration::from_secs(5));
    let started = Instant::now();
    assert_eq!(answer_to(template).await, Err(PollError::Timeout));
    assert!(started.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn a_body_of_1_mib_is_read_and_a_longer_one_is_malformed() {
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

/// Starts a server that sends `start` and then repeats `endless` until the client disconnects.
async fn raw(start: &'static str, endless: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    #[expect(
        clippy::disallowed_methods,
        reason = "a mock server that ends with its client"
    )]
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("a connection");
        let _ = socket.read(&mut [0; 4096]).await;
        let _ = socket.write_all(start.as_bytes()).await;
        while !endless.is_empty() && socket.write_all(endless.as_bytes()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_trickling_body_is_a_timeout() {
    let base = raw("HTTP/1.1 200 OK\r\n\r\n", " ").await;
    assert_eq!(poll_msft(&base).await, Err(PollError::Timeout));
}

#[tokio::test]
async fn a_truncated_response_is_an_upstream_error() {
    let base = raw(
        "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"Global",
        "",
    )
    .await;
    assert!(matches!(
        poll_msft(&base).await,
        Err(PollError::Upstream { .. })
    ));
    let base = raw("220 smtp ready\r\n", "").await;
    assert!(matches!(
        poll_msft(&base).await,
        Err(PollError::Upstream { .. })
    ));
}

#[tokio::test]
async fn a_refused_connection_is_a_transient_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let error = poll_msft(&format!("http://{address}"))
        .await
        .expect_err("an error");
    assert!(error.to_string().contains("cannot connect"), "{error}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn logs_do_not_contain_the_key() {
    let journal = Journal::default();
    {
        let _everything = tracing::subscriber::set_default(journal.clone());
        assert!(
            answer_to(ResponseTemplate::new(200).set_body_string(QUOTE))
                .await
                .is_ok()
        );
        assert!(answer_to(ResponseTemplate::new(500)).await.is_err());
        assert!(poll_msft("http://127.0.0.1:1").await.is_err());
    }
    let logged = journal.text();
    assert!(
        logged.contains("127.0.0.1"),
        "the log of the HTTP client is captured: {logged}"
    );
    for secret in ["K3Y", "some%20body", "some+body", "apikey"] {
        assert!(!logged.contains(secret), "{logged}");
    }
}

#[test]
fn debug_output_does_not_contain_the_key() {
    let provider = client("http://user:K3Y@127.0.0.1:9");
    assert!(!format!("{provider:?}").contains("K3Y"));
}

#[test]
fn a_base_url_that_is_not_http_is_rejected() {
    for base in ["ftp://example.org", "mailto:someone@example.org", "data:,"] {
        let client = alpha_vantage(base, KEY, (5, 25), Duration::from_secs(1));
        assert!(matches!(client, Err(ClientError::BaseUrl)));
    }
}

#[test]
fn the_rate_limits_are_per_minute_and_per_day_in_new_york() {
    let provider = client("http://127.0.0.1:9");
    assert_eq!(
        provider.pacing(),
        Pacing::Polled {
            symbols_per_request: 1,
            budget: RequestBudget {
                per_second: Some(1),
                per_minute: Some(5),
                per_day: Some(25),
                day: DayZone::NewYork,
                cost: PollCost::PerRequest,
            },
        }
    );
    assert_eq!(provider.name(), "alphavantage");
    assert_eq!(provider.knows(&symbol("MSFT")), None);
}
