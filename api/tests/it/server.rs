//! Probes and malformed requests.

use std::net::SocketAddr;

use reqwest::Method;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{answer::Answer, archive::on_archives, process::PATIENCE};

/// Sends a raw text, and returns the response.
async fn answered(address: SocketAddr, text: &str) -> String {
    let connection = TcpStream::connect(address).await.expect("connected");
    let (mut reading, mut writing) = connection.into_split();
    let mut response = Vec::new();
    // It may be rejected before everything is sent.
    let (_, read) = tokio::join!(
        writing.write_all(text.as_bytes()),
        timeout(PATIENCE, reading.read_to_end(&mut response)),
    );
    read.expect("the end").expect("read");
    String::from_utf8(response).expect("text")
}

on_archives! {
    async fn both_listeners_have_liveness_and_readiness_probes(archive) {
        let client = crate::answer::browser();
        for listener in [archive.address, archive.metrics, archive.tracking_metrics] {
            for (path, text) in [("livez", "ok\n"), ("readyz", "ready\n")] {
                let answer = Answer::to(client.get(format!("http://{listener}/{path}"))).await;
                assert_eq!((answer.status, &*answer.text), (200, text), "{listener}");
            }
            // The metrics listener accepts any host name.
            let watched = client.get(format!("http://{listener}/livez")).header("host", "prometheus.example");
            let expected = if listener == archive.address { 421 } else { 200 };
            assert_eq!(Answer::to(watched).await.status, expected);
        }
    }

    async fn a_malformed_request_gets_the_error_format_of_its_path(archive) {
        let uri = format!("?{}", "x".repeat(70_000));
        // Larger than what one read of the HTTP library can add to the largest head that it
        // accepts.
        let large = format!("x: {}\r\n", "x".repeat(1_000_000));
        let long = "HTTP/1.1 414 ";
        let host = "host: localhost\r\n";
        for (path, media) in [
            ("/graphql", "application/graphql-response+json; charset=utf-8"),
            ("/graphql/ws", "application/graphql-response+json; charset=utf-8"),
            ("/api/v1/stocks", "application/problem+json"),
            ("/graphql-other", "application/problem+json"),
        ] {
            for (line, headers, status) in [
                (format!("GET {path}{uri} HTTP/1.1"), host, long),
                (format!("GET {path} HTTP/1.1"), &*large, "HTTP/1.1 431 "),
                (format!("GET {path} HTTP/1.1"), "a b: c\r\n", "HTTP/1.1 400 "),
                // The HTTP library accepts them, the guard rejects them.
                (format!("GET {path} HTTP/1.1"), "", "HTTP/1.1 400 "),
                (format!("GET {path} HTTP/1.1"), "host: localhost\r\nhost: localhost\r\n", "HTTP/1.1 400 "),
                (format!("GET {path} HTTP/1.1"), "host: a@localhost\r\n", "HTTP/1.1 400 "),
            ] {
                let text = answered(archive.address, &format!("{line}\r\n{headers}connection: close\r\n\r\n")).await;
                let (head, body) = text.split_once("\r\n\r\n").expect("a head");
                assert!(head.starts_with(status), "{path}: {text}");
                let is_guard = status == "HTTP/1.1 400 " && headers != "a b: c\r\n";
                let is_json = path.starts_with("/graphql") && path != "/graphql-other" && is_guard;
                let media = if is_json { "application/json; charset=utf-8" } else { media };
                assert!(head.contains(&format!("content-type: {media}")), "{path}: {text}");
                let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
                let code = &body["errors"][0]["extensions"]["code"];
                let expected = status[9..12].parse::<u16>().expect("a status");
                assert!(code == "BAD_USER_INPUT" || body["status"] == expected, "{path}: {text}");
            }
        }
        // HTTP/1.0 does not require a host.
        let text = answered(archive.address, "GET /livez HTTP/1.0\r\n\r\n").await;
        assert!(text.starts_with("HTTP/1.0 200 "), "{text}");
    }

    async fn a_request_for_data_never_gets_a_page(archive) {
        for accept in ["application/json", "*/*", "application/graphql-response+json"] {
            let answer = Answer::to(archive.request(Method::GET, "/graphql").header("accept", accept)).await;
            assert_eq!((answer.status, &*answer.code()), (400, "BAD_USER_INPUT"), "{accept}");
        }
    }
}
