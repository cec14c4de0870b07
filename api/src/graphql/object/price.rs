//! The GraphQL type `Price`: a recorded price of a stock.

use async_graphql::{Context, Object, Result};
use entity::Price;
use ref_cast::RefCast;

use super::stock::StockObject;
use crate::graphql::{
    context::service,
    plan::{Compiler, Planned, SelectedField, Writer, columns},
    scalar::{Cursor, Date, DateTime, Decimal, Int64, Symbol},
};

/// The GraphQL type `Price`.
#[derive(Clone, RefCast)]
#[repr(transparent)]
pub(crate) struct PriceObject(pub Price);

/// A price of a stock, with the exact digits that its provider sent.
#[Object(name = "Price")]
impl PriceObject {
    /// The ticker symbol of the stock.
    fn symbol(&self) -> Symbol {
        Symbol(self.0.symbol.clone())
    }

    /// The stock that the price belongs to.
    async fn stock(&self, ctx: &Context<'_>) -> Result<StockObject> {
        StockObject::by_id(ctx, self.0.stock_id)
    }

    /// The last traded price.
    fn price(&self) -> Decimal {
        Decimal(self.0.price)
    }

    /// The closing price of the previous session, adjusted for splits since then. Null if unknown.
    fn previous_close(&self) -> Option<Decimal> {
        self.0.previous_close.map(Decimal)
    }

    /// The opening price of the session, if known.
    fn open(&self) -> Option<Decimal> {
        self.0.open.map(Decimal)
    }

    /// The highest price of the session so far, if known.
    fn high(&self) -> Option<Decimal> {
        self.0.high.map(Decimal)
    }

    /// The lowest price of the session so far, if known.
    fn low(&self) -> Option<Decimal> {
        self.0.low.map(Decimal)
    }

    /// The difference between the price and the previous close. Null if the previous close is
    /// unknown.
    fn change(&self) -> Option<Decimal> {
        self.0.change().map(Decimal)
    }

    /// The difference between the price and the previous close in percent, rounded to 4 decimals.
    /// Null if the previous close is unknown. Computed from `price` and `previousClose`, which have
    /// at most 8 decimals; alerts use the unrounded values of the provider.
    fn change_percent(&self) -> Option<Decimal> {
        self.0.change_percent().map(Decimal)
    }

    /// The number of shares traded in the session so far, if known.
    fn volume(&self) -> Option<Int64> {
        self.0.volume.map(Int64)
    }

    /// The date of the trading session.
    fn trading_day(&self) -> Date {
        Date(self.0.trading_day)
    }

    /// The time of the price on its market, as sent by the provider. If the provider sent only a
    /// date, the close of that session or `recordedAt`, whichever is earlier.
    fn market_time(&self) -> DateTime {
        DateTime(self.0.market_time)
    }

    /// The time at which the server stored the price.
    fn recorded_at(&self) -> DateTime {
        DateTime(self.0.recorded_at)
    }

    /// The name of the provider that sent the price.
    fn provider(&self) -> &str {
        &self.0.provider
    }

    /// The position of the price in the feed. Use it as `after` to continue a list or to resume a
    /// subscription.
    fn cursor(&self, ctx: &Context<'_>) -> Result<Cursor> {
        Ok(Cursor(service(ctx)?.cursor(self.0.seq, self.0.recorded_at)))
    }
}

columns!(PriceObject, |price, run| {
    symbol: &price.symbol,
    price: price.price,
    previousClose: price.previous_close,
    open: price.open,
    high: price.high,
    low: price.low,
    change: price.change(),
    changePercent: price.change_percent(),
    volume: price.volume,
    tradingDay: price.trading_day,
    marketTime: price.market_time,
    recordedAt: price.recorded_at,
    provider: price.provider.as_str(),
    cursor: run.cursor(price.seq, price.recorded_at),
});

impl Planned for PriceObject {
    const NAME: &'static str = "Price";

    fn field(field: &SelectedField<'_>, compiler: &Compiler<'_>) -> Option<Writer<Self>> {
        match field.name() {
            "stock" => StockObject::of(field, compiler, |price: &Self| price.0.stock_id),
            name => Self::column(name),
        }
    }
}
