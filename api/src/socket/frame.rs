//! The envelope of `/ws`.

use axum::extract::ws::Utf8Bytes;
use entity::{Cursor, Event, Position};
use serde::Serialize;

use crate::{
    rest::{AlertView, StockView},
    service::Condition,
};

/// A frame: an event, and its cursor if the client asked for cursors.
#[derive(Serialize)]
struct Frame {
    #[serde(flatten)]
    envelope: Envelope,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// What a frame holds.
#[derive(Serialize)]
#[serde(tag = "type", content = "payload", rename_all = "snake_case")]
enum Envelope {
    StockUpdate(StockView),
    Alert(AlertView),
}

/// An event's frame, if it has one, with the cursor of `position` if that is given.
pub(super) fn write(event: &Event, position: Option<Position>) -> Option<Utf8Bytes> {
    let envelope = match event {
        Event::QuoteRecorded { price, stock } => {
            let condition = Condition::recorded(price);
            Envelope::StockUpdate(StockView::new(stock, Some(price), condition))
        }
        Event::AlertFired { alert } => Envelope::Alert(alert.into()),
        Event::StockChanged { .. } => return None,
    };
    let cursor = position.map(|position| Cursor::Feed(position).encode());
    let frame = Frame { envelope, cursor };
    serde_json::to_string(&frame).map(Into::into).ok()
}
