//! The plain WebSocket `/ws`: every new price and every alert as one text frame, in feed order; with parameters, those of
//! some symbols, or those after a cursor.
//!
//! One invariant: a frame is written once for everybody. A socket holds only its place in the hub, so a slow one costs
//! nothing but itself, and is closed when it is too far behind to be told everything.

mod frame;
mod parameter;
mod session;

use std::sync::Arc;

use crate::metrics::ServeMetrics;
use axum::{
    Router,
    extract::{
        FromRequestParts, Request, State,
        ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::StatusCode,
    middleware,
    response::Response,
    routing::get,
};
use runtime::lifecycle::Shutdown;
use transport::{Census, ClientAddress, Limits};

use crate::{
    auth::{AccessTokens, require_reader},
    problem::Problem,
    service::{Service, SubscriptionKind},
};
use parameter::Parameters;

/// What every socket shares.
pub(crate) struct Room {
    /// Where events come from.
    pub(crate) service: Service,
    /// How it ends.
    pub(crate) shutdown: Shutdown,
    /// What is counted.
    pub(crate) metrics: ServeMetrics,
    /// How many clients there are, over all protocols.
    pub(crate) census: Census,
    /// How many there may be.
    pub(crate) limits: Limits,
}

/// The route.
pub(crate) fn router(room: Room, access: AccessTokens) -> Router {
    Router::new()
        .route("/ws", get(upgrade))
        .route_layer(middleware::from_fn_with_state(access, require_reader))
        .with_state(Arc::new(room))
}

async fn upgrade(State(room): State<Arc<Room>>, request: Request) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    // Before the handshake is looked at: a browser, which cannot read the answer to a handshake, can `fetch` this URL to
    // learn why it is refused.
    let Parameters {
        symbols,
        after,
        with_cursor,
    } = Parameters::read(&parts.uri)?;
    let following = room
        .service
        .plan_subscription(SubscriptionKind::All, symbols, after, false)
        .await?;
    let asked: Result<WebSocketUpgrade, WebSocketUpgradeRejection> =
        WebSocketUpgrade::from_request_parts(&mut parts, &room).await;
    let upgrade = asked.map_err(|rejection| refused(&rejection))?;
    let address = ClientAddress::of(&parts.extensions);
    let seat = room.census.admit(address, &room.limits)?;
    let offered = parts.headers.get_all("sec-websocket-protocol").iter();
    let offered = offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|it| it.split(','));
    // A browser that offers its token wants an answer among what it offered.
    let token = offered
        .map(str::trim)
        .find(|it| it.starts_with("bearer."))
        .map(str::to_owned);
    let shutdown = room.shutdown.clone();
    let response = upgrade
        // What is read is thrown away; axum would reserve 128 KiB for it.
        .read_buffer_size(4096)
        .write_buffer_size(4096)
        .max_message_size(room.limits.message_bytes)
        .protocols(token)
        .on_upgrade(move |socket| async move {
            // On the tracker, because axum does not wait for sockets when it stops.
            let serving = async move {
                session::serve(socket, room, following, with_cursor).await;
                drop(seat);
            };
            let _ended = shutdown.track(serving).await;
        });
    Ok(response)
}

fn refused(rejection: &WebSocketUpgradeRejection) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        format!("this path takes WebSockets: {rejection}"),
    )
}
