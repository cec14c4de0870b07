//! Ranges of prices, by time of recording and by key.

use entity::{Position, Price, Timestamp};

use super::{PriceKey, Recorded};
use crate::sql::Sql;

/// A range of prices.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PriceRange {
    /// The time range.
    pub(super) recorded: Recorded,
    /// The lower bound.
    pub(super) low: Option<Bound>,
    /// The upper bound.
    pub(super) high: Option<Bound>,
}

/// A bound of a range.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    key: PriceKey,
    included: bool,
}

impl Bound {
    /// A bound that is part of the range.
    pub(super) fn inclusive(key: PriceKey) -> Self {
        let included = true;
        Self { key, included }
    }

    /// A bound that is not part of the range.
    pub(super) fn exclusive(key: PriceKey) -> Self {
        let included = false;
        Self { key, included }
    }
}

impl PriceRange {
    /// The range after `from`, up to and including `to`.
    pub(super) fn between(from: Position, to: Position) -> Self {
        Self {
            low: Some(Bound::exclusive(from.into())),
            high: Some(Bound::inclusive(to.into())),
            ..Self::default()
        }
    }

    /// The earliest time of recording in the range, if bounded.
    pub(super) fn earliest(&self) -> Option<Timestamp> {
        let low = self.low.map(|bound| bound.key.recorded_at);
        self.recorded.from.max(low)
    }

    /// The latest time of recording in the range, if bounded.
    pub(super) fn latest(&self) -> Option<Timestamp> {
        let high = self.high.map(|bound| bound.key.recorded_at);
        match (self.recorded.to, high) {
            (Some(to), Some(high)) => Some(to.min(high)),
            (to, high) => to.or(high),
        }
    }

    /// Whether the range contains a price.
    pub(super) fn contains(&self, price: &Price) -> bool {
        let (key, at) = (PriceKey::from(price), price.recorded_at);
        let above = |bound: Bound| key > bound.key || (bound.included && key == bound.key);
        let below = |bound: Bound| key < bound.key || (bound.included && key == bound.key);
        self.recorded.from.is_none_or(|from| at >= from)
            && self.recorded.to.is_none_or(|to| at < to)
            && self.low.is_none_or(above)
            && self.high.is_none_or(below)
    }

    /// Appends the conditions for a row of `stock_prices` to be in the range.
    pub(super) fn conditions(&self, sql: Sql) -> Sql {
        let sql = sql
            .push_if_some(" AND recorded_at >= ", self.recorded.from)
            .push_if_some(" AND recorded_at < ", self.recorded.to);
        let sql = bound(sql, self.low, [">", ">="]);
        bound(sql, self.high, ["<", "<="])
    }
}

fn bound(sql: Sql, bound: Option<Bound>, [exclusive, inclusive]: [&str; 2]) -> Sql {
    let Some(Bound { key, included }) = bound else {
        return sql;
    };
    let operator = if included { inclusive } else { exclusive };
    sql.push(&format!(" AND (recorded_at, seq) {operator} "))
        .bind_row(vec![key.recorded_at.into(), key.seq.into()])
}
