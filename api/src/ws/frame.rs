//! The frames of `/ws`.

use entity::{Cursor, Event, Position};
use serde::Serialize;
use transport::Utf8Bytes;

use crate::{
    rest::{AlertView, StockView},
    service::Condition,
};

/// An event, with its cursor if the client requested cursors.
#[derive(Serialize)]
struct WsFrame {
    #[serde(flatten)]
    message: WsMessage,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

#[derive(Serialize)]
#[serde(tag = "type", content = "payload", rename_all = "snake_case")]
enum WsMessage {
    StockUpdate(StockView),
    Alert(AlertView),
}

/// Serializes an event, with the cursor of `position` if that is given. Returns `None` for an event
/// that clients do not get.
pub(super) fn write(event: &Event, position: Option<Position>) -> Option<Utf8Bytes> {
    let message = match event {
        Event::QuoteRecorded { price, stock } => {
            let condition = Condition::recorded(price);
            WsMessage::StockUpdate(StockView::new(stock, Some(price), condition))
        }
        Event::AlertFired { alert } => WsMessage::Alert(alert.into()),
        Event::AlertChanged { .. }
        | Event::StockChanged { .. }
        | Event::RuleChanged { .. }
        | Event::SplitsChanged { .. } => return None,
    };
    let cursor = position.map(|position| Cursor::Feed(position).encode());
    let frame = WsFrame { message, cursor };
    serde_json::to_string(&frame).map(Into::into).ok()
}
