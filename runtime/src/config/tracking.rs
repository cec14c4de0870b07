//! Settings for polling, alerts and retention.

use std::time::Duration;

use entity::{Decimal, Symbol};

use super::{
    ProviderName,
    reader::SettingsReader,
    value::{self, Parsed},
};

/// Minimum polling interval of a symbol.
const MIN_UPDATE_INTERVAL: &str = "1s";
/// Minimum time between two stored prices of a streamed symbol.
const MIN_STREAM_INTERVAL: &str = "100ms";

/// What is polled, when, and which alerts fire.
#[derive(Clone, Debug)]
pub struct TrackingSettings {
    /// The providers in failover order; never empty.
    pub providers: Vec<ProviderName>,
    /// Polling interval of each symbol, if the budget of the provider allows it.
    pub update_interval: Duration,
    /// Whether prices are also read from streams.
    pub streams: bool,
    /// Minimum time between two stored prices of a streamed symbol.
    pub stream_interval: Duration,
    /// The limits of searches for symbols.
    pub search: SearchSettings,
    /// When to poll.
    pub market_hours: MarketHours,
    /// Change in percent that fires the default rule; greater than 0.
    pub alert_threshold: Decimal,
    /// Maximum age of a live quote that fires alerts, in sessions before the last one, or `None`
    /// for no limit.
    pub alert_max_age: Option<u32>,
    /// Symbols that a new database tracks. Empty by default if the first provider is the
    /// simulation, which tracks its own.
    pub default_symbols: Vec<Symbol>,
}

/// When to poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarketHours {
    /// While the market of a stock can trade; for United States shares from 04:00 to 20:00 New York
    /// time on trading days.
    Us,
    /// At any time.
    Always,
}

impl TrackingSettings {
    pub(super) fn read(reader: &mut SettingsReader<'_>) -> Self {
        let providers = ProviderName::read_list(reader);
        let tracks_own =
            providers.first() == Some(&ProviderName::Simulated) && !reader.has("DEFAULT_SYMBOLS");
        let default_symbols = reader.value("DEFAULT_SYMBOLS", |text| {
            value::list(text, value::parsed::<Symbol>)
        });
        Self {
            providers,
            default_symbols: if tracks_own {
                Vec::new()
            } else {
                default_symbols
            },
            update_interval: reader.value("UPDATE_INTERVAL", |text| {
                at_least(MIN_UPDATE_INTERVAL, text)
            }),
            streams: reader.value("STREAMS", value::switch),
            stream_interval: reader.value("STREAM_INTERVAL", |text| {
                at_least(MIN_STREAM_INTERVAL, text)
            }),
            search: SearchSettings::read(reader),
            market_hours: reader.value("MARKET_HOURS", MarketHours::parse),
            alert_threshold: reader.value("ALERT_THRESHOLD", threshold),
            alert_max_age: reader.value("ALERT_MAX_AGE", max_age),
        }
    }
}

/// The limits of searches for symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchSettings {
    /// Maximum number of searches that are sent to a provider in any 60 s.
    pub per_minute: u32,
    /// How long the matches of a search are used again; greater than 0.
    pub cache: Duration,
}

impl SearchSettings {
    fn read(reader: &mut SettingsReader<'_>) -> Self {
        const MAX_PER_MINUTE: u32 = 1_000;
        Self {
            per_minute: reader.value("SEARCH_PER_MINUTE", |text| {
                value::number(text, 0, MAX_PER_MINUTE)
            }),
            cache: reader.value("SEARCH_CACHE", value::positive_duration),
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

/// How long records are kept after they were recorded; greater than 0.
#[derive(Clone, Copy, Debug)]
pub struct RetentionSettings {
    /// Prices.
    pub ticks: Duration,
    /// The rows of the feed.
    pub feed: Duration,
    /// Finished deliveries, with their attempts.
    pub deliveries: Duration,
}

impl RetentionSettings {
    pub(super) fn read(reader: &mut SettingsReader<'_>) -> Self {
        Self {
            ticks: reader.value("RETENTION_TICKS", value::positive_duration),
            feed: reader.value("RETENTION_FEED", value::positive_duration),
            deliveries: reader.value("RETENTION_DELIVERIES", value::positive_duration),
        }
    }
}

/// Parses a duration of at least `least`.
fn at_least(least: &str, text: &str) -> Parsed<Duration> {
    let duration = value::duration(text)?;
    if duration < value::duration(least)? {
        return Err(format!("must be at least {least}"));
    }
    Ok(duration)
}

fn max_age(text: &str) -> Parsed<Option<u32>> {
    /// About four years of sessions.
    const MAX_SESSIONS: u32 = 1_000;
    if text == "any" {
        return Ok(None);
    }
    let sessions =
        value::number(text, 0, MAX_SESSIONS).map_err(|error| format!("{error}, or any"))?;
    Ok(Some(sessions))
}

fn threshold(text: &str) -> Parsed<Decimal> {
    let threshold = text.parse::<Decimal>().map_err(|error| error.to_string())?;
    if threshold <= Decimal::ZERO {
        return Err("must be greater than 0".to_owned());
    }
    Ok(threshold)
}
