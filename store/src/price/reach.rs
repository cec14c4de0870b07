//! Which part of stocks' prices is wanted.

use entity::{Position, Price, Timestamp};

use super::{PriceKey, Recorded};
use crate::sql::Sql;

/// Prices between two instants, beyond and within places.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reach {
    /// When they were recorded.
    pub(super) recorded: Recorded,
    /// Only from this place on, or after it.
    pub(super) low: Option<Edge>,
    /// Only up to this place, or before it.
    pub(super) high: Option<Edge>,
}

/// A place that a part ends at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    key: PriceKey,
    included: bool,
}

impl Edge {
    /// The place is part of it.
    pub(super) fn at(key: PriceKey) -> Self {
        let included = true;
        Self { key, included }
    }

    /// The place is not part of it.
    pub(super) fn beside(key: PriceKey) -> Self {
        let included = false;
        Self { key, included }
    }
}

impl Reach {
    /// Everything after `from` up to and including `to`.
    pub(super) fn between(from: Position, to: Position) -> Self {
        Self {
            low: Some(Edge::beside(from.into())),
            high: Some(Edge::at(to.into())),
            ..Self::default()
        }
    }

    /// No price before this instant is in it.
    pub(super) fn earliest(&self) -> Option<Timestamp> {
        let low = self.low.map(|edge| edge.key.recorded_at);
        self.recorded.from.max(low)
    }

    /// No price after this instant is in it.
    pub(super) fn latest(&self) -> Option<Timestamp> {
        let high = self.high.map(|edge| edge.key.recorded_at);
        match (self.recorded.to, high) {
            (Some(to), Some(high)) => Some(to.min(high)),
            (to, high) => to.or(high),
        }
    }

    /// Whether a price is in it.
    pub(super) fn has(&self, price: &Price) -> bool {
        let (key, at) = (PriceKey::from(price), price.recorded_at);
        let above = |edge: Edge| key > edge.key || (edge.included && key == edge.key);
        let below = |edge: Edge| key < edge.key || (edge.included && key == edge.key);
        self.recorded.from.is_none_or(|from| at >= from)
            && self.recorded.to.is_none_or(|to| at < to)
            && self.low.is_none_or(above)
            && self.high.is_none_or(below)
    }

    /// Goes on with the conditions that a row of `stock_prices` is in it.
    pub(super) fn conditions(&self, sql: Sql) -> Sql {
        let sql = sql
            .bind_some(" AND recorded_at >= ", self.recorded.from)
            .bind_some(" AND recorded_at < ", self.recorded.to);
        let sql = edge(sql, self.low, [">", ">="]);
        edge(sql, self.high, ["<", "<="])
    }
}

fn edge(sql: Sql, edge: Option<Edge>, [beside, at]: [&str; 2]) -> Sql {
    let Some(Edge { key, included }) = edge else {
        return sql;
    };
    let operator = if included { at } else { beside };
    sql.push(&format!(" AND (recorded_at, seq) {operator} "))
        .bind_row(vec![key.recorded_at.into(), key.seq.into()])
}
