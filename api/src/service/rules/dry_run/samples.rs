//! Converts prices and candles to samples, in the shares of the newest trading day. Volumes stay in
//! the shares of their day, as in the evaluation of live prices.

use alerting::{AverageVolume, Sample, adjust};
use chrono::NaiveDate;
use entity::{Candle, Decimal, Price, Split};
use market::Market;

use super::symbol::SymbolTest;

impl SymbolTest<'_> {
    pub(super) fn price_sample(&self, price: &Price) -> Sample {
        let day = price.trading_day;
        let session = Market::of(&self.stock.symbol).session(day);
        Sample {
            price: self
                .converted(Some(price.price), day)
                .unwrap_or(price.price),
            previous_close: self.converted(price.previous_close, day),
            open: self.converted(price.open, day),
            high: self.converted(price.high, day),
            low: self.converted(price.low, day),
            ..Sample::new(price, session.start)
        }
    }

    pub(super) fn candle_sample(
        &self,
        candle: &Candle,
        day: NaiveDate,
        seq: i64,
        previous_close: Option<Decimal>,
    ) -> Sample {
        let session = Market::of(&self.stock.symbol).session(day);
        Sample {
            stock: self.stock.id,
            seq,
            recorded_at: session.end,
            market_time: session.end,
            trading_day: day,
            session_open: session.start,
            price: self
                .converted(Some(candle.close), day)
                .unwrap_or(candle.close),
            previous_close,
            open: self.converted(Some(candle.open), day),
            high: self.converted(Some(candle.high), day),
            low: self.converted(Some(candle.low), day),
            volume: candle.volume,
            average_volume: None,
        }
    }

    fn converted(&self, price: Option<Decimal>, from: NaiveDate) -> Option<Decimal> {
        adjust(&self.splits, price?, from, self.unit_day)
    }

    pub(super) fn split_factor(&self, from: NaiveDate) -> Decimal {
        let one = Decimal::from_int(1);
        let ratio = Split::between(&self.splits, from, self.unit_day);
        ratio.map_or(one, |ratio| ratio.inverse().divide(one).unwrap_or(one))
    }

    /// Adds the volume of a session to those that are averaged.
    pub(super) fn add_volume(&mut self, volume: Option<i64>, day: NaiveDate) {
        self.average = None;
        self.volumes.push_back((day, volume));
        if self.volumes.len() > AverageVolume::SESSIONS as usize {
            self.volumes.pop_front();
        }
    }

    /// The average volume in the shares of a day.
    pub(super) fn average_volume(&mut self, day: NaiveDate) -> Option<AverageVolume> {
        if let Some((_, average)) = self.average.filter(|(of, _)| *of == day) {
            return average;
        }
        let volumes = self.volumes.iter().copied();
        let average = AverageVolume::of(volumes, &self.splits, day);
        self.average = Some((day, average));
        average
    }
}
