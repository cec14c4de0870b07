//! The alerts of a trial: those of the naive evaluator, and the stored ones.

use entity::{Decimal, Direction, Timestamp, table::alert};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{Fired, Trial};

/// The columns of an alert that both evaluators determine.
pub(in super::super) type AlertColumns = (
    Option<i64>,
    i64,
    i64,
    Direction,
    Decimal,
    Decimal,
    [Option<Decimal>; 3],
    Timestamp,
);

impl Trial {
    /// The alerts that should be stored, in order.
    pub(in super::super) fn expected_alerts(&self) -> Vec<AlertColumns> {
        let columns = |Fired { sample, firing }: &Fired| {
            (
                Some(firing.rule).filter(|rule| !self.deleted.contains(rule)),
                sample.seq,
                sample.stock,
                firing.direction,
                sample.price,
                firing.threshold,
                [firing.reference, firing.change_percent, firing.touched],
                sample.recorded_at,
            )
        };
        self.fired.iter().map(columns).collect()
    }

    /// The alerts that are stored, in order.
    pub(in super::super) async fn stored_alerts(&self) -> Vec<AlertColumns> {
        let rows = alert::Entity::find()
            .filter(alert::Column::PriceSeq.is_not_null())
            .order_by_asc(alert::Column::Seq);
        let rows = rows.all(self.store.database.read()).await.expect("alerts");
        let columns = |row: alert::Model| {
            (
                row.rule_id,
                row.price_seq.unwrap_or_default(),
                row.stock_id,
                row.direction,
                row.price,
                row.threshold,
                [row.reference_price, row.change_percent, row.touched],
                row.triggered_at,
            )
        };
        rows.into_iter().map(columns).collect()
    }
}
