//! The GraphQL type `Candle`: open, high, low and close of an interval.

use async_graphql::Object;
use ref_cast::RefCast;
use store::candle::CandleRange;

use crate::graphql::{
    argument::candle_range,
    plan::{Compiler, ObjectPlan, Planned, Reader, Run, SelectedField, Unplanned, Writer, columns},
    scalar::{DateTime, Decimal, Int64},
};
use crate::service::CandleDetails;

/// The GraphQL type `Candle`.
#[derive(Clone, RefCast)]
#[repr(transparent)]
pub(crate) struct CandleObject(pub(in crate::graphql) CandleDetails);

/// The open, high, low and close of a stock's prices within an interval of market time. An interval
/// without a price has no candle.
#[Object(name = "Candle")]
impl CandleObject {
    /// The start of the interval, inclusive. For `ONE_DAY`, the open of the session.
    fn start(&self) -> DateTime {
        DateTime(self.0.candle.start)
    }

    /// The end of the interval, exclusive. For `ONE_DAY`, the close of the session.
    fn end(&self) -> DateTime {
        DateTime(self.0.end)
    }

    /// The first price of the interval. For `ONE_DAY`, the opening price of the session if the
    /// provider sends it.
    fn open(&self) -> Decimal {
        Decimal(self.0.candle.open)
    }

    /// The highest price of the interval. For `ONE_DAY`, the session's high if the provider sends
    /// it.
    fn high(&self) -> Decimal {
        Decimal(self.0.candle.high)
    }

    /// The lowest price of the interval. For `ONE_DAY`, the session's low if the provider sends it.
    fn low(&self) -> Decimal {
        Decimal(self.0.candle.low)
    }

    /// The last price of the interval.
    fn close(&self) -> Decimal {
        Decimal(self.0.candle.close)
    }

    /// The number of shares traded, if known. For `ONE_DAY`, the session's volume; otherwise the
    /// increase of the session's volume between prices.
    fn volume(&self) -> Option<Int64> {
        self.0.candle.volume.map(Int64)
    }

    /// The number of recorded prices in the interval. 0 if the candle comes from the provider's
    /// daily history.
    fn count(&self) -> i32 {
        self.0.candle.count
    }

    /// Whether the candle is complete: a later interval has a price, or the session has ended and
    /// its last price is known.
    fn r#final(&self) -> bool {
        self.0.is_final
    }
}

columns!(CandleObject, |details, run| {
    start: details.candle.start,
    end: details.end,
    open: details.candle.open,
    high: details.candle.high,
    low: details.candle.low,
    close: details.candle.close,
    volume: details.candle.volume,
    count: details.candle.count,
    r#final: details.is_final,
});

impl Planned for CandleObject {
    const NAME: &'static str = "Candle";

    fn field(field: &SelectedField<'_>, _: &Compiler<'_>) -> Option<Writer<Self>> {
        Self::column(field.name())
    }
}

/// The arguments of `candles`.
pub(in crate::graphql) fn candle_arguments(reader: &Reader<'_>) -> Result<CandleRange, Unplanned> {
    let range = candle_range(
        reader.get("interval")?,
        reader.get("from")?,
        reader.get("to")?,
        reader.get("first")?,
    );
    range.map_err(|_| Unplanned)
}

/// Writes a list of candles, unless they are not loaded yet.
pub(in crate::graphql) fn write_candles(
    plan: &ObjectPlan<CandleObject>,
    candles: Option<&[CandleDetails]>,
    run: &Run<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Unplanned> {
    let candles = candles.unwrap_or_default();
    plan.write_list(candles.iter().map(CandleObject::ref_cast), run, out)
}
