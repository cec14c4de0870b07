//! Sockets that listen and count.

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

/// Subscribers of one stock; they leave when this is dropped.
pub(crate) struct Crowd {
    heard: Arc<AtomicU32>,
    size: Arc<AtomicUsize>,
    _reading: JoinSet<()>,
}

impl Crowd {
    /// Connects so many and subscribes each.
    pub(crate) async fn gather(address: SocketAddr, count: u32) -> Self {
        let sockets: Vec<_> = stream::iter(0..count)
            .map(|_| subscribe(address))
            .buffer_unordered(32)
            .try_collect()
            .await
            .expect("they are let in");
        let (heard, size) = (Arc::<AtomicU32>::default(), Arc::<AtomicUsize>::default());
        let mut reading = JoinSet::new();
        for mut socket in sockets {
            let (heard, size) = (Arc::clone(&heard), Arc::clone(&size));
            reading.spawn(async move {
                while let Some(Ok(message)) = socket.next().await {
                    if message.is_text() {
                        heard.fetch_add(1, Ordering::Relaxed);
                        size.store(message.len(), Ordering::Relaxed);
                    }
                }
                panic!("the server ended a connection");
            });
        }
        Self {
            heard,
            size,
            _reading: reading,
        }
    }

    /// How many messages came in all.
    pub(crate) fn heard(&self) -> u32 {
        self.heard.load(Ordering::Relaxed)
    }

    /// The size of the last one in bytes.
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
    socket.next().await.expect("a welcome")?;
    socket.send(Message::text(SUBSCRIBE)).await?;
    Ok(socket)
}
