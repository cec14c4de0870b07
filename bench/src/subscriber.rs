//! WebSocket subscribers that count the messages they receive.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
};

use futures_util::{SinkExt, StreamExt, TryStreamExt, stream};
use tokio::{net::TcpStream, task::JoinSet};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Message, client::IntoClientRequest, http::HeaderValue, protocol::WebSocketConfig,
    },
};

const PROTOCOL: &str = "graphql-transport-ws";
const SUBSCRIBE: &str = r#"{"id":"1","type":"subscribe","payload":{"query":"subscription($symbols: [Symbol!]) { priceUpdates(symbols: $symbols) { symbol price previousClose change changePercent volume recordedAt cursor } }","variables":{"symbols":["AAPL"]}}}"#;

/// Subscribers of one stock, which disconnect on drop.
pub(crate) struct Subscribers {
    received: Arc<AtomicU32>,
    size: Arc<AtomicUsize>,
    _reading: JoinSet<()>,
}

impl Subscribers {
    /// Connects and subscribes `count` clients.
    pub(crate) async fn connect(address: SocketAddr, count: u32) -> Self {
        let sockets: Vec<_> = stream::iter(0..count)
            .map(|_| subscribe(address))
            .buffer_unordered(32)
            .try_collect()
            .await
            .expect("connections are accepted");
        let (received, size) = (Arc::<AtomicU32>::default(), Arc::<AtomicUsize>::default());
        let mut reading = JoinSet::new();
        for mut socket in sockets {
            let (received, size) = (Arc::clone(&received), Arc::clone(&size));
            reading.spawn(async move {
                while let Some(Ok(message)) = socket.next().await {
                    if message.is_text() {
                        received.fetch_add(1, Ordering::Relaxed);
                        size.store(message.len(), Ordering::Relaxed);
                    }
                }
                panic!("the server closed a connection");
            });
        }
        Self {
            received,
            size,
            _reading: reading,
        }
    }

    /// Number of messages received by all subscribers.
    pub(crate) fn received(&self) -> u32 {
        self.received.load(Ordering::Relaxed)
    }

    /// Size of the last message, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.size.load(Ordering::Relaxed)
    }
}

async fn subscribe(
    address: SocketAddr,
) -> Result<WebSocketStream<TcpStream>, tokio_tungstenite::tungstenite::Error> {
    let mut request = format!("ws://{address}/graphql").into_client_request()?;
    let protocol = HeaderValue::from_static(PROTOCOL);
    request
        .headers_mut()
        .insert("sec-websocket-protocol", protocol);
    let stream = TcpStream::connect(address).await?;
    let config = WebSocketConfig::default().read_buffer_size(4096);
    let (mut socket, _) = client_async_with_config(request, stream, Some(config)).await?;
    socket
        .send(Message::text(r#"{"type":"connection_init"}"#))
        .await?;
    socket.next().await.expect("an acknowledgement")?;
    socket.send(Message::text(SUBSCRIBE)).await?;
    Ok(socket)
}
