//! GraphQL over HTTP: one request, one answer or one event stream.
//!
//! Invariant: faults are judged in one order (host, method, origin, token, content type, size,
//! accept, body), and every one is told as a GraphQL error. Called by the router.

mod accept;
mod body;
mod sse;

use std::sync::Arc;

use axum::{body::Body, response::Response};
use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode,
    header::{
        ALLOW, AUTHORIZATION, AsHeaderName, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, UPGRADE,
        VARY, WWW_AUTHENTICATE,
    },
    request::Parts,
};

use self::accept::{Accept, Media};
use crate::{
    context::Room,
    document::params::Params,
    document::{Operation, Rejection, persisted},
    fault::{self, Fault, code},
    observer::Kind,
    policy::connections::ClientAddress,
    policy::guard::Guard,
    service::{LastEventId, Reply, Service},
    ws,
};

const METHODS: &str = "GET, POST";

/// What a route lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Everything.
    All,
    /// WebSockets only.
    Socket,
}

/// Answers any request to a route of the transport.
pub(crate) async fn serve<S: Service>(
    room: &Arc<Room<S>>,
    door: Door,
    request: Request<Body>,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let sharing = room.guard.sharing(&parts);
    let mut response = match answer(room, door, &mut parts, body).await {
        Ok(response) => response,
        Err(fault) => refuse(&parts, &fault),
    };
    let headers = response.headers_mut();
    sharing.apply(headers);
    headers.append(VARY, HeaderValue::from_static("accept"));
    response
}

async fn answer<S: Service>(
    room: &Arc<Room<S>>,
    door: Door,
    parts: &mut Parts,
    body: Body,
) -> Result<Response, Fault> {
    room.guard.check_host(parts)?;
    if Guard::is_preflight(parts) {
        room.guard.check_origin(parts)?;
        return Ok(Guard::preflight(METHODS, &parts.headers));
    }
    let allowed = match door {
        Door::All => METHODS,
        Door::Socket => "GET",
    };
    if !allowed.split(", ").any(|method| parts.method == method) {
        return Err(Fault::method(allowed, "this method is not served here"));
    }
    let page = page_of(room, door, parts);
    if !(page.is_some() && Guard::is_navigation(parts)) {
        room.guard.check_origin(parts)?;
    }
    room.service.admit(ClientAddress::of(&parts.extensions))?;
    if is_upgrade(parts) {
        return ws::upgrade(room, parts);
    }
    if door == Door::Socket {
        return Err(Fault::new(
            StatusCode::UPGRADE_REQUIRED,
            code::BAD_USER_INPUT,
            "this path serves WebSockets only",
        ));
    }
    let authorization = joined(&parts.headers, AUTHORIZATION);
    if let (Some(page), None) = (page, &authorization) {
        return Ok(page(parts));
    }
    let viewer = room.service.authenticate(authorization.as_deref())?;
    let text = if parts.method == Method::POST {
        body::check_type(&parts.headers)?;
        body::read(parts, body, &room.limits).await?
    } else {
        bytes::Bytes::new()
    };
    let accept = Accept::of(&parts.headers);
    if accept.single.is_none() && !accept.stream {
        return Err(not_acceptable(
            "answers are application/graphql-response+json, application/json or text/event-stream",
        ));
    }
    let params = if parts.method == Method::POST {
        Params::from_json(&text)?
    } else {
        Params::from_query_string(parts.uri.query().unwrap_or_default())?
    };
    if params.is_empty() {
        return Err(persisted::missing());
    }
    let mut operation = match room.prepare(params) {
        Ok(operation) => operation,
        Err(rejection) => return Ok(rejected(accept, rejection)),
    };
    if operation.kind == Kind::Mutation && parts.method == Method::GET {
        return Err(Fault::method("POST", "a mutation is served by POST only"));
    }
    if operation.kind == Kind::Subscription
        && let Some(id) = joined(&parts.headers, "last-event-id").filter(|id| !id.is_empty())
    {
        operation.request = operation.request.data(LastEventId(id));
    }
    execute(room, operation, viewer, accept, parts).await
}

/// Runs the operation and answers in the form that the client takes.
async fn execute<S: Service>(
    room: &Arc<Room<S>>,
    operation: Operation,
    viewer: S::Viewer,
    accept: Accept,
    parts: &Parts,
) -> Result<Response, Fault> {
    if operation.kind == Kind::Subscription {
        if !accept.stream {
            return Err(not_acceptable(
                "a subscription is answered as text/event-stream only",
            ));
        }
        let address = ClientAddress::of(&parts.extensions);
        return sse::subscribe(room, operation, viewer, address).await;
    }
    let reply = room.execute(operation, viewer).await;
    Ok(match accept.single {
        Some(media) => single(media, reply),
        None => sse::once(&reply.body),
    })
}

/// The page, if it is what this request asks for.
fn page_of<'a, S>(
    room: &'a Room<S>,
    door: Door,
    parts: &Parts,
) -> Option<&'a crate::context::Page> {
    let asks = door == Door::All
        && parts.method == Method::GET
        && !is_upgrade(parts)
        && Accept::of(&parts.headers).html
        && Params::from_query_string(parts.uri.query().unwrap_or_default())
            .is_ok_and(|params| params.is_empty());
    room.page.as_ref().filter(|_| asks)
}

/// The header's values as one text. Several values, or bytes that are not UTF-8, never give one
/// that is valid for a header with a single value.
fn joined(headers: &HeaderMap, name: impl AsHeaderName) -> Option<String> {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

fn is_upgrade(parts: &Parts) -> bool {
    parts.method == Method::GET
        && parts
            .headers
            .get(UPGRADE)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

fn not_acceptable(message: &'static str) -> Fault {
    Fault::new(StatusCode::NOT_ACCEPTABLE, code::BAD_USER_INPUT, message)
}

/// A refusal after the operation was read: its form is the client's choice.
fn rejected(accept: Accept, rejection: Rejection) -> Response {
    let streams = rejection.kind == Some(Kind::Subscription) && accept.stream;
    match accept.single {
        Some(media) if !streams => single(media, Reply::refused(rejection.errors)),
        _ => sse::once(&fault::error_body(&rejection.errors)),
    }
}

fn single(media: Media, reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = match reply.status {
        // What was understood is 200 to clients that only know JSON.
        StatusCode::BAD_REQUEST if media == Media::Json => StatusCode::OK,
        status => status,
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.extend(reply.headers);
    headers.insert(CONTENT_TYPE, media.content_type());
    response
}

/// A refusal before the operation was read.
fn refuse(parts: &Parts, fault: &Fault) -> Response {
    let media = Accept::of(&parts.headers).single.unwrap_or(Media::Response);
    let mut response = Response::new(Body::from(fault.body()));
    *response.status_mut() = fault.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, media.content_type());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(allow) = fault.allow {
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    if let Some(seconds) = fault.retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    match fault.status {
        StatusCode::UNAUTHORIZED => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        StatusCode::UPGRADE_REQUIRED => {
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert("sec-websocket-version", HeaderValue::from_static("13"));
        }
        // What is left of the body is not read.
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT => {
            headers.insert("connection", HeaderValue::from_static("close"));
        }
        _ => {}
    }
    response
}
