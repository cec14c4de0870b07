//! The plain WebSocket `/ws`: every new price and every alert as one text frame, in feed order.
//!
//! One invariant: a frame is written once for everybody. A socket holds only its place in the hub, so a slow one costs
//! nothing but itself, and is closed when it is too far behind to be told everything.

mod frame;
mod session;

use std::sync::Arc;

use axum::{
    Router,
    extract::{
        FromRequestParts, Request, State,
        ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::StatusCode,
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use runtime::{lifecycle::Shutdown, metric::ServeMetrics};
use transport::{Census, ClientAddress, Limits};

use crate::{
    access::{Access, require_reader},
    hub::Hub,
    rest::Problem,
};

/// What every socket shares.
pub(crate) struct Room {
    /// Tells what happens.
    pub(crate) hub: Hub,
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
pub(crate) fn router(room: Room, access: Access) -> Router {
    Router::new()
        .route("/ws", get(upgrade))
        .route_layer(middleware::from_fn_with_state(access, require_reader))
        .with_state(Arc::new(room))
}

async fn upgrade(State(room): State<Arc<Room>>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let asked: Result<WebSocketUpgrade, WebSocketUpgradeRejection> =
        WebSocketUpgrade::from_request_parts(&mut parts, &room).await;
    let upgrade = match asked {
        Ok(upgrade) => upgrade,
        Err(rejection) => return refused(&rejection).into_response(),
    };
    let address = ClientAddress::of(&parts.extensions);
    let seat = match room.census.admit(address, &room.limits) {
        Ok(seat) => seat,
        Err(fault) => return Problem::from(fault).into_response(),
    };
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
    upgrade
        // What is read is thrown away; axum would reserve 128 KiB for it.
        .read_buffer_size(4096)
        .write_buffer_size(4096)
        .max_message_size(room.limits.message_bytes)
        .protocols(token)
        .on_upgrade(move |socket| async move {
            // On the tracker, because axum does not wait for sockets when it stops.
            let serving = async move {
                session::serve(socket, room).await;
                drop(seat);
            };
            let _ended = shutdown.track(serving).await;
        })
}

fn refused(rejection: &WebSocketUpgradeRejection) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        format!("this path takes WebSockets: {rejection}"),
    )
}
