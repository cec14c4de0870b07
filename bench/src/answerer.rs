//! A minimal HTTP server that sends one response to all requests, as a baseline.
//!
//! The response has the headers and the body of a response of the product.

use std::{
    fs,
    io::Write as _,
    net::{Ipv4Addr, SocketAddr},
};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue},
};
use tempfile::NamedTempFile;
use tokio::net::TcpListener;

use crate::{http::Response, process::Process};

/// The argument that runs this program as the server.
pub(crate) const ARGUMENT: &str = "--answer";
/// The headers that the HTTP library adds.
const ADDED: [&str; 2] = ["content-length", "date"];

/// The server in its own process, which is killed on drop.
pub(crate) struct Answerer {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    _file: NamedTempFile,
}

impl Answerer {
    /// Starts a server that sends `response`.
    pub(crate) fn start(response: &Response<'_>) -> Self {
        let mut file = NamedTempFile::new().expect("create a file");
        file.write_all(response.head.as_bytes())
            .and_then(|()| file.write_all(response.body))
            .expect("write the response");
        let path = file.path().to_str().expect("a path in UTF-8");
        let (process, address) = Process::start_bare(&[ARGUMENT, path]);
        Self {
            process,
            address,
            _file: file,
        }
    }
}

/// Serves until the process is killed.
#[tokio::main]
#[expect(clippy::print_stdout, reason = "the parent process reads the address")]
pub(crate) async fn run(file: &str) {
    let response = fs::read_to_string(file).expect("read the response");
    let (head, body) = response.split_once("\r\n\r\n").expect("a response");
    let headers: HeaderMap = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .filter(|(name, _)| !ADDED.contains(name))
        .map(|(name, value)| {
            let name: HeaderName = name.parse().expect("a name");
            (name, HeaderValue::from_str(value).expect("a value"))
        })
        .collect();
    let body = Bytes::copy_from_slice(body.as_bytes());
    let answer = async move |_request: Bytes| (headers.clone(), body.clone());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("bind a port");
    println!("{}", listener.local_addr().expect("an address"));
    let served = axum::serve(listener, Router::new().fallback(answer)).await;
    served.expect("serve connections");
}
