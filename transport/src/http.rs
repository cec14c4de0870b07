//! GraphQL over HTTP: responds to a request with a single response or an event stream.
//!
//! Requests are checked in a fixed order (host, method, origin, rate limit, token, content type,
//! size, `Accept`, body), and every rejection has a GraphQL error body.

mod accept;
mod body;
mod sse;

use std::sync::Arc;

use axum::{body::Body, response::Response};
use http::{
    HeaderName, HeaderValue, Method, Request, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, UPGRADE, VARY, WWW_AUTHENTICATE},
    request::Parts,
};

pub use self::accept::accepts;
use self::accept::{Accept, MediaType};
use crate::{
    context::{Page, PreparedRequest, TransportContext},
    document::{Rejection, params::Params, persisted},
    error::{self, RequestError, code},
    observer::OperationKind,
    policy::{
        connections::ClientAddress,
        credentials::{authorization, joined},
        guard::Guard,
    },
    service::{Reply, Service},
    ws::{self, Handshake},
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const METHODS: &str = "GET, POST";

/// The protocols that a route accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RouteKind {
    All,
    WebSocketOnly,
}

/// Handles a request to a route of the transport.
pub(crate) async fn serve<S: Service>(
    context: &Arc<TransportContext<S>>,
    route: RouteKind,
    request: Request<Body>,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let cors = context.guard.cors_headers(&parts);
    let mut response = match handle(context, route, &mut parts, body).await {
        Ok(response) => response,
        Err(error) => error_response(&parts, &error),
    };
    let headers = response.headers_mut();
    cors.apply(headers);
    headers.append(VARY, HeaderValue::from_static("accept"));
    response
}

async fn handle<S: Service>(
    context: &Arc<TransportContext<S>>,
    route: RouteKind,
    parts: &mut Parts,
    body: Body,
) -> Result<Response, RequestError> {
    context.guard.check_host(parts)?;
    if Guard::is_preflight(parts) {
        context.guard.check_origin(parts)?;
        return Ok(Guard::preflight(METHODS, &parts.headers));
    }
    let allowed = match route {
        RouteKind::All => METHODS,
        RouteKind::WebSocketOnly => "GET",
    };
    if !allowed.split(", ").any(|method| parts.method == method) {
        return Err(RequestError::method(allowed, "method not allowed"));
    }
    let page = page_of(context, route, parts);
    if !(page.is_some() && Guard::is_navigation(parts)) {
        context.guard.check_origin(parts)?;
    }
    context
        .service
        .admit(ClientAddress::of(&parts.extensions))?;
    if Handshake::is_requested(parts) {
        return ws::upgrade(context, parts);
    }
    if route == RouteKind::WebSocketOnly {
        return Err(RequestError::new(
            StatusCode::UPGRADE_REQUIRED,
            code::BAD_USER_INPUT,
            "this path accepts WebSocket connections only",
        ));
    }
    let authorization = authorization(&parts.headers);
    if let (Some(page), None) = (page, &authorization) {
        return Ok(page(parts));
    }
    let viewer = context.service.authenticate(authorization.as_deref())?;
    let text = if parts.method == Method::POST {
        body::check_type(&parts.headers)?;
        body::read(parts, body, &context.limits).await?
    } else {
        bytes::Bytes::new()
    };
    let accept = Accept::of(&parts.headers);
    if accept.single.is_none() && !accept.stream {
        return Err(not_acceptable(
            "available media types: application/graphql-response+json, application/json, text/event-stream",
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
    let mut request = match context.prepare(params) {
        Ok(request) => request,
        Err(rejection) => return Ok(rejected(accept, rejection)),
    };
    let kind = request.operation.kind();
    if kind == OperationKind::Mutation && parts.method == Method::GET {
        return Err(RequestError::method("POST", "mutations require POST"));
    }
    if kind == OperationKind::Subscription {
        let id = joined(&parts.headers, &LAST_EVENT_ID);
        request.operation.last_event_id = id.filter(|id| !id.is_empty());
    }
    execute(context, request, viewer, accept, parts).await
}

/// Executes the operation and responds in the format that the client accepts.
async fn execute<S: Service>(
    context: &Arc<TransportContext<S>>,
    request: PreparedRequest<S::Plan>,
    viewer: S::Viewer,
    accept: Accept,
    parts: &Parts,
) -> Result<Response, RequestError> {
    if request.operation.kind() == OperationKind::Subscription {
        if !accept.stream {
            return Err(not_acceptable(
                "subscriptions require text/event-stream in Accept",
            ));
        }
        let address = ClientAddress::of(&parts.extensions);
        return sse::subscribe(context, request, viewer, address).await;
    }
    let reply = context.execute(request, viewer).await;
    Ok(match accept.single {
        Some(media) => single(media, reply),
        None => sse::once(&reply.body),
    })
}

/// Returns the HTML page if the request is for it.
fn page_of<'a, S: Service>(
    context: &'a TransportContext<S>,
    route: RouteKind,
    parts: &Parts,
) -> Option<&'a Page> {
    let is_requested = route == RouteKind::All
        && parts.method == Method::GET
        && !Handshake::is_requested(parts)
        && Accept::of(&parts.headers).html
        && Params::from_query_string(parts.uri.query().unwrap_or_default())
            .is_ok_and(|params| params.is_empty());
    context.page.as_ref().filter(|_| is_requested)
}

fn not_acceptable(message: &'static str) -> RequestError {
    RequestError::new(StatusCode::NOT_ACCEPTABLE, code::BAD_USER_INPUT, message)
}

/// Rejects an operation that was parsed, in the format that the client accepts.
fn rejected(accept: Accept, rejection: Rejection) -> Response {
    let streams = rejection.kind == Some(OperationKind::Subscription) && accept.stream;
    match accept.single {
        Some(media) if !streams => single(media, Reply::refused(rejection.errors)),
        _ => sse::once(&error::error_body(&rejection.errors)),
    }
}

fn single(media: MediaType, reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = match reply.status {
        // Clients that accept only `application/json` expect 200 for any GraphQL response.
        StatusCode::BAD_REQUEST if media == MediaType::Json => StatusCode::OK,
        status => status,
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.extend(reply.headers);
    headers.insert(CONTENT_TYPE, media.content_type());
    response
}

/// Rejects a request before its operation is parsed.
fn error_response(parts: &Parts, error: &RequestError) -> Response {
    let media = Accept::of(&parts.headers)
        .single
        .unwrap_or(MediaType::Response);
    let mut response = Response::new(Body::from(error.body()));
    *response.status_mut() = error.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, media.content_type());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(allow) = error.allow {
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    if let Some(seconds) = error.retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    match error.status {
        StatusCode::UNAUTHORIZED => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        StatusCode::UPGRADE_REQUIRED => {
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert("sec-websocket-version", HeaderValue::from_static("13"));
        }
        // The rest of the body is not read.
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT => {
            headers.insert("connection", HeaderValue::from_static("close"));
        }
        _ => {}
    }
    response
}
