//! Random quotes of a symbol around a price of 100 in the shares of the first day.

use chrono::NaiveDate;
use entity::{Decimal, Ratio, Symbol, Timestamp};
use testkit::SeededRandom;
use tracker::quote::{PreviousClose, Quote};

/// The prices of a symbol, in points of the shares of the first day.
pub(super) struct RandomMarket {
    pub(super) stock: i64,
    pub(super) symbol: Symbol,
    /// New shares per share of the first day.
    shares: Ratio,
    price: i32,
    previous_close: Option<i32>,
    /// The open, high and low of the session.
    session: Option<(i32, i32, i32)>,
    volume: i64,
    /// How often the stock was split.
    pub(super) splits: usize,
    /// The split of the next day.
    pub(super) next_split: Option<Ratio>,
    /// The split of today, until the first quote reports it.
    pub(super) unreported: Option<Ratio>,
}

impl RandomMarket {
    pub(super) fn new(stock: i64, symbol: Symbol, random: &mut SeededRandom) -> Self {
        Self {
            stock,
            symbol,
            shares: Ratio::ONE,
            price: random.choose(&[97, 99, 100, 101, 103]),
            previous_close: None,
            session: None,
            volume: 500,
            splits: 0,
            next_split: None,
            unreported: None,
        }
    }

    /// A price in the shares of today.
    pub(super) fn today(&self, points: i32) -> Decimal {
        let price = self.shares.divide(Decimal::from_int(points));
        price.expect("a price within the range")
    }

    /// Begins the next session.
    pub(super) fn open(&mut self, random: &mut SeededRandom) {
        if self.session.take().is_some() {
            self.previous_close = Some(random.choose(&[100, self.price]));
        }
        self.volume = 500;
        self.unreported = None;
        if let Some(ratio) = self.next_split.take() {
            self.shares = self.shares.times(ratio);
            self.splits += 1;
            self.unreported = Some(ratio);
        }
    }

    /// Draws a quote.
    pub(super) fn quote(
        &mut self,
        random: &mut SeededRandom,
        day: NaiveDate,
        now: Timestamp,
    ) -> Quote {
        self.price = if random.percent(12) {
            random.choose(&[94, 95, 97, 99, 101, 103, 105, 106])
        } else {
            let step = random.choose(&[-2, -1, -1, 0, 0, 0, 1, 1, 2]);
            (self.price + step).clamp(94, 106)
        };
        let price = self.price;
        let opened = (random.choose(&[100, price]), price, price);
        let (open, mut high, mut low) = self.session.unwrap_or(opened);
        (high, low) = (high.max(price), low.min(price));
        if random.percent(16) {
            high += random.choose(&[0, 1, 2, 3]);
        }
        if random.percent(16) {
            low -= random.choose(&[0, 1, 2, 3]);
        }
        self.session = Some((open, high, low));
        if random.percent(33) {
            self.volume = random.choose(&[300, 500, 1_000, 1_000, 1_500, 2_000, 3_000]);
        }
        let previous_close = match self.previous_close {
            Some(close) if random.percent(85) => PreviousClose::Sent(self.today(close)),
            _ if random.percent(50) => PreviousClose::Absent,
            _ => PreviousClose::None,
        };
        let late = random.choose(&[0, 0, 0, 1, 60]);
        let market_time = now.before(std::time::Duration::from_secs(late));
        Quote {
            previous_close,
            open: random.percent(88).then(|| self.today(open)),
            high: random.percent(84).then(|| self.today(high)),
            low: random.percent(84).then(|| self.today(low)),
            volume: random.percent(88).then_some(self.volume),
            market_time: random.percent(80).then_some(market_time),
            ..Quote::new(self.symbol.clone(), self.today(price), day)
        }
    }
}
