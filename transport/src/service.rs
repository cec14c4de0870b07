//! The seam: what a transport asks of the application, and nothing else it knows of it.
//!
//! Invariant: a response is serialised by the service, once; transports put its bytes into their
//! envelopes and never look inside. Implemented by the application (and by
//! [`Plain`](crate::Plain) over a bare schema), called by every transport.

pub(crate) mod schema;

use std::future::Future;

use async_graphql::{Request, Response, ServerError, Value};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use http::{HeaderMap, StatusCode};

use crate::{
    fault::{self, Fault, code},
    policy::connections::ClientAddress,
};

/// What executes operations.
pub trait Service: Clone + Send + Sync + 'static {
    /// Who asks; opaque to the transport.
    type Viewer: Clone + Send + Sync + 'static;

    /// Judges the value of an `Authorization` header, or what stands for it; `None` is anonymous.
    ///
    /// # Errors
    ///
    /// A wrong or malformed token, or none where one is needed.
    fn authenticate(&self, authorization: Option<&str>) -> Result<Self::Viewer, Fault>;

    /// Judges how much an address asks: once for each HTTP request and each operation on a
    /// WebSocket, before anything of it is read.
    ///
    /// # Errors
    ///
    /// It asks too much; usually [`Fault::rate_limited`].
    fn admit(&self, address: ClientAddress) -> Result<(), Fault> {
        let _ = address;
        Ok(())
    }

    /// What a client reads when an operation panics; a place for an identifier of the request.
    fn defect(&self) -> ServerError {
        fault::error(code::INTERNAL, "internal error")
    }

    /// Executes a query or mutation. The request carries its parsed document. Dropping the future
    /// gives the operation up: its deadline passed, or its client left.
    fn execute(&self, request: Request, viewer: Self::Viewer)
    -> impl Future<Output = Reply> + Send;

    /// Starts a subscription. The request carries its parsed document, and in its data a
    /// [`LastEventId`] if the client resumes an event stream.
    ///
    /// The stream is polled only while its client takes what it yields, so it must hold nothing
    /// that others wait for; what may pile up behind a slow client is its own to bound.
    ///
    /// # Errors
    ///
    /// Whatever refuses it before its first event: the client gets one `error` and no `complete`.
    fn subscribe(
        &self,
        request: Request,
        viewer: Self::Viewer,
    ) -> impl Future<Output = Result<Subscription, Vec<ServerError>>> + Send;
}

/// The events of one subscription; its end without an [`Item::End`] is [`End::Complete`].
pub type Subscription = BoxStream<'static, Item>;

/// What a subscription yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A response, to be delivered.
    Next(Event),
    /// Nothing follows.
    End(End),
}

/// One response of a subscription, as its client will read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// A JSON object, `{"data":…}`; clones share it.
    pub body: Bytes,
    /// How many events were skipped before this one; only counted, the body tells the client.
    pub missed: u64,
    /// Identifies the event to a client that resumes after it ([`LastEventId`]); one line of
    /// text. Sent by Server-Sent Events only.
    pub id: Option<Bytes>,
}

impl From<Bytes> for Event {
    fn from(body: Bytes) -> Self {
        Self {
            body,
            missed: 0,
            id: None,
        }
    }
}

/// The `Last-Event-ID` of a request: the [`Event::id`] of the last event that the client has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastEventId(pub String);

/// Why a subscription ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// There is nothing more to tell.
    Complete,
    /// The client is further behind than may be kept for it.
    Overloaded,
    /// The source of the events was replaced by another one, in which the client's position does
    /// not exist.
    Replaced,
}

/// What a client reads when its subscription ends as [`End::Replaced`].
pub(crate) const REPLACED: &str = "the source of the events was replaced";

/// How an operation went, as metrics and status codes see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Data, and no errors.
    Ok,
    /// Executed, with errors.
    Errors,
    /// Not executed.
    Refused,
}

impl Outcome {
    /// The label of a metric.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Errors => "error",
            Self::Refused => "refused",
        }
    }
}

/// The serialised answer to a query or mutation.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The JSON object a client reads.
    pub body: Bytes,
    /// How the operation went.
    pub outcome: Outcome,
    /// The status over HTTP; 400 becomes 200 for clients that only know `application/json`.
    pub status: StatusCode,
    /// Further headers over HTTP.
    pub headers: HeaderMap,
    /// Why it was refused, for protocols that tell this apart.
    pub refusal: Vec<ServerError>,
}

impl Reply {
    /// An executed operation, already written: `{"data":…}`, with `errors` or without.
    pub fn executed(body: Bytes, outcome: Outcome) -> Self {
        Self {
            body,
            outcome,
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            refusal: Vec::new(),
        }
    }

    /// An operation that was not executed. The first error's code decides the status over HTTP.
    pub fn refused(errors: Vec<ServerError>) -> Self {
        let mut headers = HeaderMap::new();
        if let Some(Value::Number(seconds)) = extension(&errors, "retryAfter")
            && let Some(seconds) = seconds.as_u64()
        {
            headers.insert(http::header::RETRY_AFTER, seconds.into());
        }
        Self {
            body: fault::error_body(&errors),
            outcome: Outcome::Refused,
            status: status_of(&errors),
            headers,
            refusal: errors,
        }
    }

    /// The library's response, whose body `write` writes if it was executed.
    ///
    /// The library does not say whether it executed; errors without data and without a path are
    /// those from before.
    pub fn written(mut response: Response, write: impl FnOnce(&Response) -> Bytes) -> Self {
        let errors = &response.errors;
        if response.data == Value::Null
            && !errors.is_empty()
            && errors.iter().all(|error| error.path.is_empty())
        {
            return Self::refused(response.errors);
        }
        let outcome = if errors.is_empty() {
            Outcome::Ok
        } else {
            Outcome::Errors
        };
        let headers = std::mem::take(&mut response.http_headers);
        Self {
            headers,
            ..Self::executed(write(&response), outcome)
        }
    }
}

impl From<Response> for Reply {
    fn from(response: Response) -> Self {
        Self::written(response, fault::to_bytes)
    }
}

fn extension<'a>(errors: &'a [ServerError], key: &str) -> Option<&'a Value> {
    errors.first()?.extensions.as_ref()?.get(key)
}

fn status_of(errors: &[ServerError]) -> StatusCode {
    let Some(Value::String(code)) = extension(errors, "code") else {
        return StatusCode::BAD_REQUEST;
    };
    match code.as_str() {
        code::UNAUTHENTICATED => StatusCode::UNAUTHORIZED,
        code::FORBIDDEN => StatusCode::FORBIDDEN,
        code::RATE_LIMITED => StatusCode::TOO_MANY_REQUESTS,
        code::UNAVAILABLE => StatusCode::SERVICE_UNAVAILABLE,
        code::TIMEOUT => StatusCode::GATEWAY_TIMEOUT,
        code::INTERNAL => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}
