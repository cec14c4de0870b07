//! Settings for the market-data providers: Alpha Vantage and the replay.
//!
//! A provider that requires a key is only accepted if its key is set.

use std::{convert::Infallible, fs::File, num::NonZeroU32, path::PathBuf, time::Duration};

use chrono::NaiveDate;
use url::Url;

use super::{
    Secret,
    reader::SettingsReader,
    value::{self, Parsed},
};

/// A provider that `PROVIDER` can list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProviderName {
    /// Alpha Vantage, an online service that requires a key.
    AlphaVantage,
    /// A replay of recorded prices.
    Replay,
}

/// The API key and base URL of Alpha Vantage, and the quota of its plan.
#[derive(Clone, Debug)]
pub struct AlphaVantageSettings {
    /// The API key; always set if the provider is used.
    pub api_key: Option<Secret>,
    /// The base URL, before `/query`.
    pub url: Url,
    /// Maximum number of requests in any 60 s.
    pub per_minute: NonZeroU32,
    /// Maximum number of requests per day, from midnight to midnight in New York.
    pub per_day: NonZeroU32,
}

impl ProviderName {
    const ALL: [Self; 2] = [Self::AlphaVantage, Self::Replay];

    /// The name of the provider in settings, prices and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AlphaVantage => "alphavantage",
            Self::Replay => "replay",
        }
    }

    /// The variable for the key of the provider, if it requires one.
    const fn key(self) -> Option<&'static str> {
        match self {
            Self::AlphaVantage => Some("ALPHA_VANTAGE_API_KEY"),
            Self::Replay => None,
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
            let keyed = reader.has("ALPHA_VANTAGE_API_KEY");
            return vec![if keyed {
                Self::AlphaVantage
            } else {
                Self::Replay
            }];
        }
        let listed = reader
            .optional("PROVIDER", |text| value::list(text, Self::parse))
            .unwrap_or_default();
        // Missing keys are reported even if the list has an unsupported provider.
        let known = |text: &str| Ok::<_, Infallible>(Self::known_of(text));
        for provider in reader.optional("PROVIDER", known).unwrap_or_default() {
            if let Some(key) = provider.key().filter(|key| !reader.has(key)) {
                let name = provider.as_str();
                reader.reject(key, format!("must be set because PROVIDER lists {name}"));
            }
        }
        listed
    }
}

impl AlphaVantageSettings {
    pub(super) fn read(reader: &mut SettingsReader<'_>) -> Self {
        Self {
            api_key: reader.optional("ALPHA_VANTAGE_API_KEY", key),
            url: reader.value("ALPHA_VANTAGE_URL", value::http_url),
            per_minute: reader.value("ALPHA_VANTAGE_PER_MINUTE", value::count),
            per_day: reader.value("ALPHA_VANTAGE_PER_DAY", value::count),
        }
    }
}

/// Parses an API key, which must be visible ASCII.
fn key(text: &str) -> Parsed<Secret> {
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(Secret::new(text))
    } else {
        Err("may only contain visible ASCII characters".to_owned())
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
