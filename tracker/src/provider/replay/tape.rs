//! The rows of a file, by day.
//!
//! One invariant: days rise strictly, each has at least one bar and each ticker at most one a day; the close before is
//! already restated for a split between. It never changes while it is told; the replay asks it for quotes.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use entity::{Decimal, Ratio, Symbol};

use super::{
    company::Company,
    reel::{Frame, moved},
    row::Row,
    split::{Closes, Split},
};
use crate::quote::{PreviousClose, Quote};

/// A file's days from the first that is told.
#[derive(Debug)]
pub(super) struct Tape {
    days: Vec<Day>,
    /// All tickers of the file, also those without a bar after the first day.
    tickers: Vec<Ticker>,
    fingerprint: u32,
}

#[derive(Debug)]
struct Ticker {
    symbol: Symbol,
    company: Option<Company>,
}

#[derive(Debug)]
struct Day {
    date: NaiveDate,
    /// By ticker.
    bars: Vec<Bar>,
}

#[derive(Debug)]
struct Bar {
    ticker: usize,
    open: Option<Decimal>,
    high: Option<Decimal>,
    low: Option<Decimal>,
    close: Decimal,
    volume: Option<i64>,
    previous_close: Option<Decimal>,
    /// A split since the row before, in new shares per old share.
    split: Option<Ratio>,
}

impl Tape {
    /// The tape of rows in any order, no two of one ticker and day, at least one of them on or after `from`. The
    /// fingerprint stands for the file's content.
    pub(super) fn new(mut rows: Vec<Row>, from: NaiveDate, fingerprint: u32) -> Self {
        let symbols: BTreeSet<Symbol> = rows.iter().map(|row| row.ticker.clone()).collect();
        let tickers: Vec<Ticker> = symbols
            .into_iter()
            .map(|symbol| Ticker {
                symbol,
                company: None,
            })
            .collect();
        rows.retain(|row| row.date >= from);
        rows.sort_unstable_by(|a, b| (a.date, &a.ticker).cmp(&(b.date, &b.ticker)));
        let mut tape = Self {
            days: Vec::new(),
            tickers,
            fingerprint,
        };
        let mut before = BTreeMap::new();
        for row in &rows {
            tape.push(row, &mut before);
        }
        tape
    }

    /// Adds the row after all others, remembering its closes as the ones before its ticker's next.
    fn push(&mut self, row: &Row, before: &mut BTreeMap<usize, (Decimal, Option<Closes>)>) {
        let Some(ticker) = self.ticker(&row.ticker) else {
            return;
        };
        let before = before.insert(ticker, (row.close, row.closes));
        let split = before
            .and_then(|(_, before)| before.zip(row.closes))
            .and_then(|(before, after)| Split::between(before, after));
        let previous_close = before
            .and_then(|(close, _)| match split {
                Some(split) => split.restate(close),
                None => Some(close),
            })
            .filter(|close| *close > Decimal::ZERO);
        let bar = Bar {
            ticker,
            open: row.open,
            high: row.high,
            low: row.low,
            close: row.close,
            volume: row.volume,
            previous_close,
            split: split.and_then(|split| Ratio::new(split.new.into(), split.old.into())),
        };
        match self.days.last_mut() {
            Some(day) if day.date == row.date => day.bars.push(bar),
            _ => self.days.push(Day {
                date: row.date,
                bars: vec![bar],
            }),
        }
    }

    /// Names the tickers whose company is known.
    pub(super) fn name(&mut self, company: impl Fn(&Symbol) -> Option<Company>) {
        for ticker in &mut self.tickers {
            ticker.company = company(&ticker.symbol);
        }
    }

    /// How many days there are.
    pub(super) fn days(&self) -> usize {
        self.days.len()
    }

    /// The first day.
    pub(super) fn first(&self) -> NaiveDate {
        self.days.first().map_or(NaiveDate::MIN, |day| day.date)
    }

    /// The last day.
    pub(super) fn last(&self) -> NaiveDate {
        self.days.last().map_or(NaiveDate::MIN, |day| day.date)
    }

    /// The date that a frame has in the file.
    pub(super) fn date(&self, frame: Frame) -> NaiveDate {
        self.days.get(frame.day).map_or(self.last(), |day| day.date)
    }

    /// Which day has this date in the file.
    pub(super) fn find(&self, date: NaiveDate) -> Option<usize> {
        self.days.binary_search_by_key(&date, |day| day.date).ok()
    }

    /// What stands for the file's content.
    pub(super) fn fingerprint(&self) -> u32 {
        self.fingerprint
    }

    /// Whether the file has rows of a symbol, on whatever day.
    pub(super) fn knows(&self, symbol: &Symbol) -> bool {
        self.ticker(symbol).is_some()
    }

    /// What a frame says of a symbol; `None` if it has no bar that day.
    pub(super) fn quote(&self, frame: Frame, symbol: &Symbol) -> Option<Quote> {
        let day = self.days.get(frame.day)?;
        let ticker = self.ticker(symbol)?;
        let bar = day.bars.binary_search_by_key(&ticker, |bar| bar.ticker);
        let bar = &day.bars[bar.ok()?];
        let trading_day = moved(day.date, frame.weeks)?;
        // The hour is the recorded day's: the date it is moved to may be a holiday or another half day.
        let close = market::new_york_time(trading_day, market::session_close_time(day.date));
        let company = self.tickers[ticker].company;
        Some(Quote {
            symbol: symbol.clone(),
            price: bar.close,
            previous_close: bar
                .previous_close
                .map_or(PreviousClose::None, PreviousClose::Sent),
            open: bar.open,
            high: bar.high,
            low: bar.low,
            volume: bar.volume,
            trading_day,
            market_time: Some(close),
            name: company.map(|company| company.name.to_owned()),
            currency: company.map(|company| company.currency.to_owned()),
            exchange: company.map(|company| company.exchange.to_owned()),
            unrounded: None,
            split: bar.split,
        })
    }

    fn ticker(&self, symbol: &Symbol) -> Option<usize> {
        self.tickers
            .binary_search_by(|ticker| ticker.symbol.cmp(symbol))
            .ok()
    }
}
