//! WebSocket subscribers that cost little: they read frames without checking their content.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

/// How many clients connect at the same time.
const CONNECTING: u32 = 32;
/// The bit of the last frame of a message.
const FINAL: u8 = 0x80;
/// The bit of a frame with a mask.
const MASKED: u8 = 0x80;
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Subscribers, which disconnect on drop.
pub(crate) struct Subscribers {
    received: Received,
    reading: JoinSet<()>,
}

/// The messages that all subscribers have received.
#[derive(Clone, Default)]
pub(crate) struct Received {
    count: Arc<AtomicU64>,
    size: Arc<AtomicUsize>,
}

impl Received {
    /// The number of messages.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// The size of the last message, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.size.load(Ordering::Relaxed)
    }
}

impl Subscribers {
    /// Connects and subscribes `count` clients, and calls `on_message` with each message.
    pub(crate) async fn connect(
        address: SocketAddr,
        count: u32,
        subscription: &str,
        on_message: impl Fn(&[u8]) + Clone + Send + 'static,
    ) -> Self {
        let received = Received::default();
        let request = json!({"id": "1", "type": "subscribe", "payload": {"query": subscription}});
        let request: Arc<str> = request.to_string().into();
        let mut connecting = JoinSet::new();
        let mut reading = JoinSet::new();
        for at in 0..count + CONNECTING {
            if at >= CONNECTING
                && let Some(client) = connecting.join_next().await
            {
                let client: Client = client.expect("connections are accepted");
                reading.spawn(client.read(received.clone(), on_message.clone()));
            }
            if at < count {
                connecting.spawn(Client::subscribe(address, Arc::clone(&request)));
            }
        }
        Self { received, reading }
    }

    pub(crate) fn received(&self) -> &Received {
        &self.received
    }

    /// # Panics
    ///
    /// If a subscriber was disconnected.
    pub(crate) fn check(&mut self) {
        let ended = self.reading.try_join_next();
        assert!(ended.is_none(), "a subscriber was disconnected: {ended:?}");
    }

    /// Waits until no message arrives, such as the prices at the start of a subscription.
    pub(crate) async fn settle(&self) {
        let mut before = u64::MAX;
        while before != self.received.count() {
            before = self.received.count();
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

/// A connection that has subscribed.
struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    async fn subscribe(address: SocketAddr, request: Arc<str>) -> Self {
        let stream = TcpStream::connect(address).await.expect("connect");
        let mut client = Self {
            stream,
            buffer: Vec::new(),
        };
        let handshake = format!(
            "GET /graphql HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
             Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
        );
        client.write(handshake.as_bytes()).await;
        let head = loop {
            client.fill().await;
            let end = client.buffer.windows(4).position(|it| it == b"\r\n\r\n");
            if let Some(end) = end {
                break end + 4;
            }
        };
        assert!(client.buffer.starts_with(b"HTTP/1.1 101 "), "no WebSocket");
        client.buffer.drain(..head);
        client
            .write(&frame(TEXT, br#"{"type":"connection_init"}"#))
            .await;
        // The acknowledgement.
        while parse(&client.buffer).is_none() {
            client.fill().await;
        }
        let (_, _, end) = parse(&client.buffer).expect("a frame");
        client.buffer.drain(..end);
        client.write(&frame(TEXT, request.as_bytes())).await;
        client
    }

    async fn read(
        mut self,
        received: Received,
        on_message: impl Fn(&[u8]) + Clone + Send + 'static,
    ) {
        loop {
            let mut at = 0;
            let mut pings = 0;
            while let Some((opcode, start, end)) = parse(&self.buffer[at..]) {
                match opcode {
                    TEXT => {
                        on_message(&self.buffer[at + start..at + end]);
                        received.count.fetch_add(1, Ordering::Relaxed);
                        received.size.store(end - start, Ordering::Relaxed);
                    }
                    PING => pings += 1,
                    CLOSE => panic!("the server closed a connection"),
                    _ => {}
                }
                at += end;
            }
            self.buffer.drain(..at);
            for _ in 0..pings {
                self.write(&frame(PONG, b"")).await;
            }
            self.fill().await;
        }
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("send");
    }

    async fn fill(&mut self) {
        self.buffer.reserve(4096);
        let read = self.stream.read_buf(&mut self.buffer).await;
        assert!(read.expect("read") > 0, "the server closed a connection");
    }
}

/// A frame of a client. The mask is 0, so that the content stays as it is.
fn frame(opcode: u8, content: &[u8]) -> Vec<u8> {
    let mut frame = vec![FINAL | opcode];
    if let Ok(length @ 0..126) = u8::try_from(content.len()) {
        frame.push(MASKED | length);
    } else {
        let length = u16::try_from(content.len()).expect("a short message");
        frame.push(MASKED | 0x7e);
        frame.extend(length.to_be_bytes());
    }
    frame.extend([0; 4]);
    frame.extend(content);
    frame
}

/// The opcode of the first frame, and where its content starts and ends. Returns `None` if the
/// frame is incomplete.
fn parse(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (&first, &length) = (bytes.first()?, bytes.get(1)?);
    let (start, length) = match length {
        126 => (
            4,
            usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)),
        ),
        127 => {
            let length = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
            (10, usize::try_from(length).ok()?)
        }
        length => (2, usize::from(length)),
    };
    let end = start + length;
    (bytes.len() >= end).then_some((first & 0x0f, start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_parsed_when_they_are_complete() {
        for (length, start) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let mut bytes = vec![FINAL | TEXT];
            match start {
                2 => bytes.push(u8::try_from(length).unwrap()),
                4 => {
                    bytes.push(126);
                    bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
                }
                _ => {
                    bytes.push(127);
                    bytes.extend(u64::try_from(length).unwrap().to_be_bytes());
                }
            }
            bytes.resize(start + length, b'x');
            for incomplete in [0, 1, start + length - 1] {
                assert_eq!(parse(&bytes[..incomplete]), None);
            }
            bytes.push(FINAL | PING);
            assert_eq!(parse(&bytes), Some((TEXT, start, start + length)));
        }
    }
}
