//! The data set of a replay: the rows of a file by trading day.
//!
//! Days rise strictly. Each has at least one bar, and each ticker has at most one bar a day.
//! Previous closes are restated for splits. The data set does not change after it is built.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use entity::{Decimal, Ratio, Symbol, SymbolMatch};

use super::{
    company::Company,
    row::PriceRow,
    split::{Closes, SplitRatio},
};
use crate::quote::{PreviousClose, Quote};

/// The trading days of a file, from the first replayed one on.
#[derive(Debug)]
pub(super) struct Dataset {
    days: Vec<Day>,
    /// All tickers of the file, including those without a bar on or after the first replayed day.
    tickers: Vec<Ticker>,
    fingerprint: u32,
}

/// One day of one pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReplayDay {
    /// The index of the day in the data set.
    pub(super) index: usize,
    /// By how many weeks this pass shifts the dates.
    pub(super) weeks: u32,
    /// Whether a pass over the same data precedes this one.
    pub(super) repeats: bool,
}

impl ReplayDay {
    /// The first day of a pass that no pass over the same data precedes.
    pub(super) const fn first(weeks: u32) -> Self {
        Self {
            index: 0,
            weeks,
            repeats: false,
        }
    }
}

#[derive(Debug)]
struct Ticker {
    symbol: Symbol,
    company: Option<Company>,
    /// New shares at the end of a pass per share at its start.
    growth: Ratio,
}

#[derive(Debug)]
struct Day {
    date: NaiveDate,
    /// Sorted by ticker.
    bars: Vec<Bar>,
}

#[derive(Debug)]
struct Bar {
    /// The index in [`Dataset::tickers`].
    ticker: usize,
    open: Option<Decimal>,
    high: Option<Decimal>,
    low: Option<Decimal>,
    close: Decimal,
    volume: Option<i64>,
    previous_close: Option<Decimal>,
    /// A split since the ticker's previous bar, in new shares per old share.
    split: Option<Ratio>,
    /// Whether it is the ticker's first bar.
    is_first: bool,
}

impl Dataset {
    /// Returns all tickers of the file.
    pub(super) fn symbols(&self) -> impl Iterator<Item = SymbolMatch> {
        self.tickers.iter().map(|ticker| SymbolMatch {
            symbol: ticker.symbol.clone(),
            name: ticker.company.map(|it| it.name.to_owned()),
            kind: None,
            exchange: ticker.company.map(|it| it.exchange.to_owned()),
            currency: ticker.company.map(|it| it.currency.to_owned()),
        })
    }

    /// Builds a data set of rows in any order. No two rows are of the same ticker and day, and at
    /// least one is on or after `from`. The fingerprint identifies the content of the file.
    pub(super) fn new(mut rows: Vec<PriceRow>, from: NaiveDate, fingerprint: u32) -> Self {
        let symbols: BTreeSet<Symbol> = rows.iter().map(|row| row.ticker.clone()).collect();
        let tickers: Vec<Ticker> = symbols
            .into_iter()
            .map(|symbol| Ticker {
                symbol,
                company: None,
                growth: Ratio::ONE,
            })
            .collect();
        rows.retain(|row| row.date >= from);
        rows.sort_unstable_by(|a, b| (a.date, &a.ticker).cmp(&(b.date, &b.ticker)));
        let mut dataset = Self {
            days: Vec::new(),
            tickers,
            fingerprint,
        };
        let mut before = BTreeMap::new();
        for row in &rows {
            dataset.push(row, &mut before);
        }
        dataset
    }

