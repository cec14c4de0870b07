//! WebSocket clients: graphql-transport-ws and the plain WebSocket `/ws`.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use socket2::SockRef;
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest, http::HeaderValue},
};

use crate::{process::PATIENCE, product::Product};

/// The header that offers graphql-transport-ws.
pub(crate) const MODERN: (&str, &str) = ("sec-websocket-protocol", "graphql-transport-ws");

/// Connects with a small segment size, so that both systems buffer only kilobytes before the client
/// reads.
pub(crate) async fn narrow(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let segments = SockRef::from(&socket).set_tcp_mss(536);
    segments.expect("small segments");
    socket.connect(address).await.expect("connected")
}

/// An open WebSocket.
pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
    /// The negotiated subprotocol.
    pub(crate) protocol: Option<String>,
}

impl Client {
    /// Opens a WebSocket at a path with these headers. Returns the HTTP status if it is rejected.
    pub(crate) async fn open(
        product: &Product,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let stream = TcpStream::connect(product.address).await;
        Self::over(stream.expect("connected"), product, path, headers).await
    }

    /// Like [`open`](Self::open), on a connection with tiny buffers.
    pub(crate) async fn narrow(
        product: &Product,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let stream = narrow(product.address).await;
        Self::over(stream, product, path, headers).await
    }

    async fn over(
        stream: TcpStream,
        product: &Product,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let url = format!("ws://{}{path}", product.address);
        let mut request = url.into_client_request().expect("a request");
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).expect("a header");
            request.headers_mut().insert(*name, value);
        }
        match client_async(request, stream).await {
            Ok((socket, response)) => {
                let protocol = response.headers().get("sec-websocket-protocol");
                let protocol = protocol.map(|it| it.to_str().expect("ASCII").to_owned());
                Ok(Self { socket, protocol })
            }
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Opens the plain WebSocket, for events from now on.
    pub(crate) async fn plain(product: &Product) -> Self {
        let opened = Self::open(product, "/ws", &[]).await;
        opened.expect("accepted")
    }

    /// Opens a graphql-transport-ws socket, and initializes it with `payload`.
    pub(crate) async fn graphql(product: &Product, payload: Value) -> Self {
        let mut client = Self::modern(product, &[]).await.expect("accepted");
        client.init(payload).await;
        assert_eq!(client.receive().await, json!({"type": "connection_ack"}));
        client
    }

    /// Opens a graphql-transport-ws socket without initializing it.
    pub(crate) async fn modern(
        product: &Product,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let headers: Vec<_> = std::iter::once(MODERN)
            .chain(headers.iter().copied())
            .collect();
        Self::open(product, "/graphql", &headers).await
    }

    /// Sends `connection_init`.
    pub(crate) async fn init(&mut self, payload: Value) {
        self.send(&json!({"type": "connection_init", "payload": payload}))
            .await;
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        self.send_text(message.to_string()).await;
    }

    /// Sends a text that may not be a valid message.
    pub(crate) async fn send_text(&mut self, text: String) {
        let sent = self.socket.send(Message::text(text)).await;
        sent.expect("sent");
    }

    /// Starts an operation.
    pub(crate) async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        let payload = json!({"query": query, "variables": variables});
        self.send(&json!({"type": "subscribe", "id": id, "payload": payload}))
            .await;
    }

    /// The next message's text.
    pub(crate) async fn receive_text(&mut self) -> String {
        match self.frame().await {
            Message::Text(text) => text.to_string(),
            other => panic!("no message but {other:?}"),
        }
    }

    /// The next message.
    pub(crate) async fn receive(&mut self) -> Value {
        let text = self.receive_text().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The payload of the operation's next event.
    pub(crate) async fn next(&mut self, id: &str) -> Value {
        let mut message = self.receive().await;
        assert_eq!(message["type"], "next", "{message}");
        assert_eq!(message["id"], id, "{message}");
        assert!(message["payload"].get("errors").is_none(), "{message}");
        message["payload"].take()
    }

    /// The code of the single error that rejects the operation.
    pub(crate) async fn refused(&mut self, id: &str) -> Value {
        let mut message = self.receive().await;
        assert_eq!(message["type"], "error", "{message}");
        assert_eq!(message["id"], id, "{message}");
        assert_eq!(
            message["payload"].as_array().map(Vec::len),
            Some(1),
            "{message}"
        );
        message["payload"][0].take()
    }

    /// Skips messages until the close frame, returns its code and closes the connection.
    pub(crate) async fn closed(mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.frame().await {
                return frame.expect("a code").code.into();
            }
        }
    }

    async fn frame(&mut self) -> Message {
        let closing = async {
            loop {
                let frame = self.socket.next().await.expect("not the end");
                match frame.expect("a frame") {
                    // Control frames are not messages.
                    Message::Ping(_) | Message::Pong(_) => {}
                    frame => return frame,
                }
            }
        };
        timeout(PATIENCE, closing).await.expect("closed in time")
    }
}
