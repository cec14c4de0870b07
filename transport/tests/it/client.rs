//! A WebSocket client for tests.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue},
};

use crate::app::App;

const PATIENCE: Duration = Duration::from_secs(10);

/// A connected client.
pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<TcpStream>,
    /// The selected subprotocol.
    pub(crate) protocol: Option<String>,
}

impl Client {
    /// Connects with these subprotocols and headers.
    pub(crate) async fn open(
        app: &App,
        protocols: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let tcp = TcpStream::connect(app.address).await.expect("connected");
        Self::open_over(tcp, app, protocols, headers).await
    }

    /// Connects with a receive buffer that is small, so that frames arrive in pieces.
    pub(crate) async fn open_small(app: &App, protocols: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a size");
        let tcp = socket.connect(app.address).await.expect("connected");
        let opened = Self::open_over(tcp, app, protocols, &[]).await;
        opened.expect("open")
    }

    async fn open_over(
        tcp: TcpStream,
        app: &App,
        protocols: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let url = format!("ws://{}/graphql", app.address);
        let mut request = url.into_client_request().expect("request");
        if !protocols.is_empty() {
            let value = HeaderValue::from_str(protocols).expect("header");
            request
                .headers_mut()
                .insert("sec-websocket-protocol", value);
        }
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).expect("header");
            request.headers_mut().insert(*name, value);
        }
        match client_async(request, tcp).await {
            Ok((socket, response)) => {
                let protocol = response.headers().get("sec-websocket-protocol");
                Ok(Self {
                    socket,
                    protocol: protocol.map(|value| value.to_str().expect("text").to_owned()),
                })
            }
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
                Err(response.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Connects with graphql-transport-ws, without `connection_init`.
    pub(crate) async fn modern(app: &App) -> Self {
        Self::open(app, "graphql-transport-ws", &[])
            .await
            .expect("open")
    }

    /// Connects and initializes the connection.
    pub(crate) async fn ready(app: &App) -> Self {
        let mut client = Self::modern(app).await;
        client.init().await;
        client
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.expect("sent");
    }

    /// Initializes the connection.
    pub(crate) async fn init(&mut self) {
        self.send(&json!({"type": "connection_init"})).await;
        assert_eq!(self.receive().await, json!({"type": "connection_ack"}));
    }

    /// Starts an operation.
    pub(crate) async fn subscribe(&mut self, id: &str, query: &str) {
        let payload = json!({"query": query});
        self.send(&json!({"type": "subscribe", "id": id, "payload": payload}))
            .await;
    }

    async fn frame(&mut self) -> Message {
        loop {
            let frame = timeout(PATIENCE, self.socket.next())
                .await
                .expect("in time");
            match frame.expect("not the end").expect("a frame") {
                Message::Ping(_) | Message::Pong(_) => {}
                frame => return frame,
            }
        }
    }

    /// Receives the next message.
    pub(crate) async fn receive(&mut self) -> Value {
        match self.frame().await {
            Message::Text(text) => serde_json::from_str(&text).expect("JSON"),
            other => panic!("no message but {other:?}"),
        }
    }

    /// Receives a close frame, which must be next. Returns its code and reason.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        match self.frame().await {
            Message::Close(Some(frame)) => (frame.code.into(), frame.reason.to_string()),
            other => panic!("no close but {other:?}"),
        }
    }

    /// Skips messages until a close frame. Returns its code.
    pub(crate) async fn closed_eventually(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.frame().await {
                return frame.expect("a code").code.into();
            }
        }
    }
}