    /// Appends a row. `before` has the closes of each ticker's last row.
    fn push(&mut self, row: &PriceRow, before: &mut BTreeMap<usize, (Decimal, Option<Closes>)>) {
        let Some(ticker) = self.ticker(&row.ticker) else {
            return;
        };
        let before = before.insert(ticker, (row.close, row.closes));
        let split = before
            .and_then(|(_, before)| before.zip(row.closes))
            .and_then(|(before, after)| SplitRatio::between(before, after));
        let previous_close = before
            .and_then(|(close, _)| match split {
                Some(split) => split.restate(close),
                None => Some(close),
            })
            .filter(|close| *close > Decimal::ZERO);
        let ratio = split.and_then(|split| Ratio::new(split.new.into(), split.old.into()));
        if let Some(ratio) = ratio {
            let growth = &mut self.tickers[ticker].growth;
            *growth = growth.times(ratio);
        }
        let bar = Bar {
            ticker,
            open: row.open,
            high: row.high,
            low: row.low,
            close: row.close,
            volume: row.volume,
            previous_close,
            split: ratio,
            is_first: before.is_none(),
        };
        match self.days.last_mut() {
            Some(day) if day.date == row.date => day.bars.push(bar),
            _ => self.days.push(Day {
                date: row.date,
                bars: vec![bar],
            }),
        }
    }

    /// Sets the companies of the tickers for which `company` returns one.
    pub(super) fn set_companies(&mut self, company: impl Fn(&Symbol) -> Option<Company>) {
        for ticker in &mut self.tickers {
            ticker.company = company(&ticker.symbol);
        }
    }

    /// The number of days.
    pub(super) fn len(&self) -> usize {
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

    /// The date of a day in the file, before any shift.
    pub(super) fn date(&self, day: ReplayDay) -> NaiveDate {
        self.days.get(day.index).map_or(self.last(), |day| day.date)
    }

    /// Returns the index of the day with this date in the file.
    pub(super) fn index_of(&self, date: NaiveDate) -> Option<usize> {
        self.days.binary_search_by_key(&date, |day| day.date).ok()
    }

    /// A checksum that identifies the content of the file.
    pub(super) fn fingerprint(&self) -> u32 {
        self.fingerprint
    }

    /// Whether the file has rows of a symbol on any day.
    pub(super) fn knows(&self, symbol: &Symbol) -> bool {
        self.ticker(symbol).is_some()
    }

    /// Returns the quote of a symbol on a day, or `None` if it has no bar on it.
    pub(super) fn quote(&self, replayed: ReplayDay, symbol: &Symbol) -> Option<Quote> {
        let day = self.days.get(replayed.index)?;
        let ticker = self.ticker(symbol)?;
        let bar = day.bars.binary_search_by_key(&ticker, |bar| bar.ticker);
        let bar = &day.bars[bar.ok()?];
        let trading_day = shifted(day.date, replayed.weeks)?;
        // The time of the close is that of the recorded date: the shifted date may be a holiday or
        // an early close.
        let close = market::new_york_time(trading_day, market::session_close_time(day.date));
        let (company, growth) = (self.tickers[ticker].company, self.tickers[ticker].growth);
        // A new pass returns to the shares of the first day.
        let returns = replayed.repeats && bar.is_first && growth != Ratio::ONE;
        let split = returns.then(|| growth.inverse()).or(bar.split);
        Some(Quote {
            previous_close: bar
                .previous_close
                .map_or(PreviousClose::None, PreviousClose::Sent),
            open: bar.open,
            high: bar.high,
            low: bar.low,
            volume: bar.volume,
            market_time: Some(close),
            name: company.map(|company| company.name.to_owned()),
            currency: company.map(|company| company.currency.to_owned()),
            exchange: company.map(|company| company.exchange.to_owned()),
            split,
            ..Quote::new(symbol.clone(), bar.close, trading_day)
        })
    }

    fn ticker(&self, symbol: &Symbol) -> Option<usize> {
        self.tickers
            .binary_search_by(|ticker| ticker.symbol.cmp(symbol))
            .ok()
    }
}

/// Shifts a date of the file by the weeks of a pass.
pub(super) fn shifted(date: NaiveDate, weeks: u32) -> Option<NaiveDate> {
    date.checked_add_days(Days::new(u64::from(weeks) * 7))
}
