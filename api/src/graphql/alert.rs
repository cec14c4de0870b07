//! An alert.

use async_graphql::{Context, ID, Object, Result};
use entity::Alert;

use super::{
    kind::{AlertKind, Direction},
    loader::{RuleId, batches},
    node::{Kind, global_id},
    price,
    row::columns,
    rule::RuleObject,
    scalar::{Cursor, Date, DateTime, Decimal, Symbol},
    service,
    stock::StockObject,
};

/// An alert that fired.
#[derive(Clone)]
pub(crate) struct AlertObject(pub Alert);

/// An alert that fired. It exists if and only if the price that caused it is stored.
#[Object(name = "Alert")]
impl AlertObject {
    /// The alert's global id, to deduplicate by.
    pub(super) async fn id(&self) -> ID {
        global_id(Kind::Alert, self.0.id)
    }

    /// The stock.
    async fn stock(&self, ctx: &Context<'_>) -> Result<StockObject> {
        price::stock(ctx, self.0.stock_id).await
    }

    /// The stock's ticker.
    fn symbol(&self) -> Symbol {
        Symbol(self.0.symbol.clone())
    }

    /// The rule that fired; null once it is deleted.
    async fn rule(&self, ctx: &Context<'_>) -> Option<Result<RuleObject>> {
        let id = RuleId(self.0.rule_id?);
        let rule = async { Ok(batches(ctx)?.load_one(id).await?) };
        rule.await.transpose().map(|rule| rule.map(RuleObject))
    }

    /// What the rule watched for.
    fn kind(&self) -> AlertKind {
        self.0.kind.into()
    }

    /// Which way the price went.
    #[expect(clippy::unnecessary_wraps, reason = "the schema has it nullable")]
    fn direction(&self) -> Option<Direction> {
        Some(self.0.direction.into())
    }

    /// The price that caused it.
    fn price(&self) -> Decimal {
        Decimal(self.0.price)
    }

    /// What the price was compared with.
    fn reference_price(&self) -> Option<Decimal> {
        self.0.reference_price.map(Decimal)
    }

    /// By how many percent the price differed, to 4 decimals.
    fn change_percent(&self) -> Option<Decimal> {
        self.0.change_percent.map(Decimal)
    }

    /// What was reached: of a percentage the multiple (5, 10, 15 …), otherwise the rule's threshold.
    fn threshold(&self) -> Decimal {
        Decimal(self.0.threshold)
    }

    /// A sentence for people.
    fn message(&self) -> String {
        self.0.message()
    }

    /// The session's date.
    fn trading_day(&self) -> Date {
        Date(self.0.trading_day)
    }

    /// When the price that caused it was recorded.
    fn triggered_at(&self) -> DateTime {
        DateTime(self.0.triggered_at)
    }

    /// When somebody said that they had seen it.
    fn acknowledged_at(&self) -> Option<DateTime> {
        self.0.acknowledged_at.map(DateTime)
    }

    /// Its place in the feed: lists go on from it, and subscriptions resume after it.
    fn cursor(&self, ctx: &Context<'_>) -> Result<Cursor> {
        Ok(Cursor(
            service(ctx)?.cursor(self.0.seq, self.0.recorded_at()),
        ))
    }
}

columns!(AlertObject {
    id = |alert: &Self, _| global_id(Kind::Alert, alert.0.id),
    symbol, kind, direction, price, reference_price, change_percent, threshold, message,
    trading_day, triggered_at, acknowledged_at, cursor,
});
