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
    auth::{AccessTokens, require_reader},
    problem::Problem,
    service::{Service, SubscriptionKind},
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
pub(crate) fn router(state: WsState, tokens: AccessTokens) -> Router {
    Router::new()
        .route("/ws", get(upgrade))
        .route_layer(middleware::from_fn_with_state(tokens, require_reader))
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
    let plan = state
        .service
        .plan_subscription(SubscriptionKind::All, symbols, after, false)
        .await?;
    let handshake = Handshake::parse(&mut parts).map_err(|error| {
        let detail = format!(
            "this path accepts WebSocket connections only: {}",
            error.message
        );
        Problem::new(StatusCode::BAD_REQUEST, detail)
    })?;
    let (max_size, disconnected) = (plan.max_event_size(), plan.disconnect_signal());
    let frames = state.service.deliver(plan).filter_map(move |delivery| {
        let frame = delivery
            .map(|delivery| delivery.event.frame(with_cursor, frame::write))
            .map_err(End::from)
            .transpose();
        if let Some(Ok(frame)) = &frame {
            max_size.record(frame.len());
        }
        ready(frame)
    });
    let ended = async move { disconnected.disconnected().await.into() };
    Ok(state.sockets.accept(&parts, handshake, frames, ended)?)
}
