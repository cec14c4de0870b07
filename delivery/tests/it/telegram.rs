//! Telegram, whose answer has a body.

use std::time::Duration;

use delivery::{Advice, Outcome};
use entity::WebhookFormat;

use crate::{
    fixture::{assert_failed, failure, let_time_out, message, now, sender, target},
    receiver::{Answer, Receiver},
};

const PATH: &str = "/bot123456:S3CRET/sendMessage?chat_id=-100123";

async fn attempt(answer: Answer) -> delivery::Attempt {
    let receiver = Receiver::start(answer);
    let target = target(WebhookFormat::Telegram, &receiver.url(PATH));
    let attempt = sender().send(&target, &message(), now()).await;
    let requests = receiver.requests();
    assert_eq!(
        requests[0].line,
        "POST /bot123456:S3CRET/sendMessage HTTP/1.1"
    );
    attempt
}

#[tokio::test]
async fn ok_is_a_delivery() {
    let answer = Answer::json(200, "", r#"{"ok":true,"result":{"message_id":1}}"#);
    let attempt = attempt(answer).await;
    assert_eq!(
        (attempt.status, attempt.outcome),
        (Some(200), Outcome::Delivered)
    );
}

#[tokio::test]
async fn the_reason_of_a_failure_is_kept_without_the_token_and_the_chat() {
    let body = r#"{"ok":false,"error_code":400,"description":"Bad Request: chat -100123 not found\nfor bot123456:S3CRET or S3CRET"}"#;
    let attempt = attempt(Answer::json(400, "", body)).await;
    let error = "HTTP 400 Bad Request: Bad Request: chat *** not found for *** or ***";
    assert_failed(&attempt, Some(400), error, Advice::StepAside);
}

#[tokio::test]
async fn a_rate_limit_says_how_long_to_wait() {
    for (parameters, header, seconds) in [
        (r#""parameters":{"retry_after":35}"#, "", Some(35)),
        (
            r#""parameters":{"retry_after":99999}"#,
            "retry-after: 3\r\n",
            Some(3600),
        ),
        (r#""parameters":{}"#, "retry-after: 3\r\n", Some(3)),
        (r#""x":1"#, "", None),
    ] {
        let body = format!(
            r#"{{"ok":false,"error_code":429,"description":"Too Many Requests",{parameters}}}"#
        );
        let attempt = attempt(Answer::json(429, header, &body)).await;
        assert_eq!(attempt.status, Some(429));
        let failure = failure(&attempt);
        assert_eq!(
            failure.error,
            "HTTP 429 Too Many Requests: Too Many Requests"
        );
        assert_eq!(failure.advice, Advice::SlowDown);
        assert_eq!(
            failure.retry_after,
            seconds.map(Duration::from_secs),
            "{parameters}"
        );
    }
}

#[tokio::test]
async fn a_failure_with_a_status_of_success_is_a_failure() {
    let body = r#"{"ok":false,"error_code":403,"description":"Forbidden"}"#;
    let forbidden = attempt(Answer::json(200, "", body)).await;
    let error = "HTTP 403 Forbidden: Forbidden";
    assert_failed(&forbidden, Some(200), error, Advice::StepAside);
    for body in ["", "<html>", "{}", "[]"] {
        let other = attempt(Answer::json(200, "", body)).await;
        let error = "the answer is not one of Telegram";
        assert_failed(&other, Some(200), error, Advice::Retry);
        let failed = attempt(Answer::json(502, "", body)).await;
        assert_failed(&failed, Some(502), "HTTP 502 Bad Gateway", Advice::SlowDown);
    }
}

#[tokio::test]
async fn a_long_answer_is_not_read_to_its_end() {
    for (status, error, advice) in [
        (200, "the answer is not one of Telegram", Advice::Retry),
        (404, "HTTP 404 Not Found", Advice::StepAside),
    ] {
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: 1000000000000\r\n\r\n");
        let attempt = attempt(Answer::Endless(head)).await;
        assert_failed(&attempt, Some(status), error, advice);
    }
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_a_timeout() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"ok\":true";
    let receiver = Receiver::start(Answer::Stall(head.to_owned()));
    let target = target(WebhookFormat::Telegram, &receiver.url(PATH));
    let (sender, message) = (sender(), message());
    let (attempt, ()) = tokio::join!(
        sender.send(&target, &message, now()),
        let_time_out(|| !receiver.requests().is_empty()),
    );
    assert_failed(&attempt, None, "no answer within 15 s", Advice::Retry);
}
