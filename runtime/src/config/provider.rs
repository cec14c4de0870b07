//! Who is asked for prices.
//!
//! One invariant: a provider that is listed can be asked, as its key is there.

use std::{convert::Infallible, fs::File, num::NonZeroU32, path::PathBuf, time::Duration};

use chrono::NaiveDate;
use url::Url;

use super::{
    Secret,
    reader::Reader,
    value::{self, Parsed},
};

/// A provider that can be listed in `PROVIDER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProviderName {
    /// Alpha Vantage, over the network, with a key.
    AlphaVantage,
    /// Recorded real prices.
    Replay,
}

/// Alpha Vantage's key, address and plan.
#[derive(Clone, Debug)]
pub struct AlphaVantageSettings {
    /// The key; there whenever the provider is listed.
    pub api_key: Option<Secret>,
    /// The base URL, before `/query`.
    pub url: Url,
    /// Requests in any 60 s.
    pub per_minute: NonZeroU32,
    /// Requests in a New York day.
    pub per_day: NonZeroU32,
}

impl ProviderName {
    const ALL: [Self; 2] = [Self::AlphaVantage, Self::Replay];

    /// The provider's name in settings, prices and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AlphaVantage => "alphavantage",
            Self::Replay => "replay",
        }
    }

    /// The variable that holds the provider's key, if it needs one.
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
            format!("is not a provider of this version; there are {names}")
        })
    }

    fn known_of(text: &str) -> Vec<Self> {
        let listed = text.split(',').map(str::trim);
        listed.filter_map(|text| Self::parse(text).ok()).collect()
    }

    /// The providers in the order in which they are asked; never empty.
    pub(super) fn read_list(reader: &mut Reader<'_>) -> Vec<Self> {
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
        // Of those that are known, even where others are not: all faults are told at once.
        let known = |text: &str| Ok::<_, Infallible>(Self::known_of(text));
        for provider in reader.optional("PROVIDER", known).unwrap_or_default() {
            if let Some(key) = provider.key().filter(|key| !reader.has(key)) {
                let name = provider.as_str();
                reader.fault(key, format!("must be set, as PROVIDER lists {name}"));
            }
        }
        listed
    }
}

impl AlphaVantageSettings {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            api_key: reader.optional("ALPHA_VANTAGE_API_KEY", key),
            url: reader.value("ALPHA_VANTAGE_URL", value::http_url),
            per_minute: reader.value("ALPHA_VANTAGE_PER_MINUTE", value::count),
            per_day: reader.value("ALPHA_VANTAGE_PER_DAY", value::count),
        }
    }
}

/// A key that can be sent: visible ASCII.
fn key(text: &str) -> Parsed<Secret> {
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(Secret::new(text))
    } else {
        Err("may only hold visible ASCII characters".to_owned())
    }
}

/// The first day on which all default symbols trade in the bundled prices.
const BUNDLED_FROM: NaiveDate = NaiveDate::from_ymd_opt(2004, 8, 19).expect("a date");
/// The longest pause between two days, for speeds next to nothing.
const LONGEST_PAUSE: Duration = Duration::from_hours(365 * 24);

/// What is replayed and how.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplaySettings {
    /// The file; none means the bundled prices.
    pub file: Option<PathBuf>,
    /// The first day of each pass; none means the file's first day.
    pub from: Option<NaiveDate>,
    /// How fast.
    pub speed: ReplaySpeed,
    /// Whether it begins again at the end.
    pub repeat: bool,
}

/// How fast days follow each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ReplaySpeed {
    /// Trading days per second of wall time; finite and more than 0.
    DaysPerSecond(f64),
    /// As fast as they can be stored.
    Max,
}

impl ReplaySettings {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let file = reader.optional("REPLAY_FILE", readable);
        let bundled = file.is_none().then_some(BUNDLED_FROM);
        Self {
            from: reader.optional("REPLAY_FROM", date).or(bundled),
            speed: reader.value("REPLAY_SPEED", ReplaySpeed::parse),
            repeat: reader.value("REPLAY_LOOP", value::switch),
            file,
        }
    }
}

impl ReplaySpeed {
    /// The time between two days; nothing at [`ReplaySpeed::Max`].
    pub fn pause(self) -> Duration {
        match self {
            Self::Max => Duration::ZERO,
            Self::DaysPerSecond(days) => Duration::try_from_secs_f64(days.recip())
                .unwrap_or(LONGEST_PAUSE)
                .min(LONGEST_PAUSE),
        }
    }

    fn parse(text: &str) -> Parsed<Self> {
        if text == "max" {
            return Ok(Self::Max);
        }
        match text.parse::<f64>() {
            Ok(days) if days.is_finite() && days > 0.0 => Ok(Self::DaysPerSecond(days)),
            _ => Err("must be a number more than 0, or max".to_owned()),
        }
    }
}

/// What is in it is its reader's to judge; that it can be read belongs to the faults told at once.
fn readable(text: &str) -> Parsed<PathBuf> {
    let opened = File::open(text).and_then(|file| file.metadata());
    match opened {
        Ok(about) if about.is_dir() => Err("is a folder".to_owned()),
        Ok(_) => Ok(text.into()),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

fn date(text: &str) -> Parsed<NaiveDate> {
    text.parse()
        .map_err(|_| "must be a date, such as 2008-01-02".to_owned())
}
