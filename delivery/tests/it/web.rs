//! Requests to servers, and what an attempt makes of their answers.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::Duration,
};

use delivery::{Advice, Outcome};
use entity::WebhookFormat;

use crate::{
    fixture::{KEY, OLD_KEY, assert_failed, failure, let_time_out, message, now, sender, target},
    receiver::{Answer, Receiver},
};

#[tokio::test]
async fn a_receiver_verifies_the_signature_with_either_key() {
    let receiver = Receiver::start(Answer::status(200, "set-cookie: a=b\r\n"));
    let target = target(WebhookFormat::Standard, &receiver.url("/hook?a=b"));
    let (sender, message) = (sender(), message());
    for _ in 0..2 {
        let attempt = sender.send(&target, &message, now()).await;
        assert_eq!(
            (attempt.status, attempt.outcome),
            (Some(200), Outcome::Delivered)
        );
    }
    let requests = receiver.requests();
    assert_eq!(requests.len(), 2);
    // The connection is reused.
    assert_eq!(receiver.connections(), 1);
    for request in &requests {
        assert_eq!(request.line, "POST /hook?a=b HTTP/1.1");
        for key in [KEY, OLD_KEY] {
            let verifier = standardwebhooks::Webhook::new(key).expect("a key");
            let is_valid = verifier.verify(&request.body, &request.headers).is_ok();
            assert!(is_valid, "{key}");
        }
        let other = standardwebhooks::Webhook::new("whsec_b3RoZXI=").expect("a key");
        assert!(other.verify(&request.body, &request.headers).is_err());
        assert!(!request.headers.contains_key("cookie"));
        let agent = request.headers["user-agent"].to_str().expect("text");
        assert!(agent.starts_with("stock-tracker/"), "{agent}");
    }
    assert_eq!(requests[0].body, requests[1].body);
    assert_eq!(
        requests[0].headers["webhook-id"],
        requests[1].headers["webhook-id"]
    );
}

#[tokio::test]
async fn the_status_decides_what_to_do_next() {
    let hour = Some(Duration::from_hours(1));
    for (status, headers, error, advice, retry_after) in [
        (
            302,
            "location: /\r\n",
            "HTTP 302 Found",
            Advice::Retry,
            None,
        ),
        (304, "", "HTTP 304 Not Modified", Advice::Retry, None),
        (400, "", "HTTP 400 Bad Request", Advice::StepAside, None),
        (401, "", "HTTP 401 Unauthorized", Advice::StepAside, None),
        (
            404,
            "retry-after: 7\r\n",
            "HTTP 404 Not Found",
            Advice::StepAside,
            Some(Duration::from_secs(7)),
        ),
        (408, "", "HTTP 408 Request Timeout", Advice::Retry, None),
        (410, "", "HTTP 410 Gone", Advice::Gone, None),
        (425, "", "HTTP 425 Too Early", Advice::Retry, None),
        (
            429,
            "retry-after: 30\r\n",
            "HTTP 429 Too Many Requests",
            Advice::SlowDown,
            Some(Duration::from_secs(30)),
        ),
        (
            429,
            "retry-after: 86400\r\n",
            "HTTP 429 Too Many Requests",
            Advice::SlowDown,
            hour,
        ),
        (
            429,
            "retry-after: soon\r\n",
            "HTTP 429 Too Many Requests",
            Advice::SlowDown,
            None,
        ),
        (499, "", "HTTP 499", Advice::StepAside, None),
        (
            500,
            "",
            "HTTP 500 Internal Server Error",
            Advice::Retry,
            None,
        ),
        (502, "", "HTTP 502 Bad Gateway", Advice::SlowDown, None),
        (
            503,
            "retry-after: 9\r\n",
            "HTTP 503 Service Unavailable",
            Advice::Retry,
            Some(Duration::from_secs(9)),
        ),
        (504, "", "HTTP 504 Gateway Timeout", Advice::SlowDown, None),
        (999, "", "HTTP 999", Advice::Retry, None),
    ] {
        let receiver = Receiver::start(Answer::status(status, headers));
        let target = target(WebhookFormat::Slack, &receiver.url("/"));
        let attempt = sender().send(&target, &message(), now()).await;
        assert_eq!(attempt.status, Some(status));
        let failure = failure(&attempt);
        assert_eq!(failure.error, error);
        assert_eq!(failure.advice, advice, "{status}");
        assert_eq!(failure.retry_after, retry_after, "{status} {headers}");
    }
}

