//! Converts arguments that several fields take.

use async_graphql::Result;
use store::{candle::CandleRange, price::Recorded};

use super::{
    enums::CandleInterval,
    scalar::{Cursor, DateTime},
};
use crate::service::{self, PageArgs};

/// Returns the pagination arguments that all connections share.
pub(super) fn page_args(
    first: Option<i32>,
    after: Option<Cursor>,
    last: Option<i32>,
    before: Option<Cursor>,
) -> PageArgs {
    PageArgs {
        first,
        after: after.map(|cursor| cursor.0),
        last,
        before: before.map(|cursor| cursor.0),
        list: None,
    }
}

/// Returns the range of time of a history.
pub(super) fn recorded(from: Option<DateTime>, to: Option<DateTime>) -> Recorded {
    Recorded {
        from: from.map(|time| time.0),
        to: to.map(|time| time.0),
    }
}

/// Validates the arguments of `candles`.
pub(super) fn candle_range(
    interval: CandleInterval,
    from: Option<DateTime>,
    to: Option<DateTime>,
    first: Option<i32>,
) -> Result<CandleRange> {
    let Recorded { from, to } = recorded(from, to);
    Ok(service::candle_range(interval.into(), from, to, first)?)
}
