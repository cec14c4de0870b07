//! A server that records requests and answers as a test wants.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use http::{HeaderMap, HeaderName, HeaderValue};

/// What the server does with a request.
#[derive(Clone)]
pub(crate) enum Answer {
    /// Sends these bytes and keeps the connection.
    Bytes(String),
    /// Sends these bytes, and then one more again and again.
    Endless(String),
    /// Sends these bytes, which may be none, and waits.
    Stall(String),
    /// Closes the connection.
    Close,
}

/// A received request.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// The server. Its threads end with the test's process.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    closed: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<Received>>>,
}

impl Answer {
    /// An answer without a body.
    pub(crate) fn status(status: u16, headers: &str) -> Self {
        let length = if status == 204 {
            ""
        } else {
            "content-length: 0\r\n"
        };
        Self::Bytes(format!(
            "HTTP/1.1 {status} Some Reason\r\n{headers}{length}\r\n"
        ))
    }

    /// An answer with a JSON body.
    pub(crate) fn json(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Bytes(format!(
            "HTTP/1.1 {status} Some Reason\r\n{headers}content-length: {length}\r\n\r\n{body}"
        ))
    }
}

impl Receiver {
    /// Starts a server on a loopback address.
    pub(crate) fn start(answer: Answer) -> Self {
        Self::start_at("127.0.0.1:0", answer)
    }

    /// Starts a server on an address.
    pub(crate) fn start_at(address: &str, answer: Answer) -> Self {
        let listener = TcpListener::bind(address).expect("an address");
        let receiver = Self {
            address: listener.local_addr().expect("an address"),
            connections: Arc::default(),
            closed: Arc::default(),
            requests: Arc::default(),
        };
        let (connections, closed) = (receiver.connections.clone(), receiver.closed.clone());
        let requests = receiver.requests.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                connections.fetch_add(1, Ordering::SeqCst);
                let (answer, requests) = (answer.clone(), requests.clone());
                let closed = closed.clone();
                thread::spawn(move || {
                    let _ = serve(stream, &answer, &requests);
                    closed.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        receiver
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The number of accepted connections.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The number of connections that have ended.
    pub(crate) fn closed(&self) -> usize {
        self.closed.load(Ordering::SeqCst)
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Received> {
        self.requests.lock().expect("a lock").clone()
    }
}

fn serve(
    stream: TcpStream,
    answer: &Answer,
    requests: &Mutex<Vec<Received>>,
) -> std::io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = receive(&mut reader)? {
        requests.lock().expect("a lock").push(request);
        match answer {
            Answer::Close => return Ok(()),
            Answer::Bytes(bytes) => writer.write_all(bytes.as_bytes())?,
            Answer::Endless(bytes) => {
                writer.write_all(bytes.as_bytes())?;
                loop {
                    writer.write_all(&[b' '; 1024])?;
                }
            }
            Answer::Stall(bytes) => {
                writer.write_all(bytes.as_bytes())?;
                // Until the client closes the connection.
                let _ = reader.read(&mut [0])?;
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Reads a request, or `None` at the end of the connection.
fn receive(reader: &mut impl BufRead) -> std::io::Result<Option<Received>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut headers = HeaderMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        headers.append(
            HeaderName::try_from(name).expect("a name"),
            HeaderValue::try_from(value).expect("a value"),
        );
    }
    let length = headers
        .get("content-length")
        .map_or("0", |it| it.to_str().expect("text"));
    let mut body = vec![0; length.parse().expect("a length")];
    reader.read_exact(&mut body)?;
    Ok(Some(Received {
        line: line.trim_end().to_owned(),
        headers,
        body,
    }))
}
