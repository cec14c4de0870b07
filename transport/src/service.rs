//! The interface between the transports and the application.
//!
//! The service serializes each response once; transports copy its bytes into their messages.
//! Implemented by the application, and by [`SchemaService`](crate::SchemaService) for a schema
//! without tokens.

pub(crate) mod schema;

use std::future::Future;

use async_graphql::{Request, Response, ServerError, Value, Variables};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use http::{HeaderMap, StatusCode};

use crate::{
    document::prepared::PreparedDocument,
    error::{self, RequestError, code},
    observer::OperationOutcome,
    policy::connections::ClientAddress,
};

/// Executes operations.
pub trait Service: Clone + Send + Sync + 'static {
    /// The authenticated client; opaque to the transport.
    type Viewer: Clone + Send + Sync + 'static;
    /// What the service keeps with a document that is executed repeatedly, such as a compiled plan.
    type Plan: Default + Send + Sync + 'static;

    /// Authenticates a client by the value of its `Authorization` header or an equivalent; `None`
    /// is anonymous.
    ///
    /// # Errors
    ///
    /// The token is wrong or malformed, or is missing where one is required.
    fn authenticate(&self, authorization: Option<&str>) -> Result<Self::Viewer, RequestError>;

    /// Applies a rate limit. Called for each HTTP request and each operation on a WebSocket, before
    /// its body is read.
    ///
    /// # Errors
    ///
    /// The limit is exceeded; usually [`RequestError::rate_limited`].
    fn admit(&self, address: ClientAddress) -> Result<(), RequestError> {
        let _ = address;
        Ok(())
    }

    /// The error for an operation that panicked. Override it to add a request id.
    fn internal_error(&self) -> ServerError {
        error::coded(code::INTERNAL, "internal error")
    }

    /// Executes a query or mutation. The request contains its parsed document. The future is
    /// dropped on a timeout and when the client disconnects.
    fn execute(&self, request: Request, viewer: Self::Viewer)
    -> impl Future<Output = Reply> + Send;

    /// Executes a query or mutation whose document was executed before, without async-graphql.
    /// Called before [`execute`](Self::execute), which follows if the result is `None`: for
    /// documents that have no plan, and for every error.
    ///
    /// The variables have the types of their definitions.
    fn execute_plan(
        &self,
        document: &PreparedDocument<Self::Plan>,
        variables: &Variables,
    ) -> impl Future<Output = Option<Reply>> + Send {
        let _ = (document, variables);
        std::future::ready(None)
    }

    /// Starts a subscription. The request contains its parsed document and, if the client resumes
    /// an event stream, a [`LastEventId`] in its data.
    ///
    /// The stream is polled only while its client reads, so it must not hold resources that others
    /// wait for, and must limit what it buffers for a slow client.
    ///
    /// # Errors
    ///
    /// The errors that reject the subscription before its first event.
    fn subscribe(
        &self,
        request: Request,
        viewer: Self::Viewer,
    ) -> impl Future<Output = Result<SubscriptionStream, Vec<ServerError>>> + Send;
}

/// The events of one subscription. If it ends without an [`Item::End`], the end is
/// [`End::Complete`].
pub type SubscriptionStream = BoxStream<'static, Item>;

/// An item of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// An event.
    Next(SubscriptionEvent),
    /// The end; no items follow.
    End(End),
}

/// A serialized response of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionEvent {
    /// A JSON object, `{"data":…}`; clones share it.
    pub body: Bytes,
    /// Number of events that were skipped before this one, for metrics.
    pub missed: u64,
    /// The id of the event for a client that resumes after it ([`LastEventId`]): one line of text.
    /// Sent by Server-Sent Events only.
    pub id: Option<Bytes>,
}

impl From<Bytes> for SubscriptionEvent {
    fn from(body: Bytes) -> Self {
        Self {
            body,
            missed: 0,
            id: None,
        }
    }
}

/// The `Last-Event-ID` of a request: the [`SubscriptionEvent::id`] of the last event that the
/// client received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastEventId(pub String);

/// Why a subscription ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All events were sent.
    Complete,
    /// The client is too slow.
    Overloaded,
    /// The source of the events was replaced, and the client's position does not exist in the new
    /// one.
    Replaced,
}

/// The message for a client whose subscription ends with [`End::Replaced`].
pub(crate) const REPLACED: &str = "the event source was replaced";

/// The serialized reply to a query or mutation.
#[derive(Debug, Clone)]
pub struct Reply {
    /// A JSON object.
    pub body: Bytes,
    /// The outcome of the operation.
    pub outcome: OperationOutcome,
    /// The HTTP status; 400 becomes 200 for clients that accept only `application/json`.
    pub status: StatusCode,
    /// Additional HTTP headers.
    pub headers: HeaderMap,
    /// The errors of an operation that was not executed.
    pub refusal: Vec<ServerError>,
}

impl Reply {
    /// Creates the reply to an executed operation from its serialized response.
    pub fn executed(body: Bytes, outcome: OperationOutcome) -> Self {
        Self {
            body,
            outcome,
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            refusal: Vec::new(),
        }
    }

    /// Creates the reply to an operation that was not executed. The code of the first error
    /// determines the HTTP status.
    pub fn refused(errors: Vec<ServerError>) -> Self {
        let mut headers = HeaderMap::new();
        if let Some(Value::Number(seconds)) = extension(&errors, "retryAfter")
            && let Some(seconds) = seconds.as_u64()
        {
            headers.insert(http::header::RETRY_AFTER, seconds.into());
        }
        Self {
            body: error::error_body(&errors),
            outcome: OperationOutcome::Refused,
            status: status_of(&errors),
            headers,
            refusal: errors,
        }
    }

    /// Converts a response of async-graphql, and serializes it with `write` if it was executed.
    ///
    /// async-graphql does not report whether it executed the operation: it did not if there are
    /// errors without a path and no data.
    pub fn written(mut response: Response, write: impl FnOnce(&Response) -> Bytes) -> Self {
        let errors = &response.errors;
        if response.data == Value::Null
            && !errors.is_empty()
            && errors.iter().all(|error| error.path.is_empty())
        {
            return Self::refused(response.errors);
        }
        let outcome = if errors.is_empty() {
            OperationOutcome::Ok
        } else {
            OperationOutcome::Errors
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
        Self::written(response, error::to_bytes)
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
