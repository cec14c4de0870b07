//! A load generator for HTTP/1.1 that costs little.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::{latency::Latencies, product::ADMIN_TOKEN, usage::Usage};

/// The number of concurrent connections of a load. Each has one request in flight.
pub(crate) const CONNECTIONS: usize = 32;
const HEAD_END: &[u8] = b"\r\n\r\n";

/// Requests that a load sends in turn.
pub(crate) type Requests = Arc<[Vec<u8>]>;

/// A connection that is kept alive.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A response.
pub(crate) struct Response<'a> {
    /// The status line and the headers.
    pub(crate) head: &'a str,
    pub(crate) body: &'a [u8],
}

impl Response<'_> {
    pub(crate) fn is_ok(&self) -> bool {
        self.head.starts_with("HTTP/1.1 200 ")
    }

    /// # Panics
    ///
    /// If the response is an error, or a GraphQL response with errors.
    pub(crate) fn assert_ok(&self) {
        let body = String::from_utf8_lossy(self.body);
        let has_errors = body.contains(r#""errors":"#);
        assert!(self.is_ok() && !has_errors, "{}{body}", self.head);
    }
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::new(),
        })
    }

    /// Sends a request and reads the response.
    ///
    /// # Panics
    ///
    /// If the connection fails, or the response has no `Content-Length`.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Response<'_> {
        self.try_exchange(request).await.expect("a response")
    }

    /// Like [`exchange`](Self::exchange), but returns an error if the connection fails.
    pub(crate) async fn try_exchange(&mut self, request: &[u8]) -> io::Result<Response<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            self.read().await?;
            let end = self.buffer.windows(4).position(|it| it == HEAD_END);
            if let Some(end) = end {
                break end + HEAD_END.len();
            }
        };
        let length = content_length(text(&self.buffer[..head])).expect("a length");
        while self.buffer.len() < head + length {
            self.read().await?;
        }
        Ok(Response {
            head: text(&self.buffer[..head]),
            body: &self.buffer[head..],
        })
    }

    async fn read(&mut self) -> io::Result<()> {
        self.buffer.reserve(16 << 10);
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

fn text(head: &[u8]) -> &str {
    std::str::from_utf8(head).expect("a head in ASCII")
}

fn content_length(head: &str) -> Option<usize> {
    let mut headers = head.lines().filter_map(|line| line.split_once(": "));
    let (_, length) = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    length.parse().ok()
}

/// A request for a path.
pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n").into()
}

/// A GraphQL request.
pub(crate) fn post(query: &str, variables: &Value) -> Vec<u8> {
    post_with("", query, variables)
}

/// A GraphQL request of the administrator.
pub(crate) fn admin_post(query: &str, variables: &Value) -> Vec<u8> {
    let header = format!("Authorization: Bearer {ADMIN_TOKEN}\r\n");
    post_with(&header, query, variables)
}

fn post_with(header: &str, query: &str, variables: &Value) -> Vec<u8> {
    let body = json!({ "query": query, "variables": variables }).to_string();
    format!(
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n{header}\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into()
}

/// The result of loads.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    pub(crate) latencies: Latencies,
    elapsed: Duration,
    /// CPU seconds of the server.
    cpu: f64,
}

impl Measured {
    /// Requests a second.
    pub(crate) fn rate(&self) -> f64 {
        f64::from(self.latencies.count()) / self.elapsed.as_secs_f64()
    }

    /// Microseconds of CPU time of the server per request.
    pub(crate) fn cpu(&self) -> f64 {
        self.cpu * 1e6 / f64::from(self.latencies.count())
    }

    /// Measures the server while it answers requests for `time`, and adds the result.
    pub(crate) async fn load(
        &mut self,
        (process, address): (u32, SocketAddr),
        requests: &Requests,
        time: Duration,
    ) {
        let (before, begun) = (Usage::of(process), Instant::now());
        let latencies = load(address, requests, time).await;
        self.elapsed += begun.elapsed();
        self.cpu += Usage::of(process).cpu - before.cpu;
        self.latencies.append(latencies);
    }
}

/// Sends requests over [`CONNECTIONS`] for `time`, and returns how long each takes.
pub(crate) async fn load(address: SocketAddr, requests: &Requests, time: Duration) -> Latencies {
    let end = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for first in 0..CONNECTIONS {
        let requests = Arc::clone(requests);
        tasks.spawn(async move {
            let mut connection = Connection::open(address).await.expect("connect");
            let mut latencies = Latencies::default();
            let mut turn = first;
            while Instant::now() < end {
                let begun = Instant::now();
                let request = &requests[turn % requests.len()];
                let response = connection.exchange(request).await;
                assert!(response.is_ok(), "{}", response.head);
                latencies.push(begun.elapsed());
                turn += CONNECTIONS;
            }
            latencies
        });
    }
    let mut all = Latencies::default();
    while let Some(latencies) = tasks.join_next().await {
        all.append(latencies.expect("all requests are answered"));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_body_is_found() {
        let head = "HTTP/1.1 200 OK\r\ndate: now\r\nContent-Length: 17\r\n\r\n";
        assert_eq!(content_length(head), Some(17));
        assert_eq!(
            content_length("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
            None
        );
    }
}
