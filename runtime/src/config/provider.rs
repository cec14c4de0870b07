//! The list of market-data providers, and the settings of the replay and of the simulation.
//!
//! A provider that requires a key is only accepted if its key is set.

use std::{convert::Infallible, fs::File, num::NonZeroU32, path::PathBuf, time::Duration};

use chrono::NaiveDate;
use entity::Symbol;

use super::{
    reader::SettingsReader,
    value::{self, Parsed},
};

/// A provider that `PROVIDER` can list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProviderName {
    /// Alpha Vantage, an online service that requires a key.
    AlphaVantage,
    /// Finnhub, an online service that requires a key.
    Finnhub,
    /// Alpaca, an online service that requires a key.
    Alpaca,
    /// Twelve Data, an online service that requires a key.
    TwelveData,
    /// Kraken, an exchange of cryptocurrencies that requires no key.
    Kraken,
    /// A replay of recorded prices.
    Replay,
    /// Random prices.
    Simulated,
}

impl ProviderName {
    const ALL: [Self; 7] = [
        Self::AlphaVantage,
        Self::Finnhub,
        Self::Alpaca,
        Self::TwelveData,
        Self::Kraken,
        Self::Replay,
        Self::Simulated,
    ];

    /// The name of the provider in settings, prices and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AlphaVantage => "alphavantage",
            Self::Finnhub => "finnhub",
            Self::Alpaca => "alpaca",
            Self::TwelveData => "twelvedata",
            Self::Kraken => "kraken",
            Self::Replay => "replay",
            Self::Simulated => "simulated",
        }
    }

    /// The variables for the keys that the provider requires.
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::AlphaVantage => &["ALPHA_VANTAGE_API_KEY"],
            Self::Finnhub => &["FINNHUB_API_KEY"],
            Self::Alpaca => &["ALPACA_API_KEY_ID", "ALPACA_API_SECRET_KEY"],
            Self::TwelveData => &["TWELVE_DATA_API_KEY"],
            Self::Kraken | Self::Replay | Self::Simulated => &[],
        }
    }

    fn parse(text: &str) -> Parsed<Self> {
        let known = Self::ALL.into_iter().find(|name| name.as_str() == text);
        known.ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            format!("is not a provider; supported are {names}")
        })
    }

    /// Parses a list and drops the providers that are not supported.
    fn known_of(text: &str) -> Vec<Self> {
        let listed = text.split(',').map(str::trim);
        listed.filter_map(|text| Self::parse(text).ok()).collect()
    }

    /// Reads the providers in failover order; never empty.
    pub(super) fn read_list(reader: &mut SettingsReader<'_>) -> Vec<Self> {
        if !reader.has("PROVIDER") {
            let has_key = |name: &Self| name.keys().iter().any(|key| reader.has(key));
            let mut keyed: Vec<Self> = Self::ALL.into_iter().filter(has_key).collect();
            for name in &keyed {
                name.require_keys(reader, "the other key is set");
            }
            if keyed.is_empty() {
                keyed.push(Self::Replay);
            }
            return keyed;
        }
        let listed = reader
            .optional("PROVIDER", |text| value::list(text, Self::parse))
            .unwrap_or_default();
        // Missing keys are reported even if the list has an unsupported provider.
        let known = |text: &str| Ok::<_, Infallible>(Self::known_of(text));
        for provider in reader.optional("PROVIDER", known).unwrap_or_default() {
            let cause = format!("PROVIDER lists {}", provider.as_str());
            provider.require_keys(reader, &cause);
        }
        listed
    }

    /// Reports the keys that are not set.
    fn require_keys(self, reader: &mut SettingsReader<'_>, cause: &str) {
        for key in self.keys() {
            if !reader.has(key) {
                reader.reject(key, format!("must be set because {cause}"));
            }
        }
    }
}

