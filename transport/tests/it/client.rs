//! A WebSocket client that says and reads exactly what it is told to.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue},
};

use crate::app::App;

const PATIENCE: Duration = Duration::from_secs(10);

/// A connected client.
pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The subprotocol that was chosen.
    pub(crate) protocol: Option<String>,
}

impl Client {
    /// Connects, offering those subprotocols and sending those headers.
    pub(crate) async fn open(
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
        match connect_async(request).await {
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

    /// Connects by graphql-transport-ws, and nothing more.
    pub(crate) async fn modern(app: &App) -> Self {
        Self::open(app, "graphql-transport-ws", &[])
            .await
            .expect("open")
    }

    /// Connects and introduces itself.
    pub(crate) async fn ready(app: &App) -> Self {
        let mut client = Self::modern(app).await;
        client.say(&json!({"type": "connection_init"})).await;
        assert_eq!(client.hear().await, json!({"type": "connection_ack"}));
        client
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        self.say_text(&message.to_string()).await;
    }

    pub(crate) async fn say_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.expect("sent");
    }

    /// Starts an operation.
    pub(crate) async fn subscribe(&mut self, id: &str, query: &str) {
        let payload = json!({"query": query});
        self.say(&json!({"type": "subscribe", "id": id, "payload": payload}))
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

    /// The next message.
    pub(crate) async fn hear(&mut self) -> Value {
        match self.frame().await {
            Message::Text(text) => serde_json::from_str(&text).expect("JSON"),
            other => panic!("no message but {other:?}"),
        }
    }

    /// The close code and its reason, which must be next.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        match self.frame().await {
            Message::Close(Some(frame)) => (frame.code.into(), frame.reason.to_string()),
            other => panic!("no close but {other:?}"),
        }
    }

    /// The close code, whatever comes before it.
    pub(crate) async fn closed_at_last(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.frame().await {
                return frame.expect("a code").code.into();
            }
        }
    }
}
