//! A receiver of webhooks, which answers as a test wants and verifies signatures.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use tokio::net::TcpListener;

/// How a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// With a status.
    Status(u16),
    /// With 429 and `Retry-After: 1`.
    Busy,
    /// With a redirect to the receiver itself.
    Redirect,
    /// Never.
    Stall,
}

/// A request, and how it was answered.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    pub(crate) reply: Reply,
}

impl Received {
    /// A header, or an empty text.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|it| it.to_str().ok()).unwrap_or_default()
    }

    /// The id of the message.
    pub(crate) fn id(&self) -> String {
        self.header("webhook-id").to_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }

    /// Whether the request was accepted.
    pub(crate) fn is_accepted(&self) -> bool {
        matches!(self.reply, Reply::Status(200..300))
    }

    /// Fails unless the request is signed with this key.
    pub(crate) fn assert_signed_with(&self, secret: &str) {
        let webhook = standardwebhooks::Webhook::new(secret).expect("a key");
        let verified = webhook.verify(self.body.as_bytes(), &self.headers);
        verified.unwrap_or_else(|error| panic!("{error}: {self:?}"));
    }
}

/// The server. It ends with the test.
#[derive(Clone)]
pub(crate) struct Receiver {
    /// The URL to send to.
    pub(crate) url: String,
    desk: Desk,
}

#[derive(Clone)]
struct Desk {
    received: Arc<Mutex<Vec<Received>>>,
    reply: Arc<Mutex<Box<dyn FnMut() -> Reply + Send>>>,
}

impl Receiver {
    /// Starts a server that accepts everything.
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("an address");
        let address = listener.local_addr().expect("an address");
        let desk = Desk {
            received: Arc::default(),
            reply: Arc::new(Mutex::new(Box::new(|| Reply::Status(204)))),
        };
        let router = Router::new().fallback(take).with_state(desk.clone());
        #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        let url = format!("http://{address}/hooks/secret-path?key=secret-query");
        Self { url, desk }
    }

    /// Sets how the next requests are answered.
    pub(crate) fn replies(&self, reply: impl FnMut() -> Reply + Send + 'static) {
        *self
            .desk
            .reply
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Box::new(reply);
    }

    /// The requests so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        let received = self.desk.received.lock();
        received.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn take(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> Response {
    let reply = {
        let mut reply = desk.reply.lock().unwrap_or_else(PoisonError::into_inner);
        (*reply)()
    };
    let body = String::from_utf8(body.to_vec()).expect("UTF-8");
    let received = Received {
        headers,
        body,
        reply,
    };
    {
        let mut all = desk.received.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(received);
    }
    match reply {
        Reply::Status(status) => StatusCode::from_u16(status)
            .expect("a status")
            .into_response(),
        Reply::Busy => {
            (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")]).into_response()
        }
        Reply::Redirect => (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]).into_response(),
        Reply::Stall => std::future::pending().await,
    }
}