/// The first day on which all default symbols trade in the bundled prices.
const BUNDLED_START: NaiveDate = NaiveDate::from_ymd_opt(2004, 8, 19).expect("a date");
/// Maximum delay between two days, which bounds very low speeds.
const MAX_REPLAY_DELAY: Duration = Duration::from_hours(365 * 24);

/// Which prices to replay, and how fast.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplaySettings {
    /// The file, or `None` for the bundled prices.
    pub file: Option<PathBuf>,
    /// The first day of each pass, or `None` for the first day of the file.
    pub from: Option<NaiveDate>,
    /// The speed.
    pub speed: ReplaySpeed,
    /// Whether to begin another pass after the last day.
    pub repeat: bool,
}

/// The speed of the replay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ReplaySpeed {
    /// Trading days per second; finite and greater than 0.
    DaysPerSecond(f64),
    /// As fast as prices can be stored.
    Max,
}

impl ReplaySettings {
    pub(super) fn read(reader: &mut SettingsReader<'_>) -> Self {
        let file = reader.optional("REPLAY_FILE", readable);
        let bundled = file.is_none().then_some(BUNDLED_START);
        Self {
            from: reader.optional("REPLAY_FROM", date).or(bundled),
            speed: reader.value("REPLAY_SPEED", ReplaySpeed::parse),
            repeat: reader.value("REPLAY_LOOP", value::switch),
            file,
        }
    }
}

impl ReplaySpeed {
    /// The delay between two days; zero for [`ReplaySpeed::Max`].
    pub fn pause(self) -> Duration {
        match self {
            Self::Max => Duration::ZERO,
            Self::DaysPerSecond(days) => Duration::try_from_secs_f64(days.recip())
                .unwrap_or(MAX_REPLAY_DELAY)
                .min(MAX_REPLAY_DELAY),
        }
    }

    fn parse(text: &str) -> Parsed<Self> {
        if text == "max" {
            return Ok(Self::Max);
        }
        match text.parse::<f64>() {
            Ok(days) if days.is_finite() && days > 0.0 => Ok(Self::DaysPerSecond(days)),
            _ => Err("must be a number greater than 0, or max".to_owned()),
        }
    }
}

/// The random prices of the simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimulatedSettings {
    /// The number of symbols.
    pub symbols: NonZeroU32,
    /// Prices of all symbols in a second.
    pub rate: NonZeroU32,
    /// Determines the prices.
    pub seed: u64,
}

impl SimulatedSettings {
    pub(super) fn read(reader: &mut SettingsReader<'_>) -> Self {
        const MAX: u32 = 100_000;
        let count = |text: &str| {
            let count = value::number(text, 1, MAX)?;
            NonZeroU32::new(count).ok_or_else(|| "must be greater than 0".to_owned())
        };
        Self {
            symbols: reader.value("SIMULATED_SYMBOLS", count),
            rate: reader.value("SIMULATED_RATE", count),
            seed: reader.value("SIMULATED_SEED", seed),
        }
    }

    /// Returns the symbols in their order, from `SIM0001` on.
    pub fn symbols(self) -> impl Iterator<Item = Symbol> {
        let numbers = 1..=self.symbols.get();
        numbers.filter_map(|number| format!("SIM{number:04}").parse().ok())
    }
}

fn seed(text: &str) -> Parsed<u64> {
    text.parse()
        .map_err(|_| format!("must be an integer from 0 to {}", u64::MAX))
}

/// Checks that the file is readable. Its content is checked when it is loaded.
fn readable(text: &str) -> Parsed<PathBuf> {
    let opened = File::open(text).and_then(|file| file.metadata());
    match opened {
        Ok(metadata) if metadata.is_dir() => Err("is a directory".to_owned()),
        Ok(_) => Ok(text.into()),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

fn date(text: &str) -> Parsed<NaiveDate> {
    text.parse()
        .map_err(|_| "must be a date, such as 2008-01-02".to_owned())
}
