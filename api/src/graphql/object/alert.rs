//! The GraphQL type `Alert`: an alert that fired.

use async_graphql::{Context, ID, Object, Result};
use entity::Alert;
use ref_cast::RefCast;

use super::{
    delivery::DeliveryObject,
    node::{NodeKind, global_id},
    rule::RuleObject,
    stock::StockObject,
};
use crate::graphql::{
    context::{Admin, batcher, service},
    enums::{AlertKind, Direction},
    json::push_written,
    loader::DeliveriesOf,
    plan::{ColumnValue, Compiler, Planned, SelectedField, Writer, columns},
    scalar::{Cursor, Date, DateTime, Decimal, Symbol},
};

/// The GraphQL type `Alert`.
#[derive(Clone, RefCast)]
#[repr(transparent)]
pub(crate) struct AlertObject(pub Alert);

/// An alert that fired. It is stored in the same transaction as the price that triggered it.
#[Object(name = "Alert")]
impl AlertObject {
    /// The global ID of the alert. Use it to detect duplicate deliveries.
    pub(super) async fn id(&self) -> ID {
        global_id(NodeKind::Alert, self.0.id)
    }

    /// The stock that the alert is about.
    async fn stock(&self, ctx: &Context<'_>) -> Result<StockObject> {
        StockObject::by_id(ctx, self.0.stock_id)
    }

    /// The ticker symbol of the stock.
    fn symbol(&self) -> Symbol {
        Symbol(self.0.symbol.clone())
    }

    /// The rule that fired. Null after the rule is deleted.
    fn rule(&self, ctx: &Context<'_>) -> Result<Option<RuleObject>> {
        match self.0.rule_id {
            Some(id) => RuleObject::find(ctx, id),
            None => Ok(None),
        }
    }

    /// The kind of condition that was met.
    fn kind(&self) -> AlertKind {
        self.0.kind.into()
    }

    /// The direction in which the price moved.
    #[expect(clippy::unnecessary_wraps, reason = "the schema has it nullable")]
    fn direction(&self) -> Option<Direction> {
        Some(self.0.direction.into())
    }

    /// The price that triggered the alert.
    fn price(&self) -> Decimal {
        Decimal(self.0.price)
    }

    /// The value that the price was compared with, such as the previous close.
    fn reference_price(&self) -> Option<Decimal> {
        self.0.reference_price.map(Decimal)
    }

    /// The difference between the price and the reference price in percent, rounded to 4 decimals.
    fn change_percent(&self) -> Option<Decimal> {
        self.0.change_percent.map(Decimal)
    }

    /// The threshold that was reached. For the default rule, the highest multiple of its threshold
    /// that was reached (5, 10, 15 …).
    fn threshold(&self) -> Decimal {
        Decimal(self.0.threshold)
    }

    /// A readable description of the alert.
    fn message(&self) -> String {
        self.0.message()
    }

    /// The date of the trading session.
    fn trading_day(&self) -> Date {
        Date(self.0.trading_day)
    }

    /// The time at which the price that triggered the alert was recorded.
    fn triggered_at(&self) -> DateTime {
        DateTime(self.0.triggered_at)
    }

    /// The time at which the alert was acknowledged. Null until then.
    fn acknowledged_at(&self) -> Option<DateTime> {
        self.0.acknowledged_at.map(DateTime)
    }

    /// The deliveries of the alert to webhooks. Requires the admin token.
    #[graphql(guard = "Admin")]
    async fn deliveries(&self, ctx: &Context<'_>) -> Result<Vec<DeliveryObject>> {
        let found = batcher(ctx)?.load_one(DeliveriesOf(self.0.id)).await?;
        Ok(found.into_iter().flatten().map(DeliveryObject).collect())
    }

    /// The position of the alert in the feed. Use it as `after` to continue a list or to resume a
    /// subscription.
    fn cursor(&self, ctx: &Context<'_>) -> Result<Cursor> {
        Ok(Cursor(
            service(ctx)?.cursor(self.0.seq, self.0.recorded_at()),
        ))
    }
}

/// The value of the column `message`.
struct Message<'a>(&'a Alert);

impl ColumnValue for Message<'_> {
    fn push_json(&self, out: &mut Vec<u8>) {
        // It consists of words, numbers and a symbol, which JSON does not escape.
        push_written(out, |out| self.0.write_message(out));
    }
}

columns!(AlertObject, |alert, run| {
    id: global_id(NodeKind::Alert, alert.id),
    symbol: &alert.symbol,
    kind: AlertKind::from(alert.kind),
    direction: Direction::from(alert.direction),
    price: alert.price,
    referencePrice: alert.reference_price,
    changePercent: alert.change_percent,
    threshold: alert.threshold,
    message: Message(alert),
    tradingDay: alert.trading_day,
    triggeredAt: alert.triggered_at,
    acknowledgedAt: alert.acknowledged_at,
    cursor: run.cursor(alert.seq, alert.recorded_at()),
});

impl Planned for AlertObject {
    const NAME: &'static str = "Alert";
    const INTERFACES: &'static [&'static str] = &["Node"];

    fn field(field: &SelectedField<'_>, compiler: &Compiler<'_>) -> Option<Writer<Self>> {
        match field.name() {
            "stock" => StockObject::of(field, compiler, |alert: &Self| alert.0.stock_id),
            "rule" => {
                let plan = compiler.object::<RuleObject>(field)?;
                Some(Box::new(move |alert, run, out| {
                    let rule = alert.0.rule_id.and_then(|id| run.board().rule(id));
                    plan.write_nullable(rule.map(RuleObject::ref_cast), run, out)
                }))
            }
            name => Self::column(name),
        }
    }
}
