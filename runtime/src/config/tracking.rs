//! What is polled, when, and what fires.

use std::time::Duration;

use entity::{Decimal, Symbol};

use super::{
    ProviderName,
    reader::Reader,
    value::{self, Parsed},
};

/// The shortest interval between polls of a symbol.
const LEAST_INTERVAL: Duration = Duration::from_secs(1);

/// What the tracker does.
#[derive(Clone, Debug)]
pub struct TrackingSettings {
    /// Who is asked, in this order; never empty.
    pub providers: Vec<ProviderName>,
    /// How often each symbol is polled, if the budget allows.
    pub update_interval: Duration,
    /// When to poll.
    pub market_hours: MarketHours,
    /// Percent of change that fires the default rule; more than 0.
    pub alert_threshold: Decimal,
    /// A live quote more than this many sessions before the last one fires no alerts; `None` for no limit.
    pub alert_max_age: Option<u32>,
    /// What an empty database begins to track; never empty.
    pub default_symbols: Vec<Symbol>,
}

/// When to poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarketHours {
    /// While a stock's market can trade: 04:00 to 20:00 New York on trading days for shares of the United
    /// States.
    Us,
    /// At any time.
    Always,
}

impl TrackingSettings {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            providers: ProviderName::read_list(reader),
            update_interval: reader.value("UPDATE_INTERVAL", interval),
            market_hours: reader.value("MARKET_HOURS", MarketHours::parse),
            alert_threshold: reader.value("ALERT_THRESHOLD", threshold),
            alert_max_age: reader.value("ALERT_MAX_AGE", max_age),
            default_symbols: reader.value("DEFAULT_SYMBOLS", |text| {
                value::list(text, value::parsed::<Symbol>)
            }),
        }
    }
}

impl MarketHours {
    fn parse(text: &str) -> Parsed<Self> {
        match text {
            "us" => Ok(Self::Us),
            "always" => Ok(Self::Always),
            _ => Err("must be us or always".to_owned()),
        }
    }
}

/// How long what is kept, counted from when it was recorded; more than nothing.
#[derive(Clone, Copy, Debug)]
pub struct RetentionSettings {
    /// Prices.
    pub ticks: Duration,
    /// The feed's rows.
    pub feed: Duration,
}

impl RetentionSettings {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            ticks: reader.value("RETENTION_TICKS", value::positive_duration),
            feed: reader.value("RETENTION_FEED", value::positive_duration),
        }
    }
}

fn interval(text: &str) -> Parsed<Duration> {
    let interval = value::duration(text)?;
    if interval < LEAST_INTERVAL {
        return Err("must be at least 1s".to_owned());
    }
    Ok(interval)
}

fn max_age(text: &str) -> Parsed<Option<u32>> {
    /// Four years of sessions.
    const MOST: u32 = 1_000;
    if text == "any" {
        return Ok(None);
    }
    let sessions = value::number(text, 0, MOST).map_err(|error| format!("{error}, or any"))?;
    Ok(Some(sessions))
}

fn threshold(text: &str) -> Parsed<Decimal> {
    let threshold = text.parse::<Decimal>().map_err(|error| error.to_string())?;
    if threshold <= Decimal::ZERO {
        return Err("must be more than 0".to_owned());
    }
    Ok(threshold)
}
