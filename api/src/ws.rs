//! The plain WebSocket `/ws`: every new price and every alert as one text frame, in feed order.
//! Query parameters select symbols, or resume after a cursor.
//!
//! A frame is serialized once for all clients. A client that reads too slowly does not slow down
//! others; it is disconnected when it is too many events behind.

mod frame;
mod parameter;

use std::{future::ready, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    middleware,
    response::Response,
    routing::get,
};
use futures_util::StreamExt;
use transport::{End, Handshake, Limits, PushServer};

use crate::{
    auth::{Access, require_reader},
    live::Dismissed,
    problem::Problem,
    service::{Kind, Service},
};
use parameter::Parameters;

/// The state of the route.
pub(crate) struct WsState {
    /// The source of events.
    pub(crate) service: Service,
    /// Runs the sockets.
    pub(crate) sockets: PushServer,
}

/// The limits of `/ws`: its clients send nothing but pongs, so pings are rarer than those of
/// GraphQL, and the idle timeout is longer.
pub(crate) fn limits(graphql: &Limits) -> Limits {
    let idle_timeout = graphql.idle_timeout * 4 / 3;
    Limits {
        heartbeat_interval: idle_timeout / 2,
        idle_timeout,
        write_timeout: graphql.write_timeout.max(idle_timeout),
        ..graphql.clone()
    }
}

/// Creates the route.
pub(crate) fn router(state: WsState, access: Access) -> Router {
    Router::new()
        .route("/ws", get(upgrade))
        .route_layer(middleware::from_fn_with_state(access, require_reader))
        .with_state(Arc::new(state))
}

async fn upgrade(State(state): State<Arc<WsState>>, request: Request) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    // Checked before the handshake: a browser hides the response to a handshake from its page,
    // which can `fetch` this URL instead to get the error.
    let Parameters {
        symbols,
        after,
        with_cursor,
    } = Parameters::parse(&parts.uri)?;
    let following = state
        .service
        .follow(Kind::All, symbols, after, false)
        .await?;
    let handshake = Handshake::parse(&mut parts).map_err(|error| {
        let detail = format!(
            "this path accepts WebSocket connections only: {}",
            error.message
        );
        Problem::new(StatusCode::BAD_REQUEST, detail)
    })?;
    let (largest, dismissal) = (following.largest(), following.dismissal());
    let frames = state.service.tell(following).filter_map(move |told| {
        let frame = told
            .map(|told| told.happened.frame(with_cursor, frame::write))
            .map_err(end)
            .transpose();
        if let Some(Ok(frame)) = &frame {
            largest.told(frame.len());
        }
        ready(frame)
    });
    let ended = async move { end(dismissal.dismissed().await) };
    Ok(state.sockets.accept(&parts, handshake, frames, ended)?)
}

/// How the subscription of a client that gets no more events ends.
pub(crate) fn end(reason: Dismissed) -> End {
    match reason {
        Dismissed::Lagging => End::Overloaded,
        Dismissed::Replaced => End::Replaced,
    }
}
