//! A price.

use async_graphql::{Context, Object, Result};
use entity::Price;

use super::{
    loader::{StockId, batches},
    row::columns,
    scalar::{Cursor, Date, DateTime, Decimal, Int64, Symbol},
    service,
    stock::StockObject,
};
use crate::service::Error;

/// One price of one stock, as recorded.
#[derive(Clone)]
pub(crate) struct PriceObject(pub Price);

/// One price of one stock, exactly as its provider said it.
#[Object(name = "Price")]
impl PriceObject {
    /// The stock's ticker.
    fn symbol(&self) -> Symbol {
        Symbol(self.0.symbol.clone())
    }

    /// The stock.
    async fn stock(&self, ctx: &Context<'_>) -> Result<StockObject> {
        stock(ctx, self.0.stock_id).await
    }

    /// The last traded price.
    fn price(&self) -> Decimal {
        Decimal(self.0.price)
    }

    /// The previous session's close, restated for splits since; null if nobody knows it.
    fn previous_close(&self) -> Option<Decimal> {
        self.0.previous_close.map(Decimal)
    }

    /// The session's first price, if known.
    fn open(&self) -> Option<Decimal> {
        self.0.open.map(Decimal)
    }

    /// The session's highest price so far, if known.
    fn high(&self) -> Option<Decimal> {
        self.0.high.map(Decimal)
    }

    /// The session's lowest price so far, if known.
    fn low(&self) -> Option<Decimal> {
        self.0.low.map(Decimal)
    }

    /// By how much the price differs from the previous close.
    fn change(&self) -> Option<Decimal> {
        self.0.change().map(Decimal)
    }

    /// By how many percent the price differs from the previous close, to 4 decimals. Computed from both as they are
    /// shown, with 8 decimals; alerts compare the numbers as the provider sent them.
    fn change_percent(&self) -> Option<Decimal> {
        self.0.change_percent().map(Decimal)
    }

    /// Shares traded in the session so far, if known.
    fn volume(&self) -> Option<Int64> {
        self.0.volume.map(Int64)
    }

    /// The session's date.
    fn trading_day(&self) -> Date {
        Date(self.0.trading_day)
    }

    /// The market's clock: as the provider sent it, or the session's close if it sent only a date.
    fn market_time(&self) -> DateTime {
        DateTime(self.0.market_time)
    }

    /// When it was stored, by this server's clock.
    fn recorded_at(&self) -> DateTime {
        DateTime(self.0.recorded_at)
    }

    /// Who gave it.
    fn provider(&self) -> &str {
        &self.0.provider
    }

    /// Its place in the feed: lists go on from it, and subscriptions resume after it.
    fn cursor(&self, ctx: &Context<'_>) -> Result<Cursor> {
        Ok(Cursor(service(ctx)?.cursor(self.0.seq, self.0.recorded_at)))
    }
}

columns!(PriceObject {
    symbol,
    price,
    previous_close,
    open,
    high,
    low,
    change,
    change_percent,
    volume,
    trading_day,
    market_time,
    recorded_at,
    provider,
    cursor,
});

/// The stock that something belongs to.
pub(super) async fn stock(ctx: &Context<'_>, id: i64) -> Result<StockObject> {
    let stock = batches(ctx)?.load_one(StockId(id)).await?;
    let missing = || Error::NotFound("the stock is gone".to_owned());
    Ok(StockObject(stock.ok_or_else(missing)?))
}
