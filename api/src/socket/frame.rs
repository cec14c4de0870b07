//! The envelope of `/ws`.

use axum::extract::ws::Utf8Bytes;
use entity::Event;
use serde::Serialize;

use crate::{
    rest::{AlertView, StockView},
    service::Condition,
};

/// What a frame holds.
#[derive(Serialize)]
#[serde(tag = "type", content = "payload", rename_all = "snake_case")]
enum Envelope {
    StockUpdate(StockView),
    Alert(AlertView),
}

/// An event's frame, if it has one.
pub(super) fn write(event: &Event) -> Option<Utf8Bytes> {
    let envelope = match event {
        Event::QuoteRecorded { price, stock } => {
            let condition = Condition::recorded(price);
            Envelope::StockUpdate(StockView::new(stock, Some(price), condition))
        }
        Event::AlertFired { alert } => Envelope::Alert(alert.into()),
        Event::StockChanged { .. } => return None,
    };
    serde_json::to_string(&envelope).map(Into::into).ok()
}