#[tokio::test]
async fn every_success_is_a_delivery() {
    for status in [200, 201, 202, 204, 299] {
        let receiver = Receiver::start(Answer::status(status, ""));
        for format in [
            WebhookFormat::Slack,
            WebhookFormat::Discord,
            WebhookFormat::Ntfy,
            WebhookFormat::Apprise,
        ] {
            let target = target(format, &receiver.url("/topic"));
            let attempt = sender().send(&target, &message(), now()).await;
            assert_eq!(
                (attempt.status, attempt.outcome),
                (Some(status), Outcome::Delivered)
            );
        }
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Receiver::start(Answer::status(200, ""));
    for status in [301, 302, 303, 307, 308] {
        let location = format!("location: {}\r\n", other.url("/"));
        let receiver = Receiver::start(Answer::status(status, &location));
        let target = target(WebhookFormat::Standard, &receiver.url("/"));
        let attempt = sender().send(&target, &message(), now()).await;
        assert_eq!(attempt.status, Some(status));
        assert_eq!(failure(&attempt).advice, Advice::Retry);
        assert_eq!(receiver.requests().len(), 1);
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn the_body_of_an_answer_is_not_read() {
    let endless = "HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n";
    let receiver = Receiver::start(Answer::Endless(endless.to_owned()));
    let target = target(WebhookFormat::Standard, &receiver.url("/"));
    let attempt = sender().send(&target, &message(), now()).await;
    assert_eq!(attempt.outcome, Outcome::Delivered);
    while receiver.closed() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn an_attempt_ends_after_fifteen_seconds() {
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-le"] {
        let receiver = Receiver::start(Answer::Stall(answer.to_owned()));
        let target = target(WebhookFormat::Standard, &receiver.url("/"));
        let (sender, message) = (sender(), message());
        let (attempt, ()) = tokio::join!(
            sender.send(&target, &message, now()),
            let_time_out(|| !receiver.requests().is_empty()),
        );
        assert_failed(&attempt, None, "no answer within 15 s", Advice::Retry);
        assert!(attempt.duration >= Duration::from_secs(15), "{attempt:?}");
        assert!(attempt.duration < Duration::from_secs(20), "{attempt:?}");
    }
}

#[tokio::test]
async fn a_cancelled_attempt_closes_its_connection() {
    let receiver = Receiver::start(Answer::Stall(String::new()));
    let target = target(WebhookFormat::Standard, &receiver.url("/"));
    let (sender, message) = (sender(), message());
    tokio::select! {
        attempt = sender.send(&target, &message, now()) => panic!("{attempt:?}"),
        () = async {
            while receiver.requests().is_empty() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        } => {}
    }
    while receiver.closed() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn a_broken_connection_is_retried() {
    let receiver = Receiver::start(Answer::Close);
    let target = target(WebhookFormat::Standard, &receiver.url("/"));
    let attempt = sender().send(&target, &message(), now()).await;
    let error = "the connection was closed before an answer";
    assert_failed(&attempt, None, error, Advice::Retry);
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn a_refused_connection_is_retried() {
    let free = TcpListener::bind("127.0.0.1:0").expect("an address");
    let url = format!("http://{}/", free.local_addr().expect("an address"));
    drop(free);
    let attempt = sender()
        .send(&target(WebhookFormat::Slack, &url), &message(), now())
        .await;
    assert_failed(&attempt, None, "the connection was refused", Advice::Retry);
}

#[tokio::test]
async fn a_server_without_tls_is_no_https_server() {
    // Answers to the first bytes, which have no line.
    let listener = TcpListener::bind("127.0.0.1:0").expect("an address");
    let url = format!("https://{}/", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        // Until the client closes the connection.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let target = target(WebhookFormat::Slack, &url);
    let attempt = sender().send(&target, &message(), now()).await;
    assert_failed(&attempt, None, "the TLS handshake failed", Advice::Retry);
}
