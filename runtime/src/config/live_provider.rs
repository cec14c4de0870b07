//! Settings for the live providers: keys, URLs and the limits of a plan.

use std::num::NonZeroU32;

use url::Url;

use super::{
    Secret,
    reader::SettingsReader,
    value::{self, Parsed},
};

/// The API key and base URL of Alpha Vantage, and the quota of its plan.
#[derive(Clone, Debug)]
pub struct AlphaVantageSettings {
    /// The API key; always set if the provider is used.
    pub api_key: Option<Secret>,
    /// The origin, before `/query`.
    pub url: Url,
    /// Maximum number of requests in any second.
    pub per_second: NonZeroU32,
    /// Maximum number of requests in any 60 s.
    pub per_minute: NonZeroU32,
    /// Maximum number of requests per day, from midnight to midnight in New York.
    pub per_day: NonZeroU32,
    /// Whether the plan includes requests for many symbols.
    pub bulk: bool,
}

impl AlphaVantageSettings {
    pub(super) fn read(reader: &mut SettingsReader<'_>) -> Self {
        let per_minute = reader.value("ALPHA_VANTAGE_PER_MINUTE", value::count);
        Self {
            api_key: reader.optional("ALPHA_VANTAGE_API_KEY", key),
            url: reader.value("ALPHA_VANTAGE_URL", value::http_origin),
            per_second: per_second(reader, "ALPHA_VANTAGE_PER_SECOND", per_minute),
            per_minute,
            per_day: reader.value("ALPHA_VANTAGE_PER_DAY", value::count),
            bulk: reader.value("ALPHA_VANTAGE_BULK", value::switch),
        }
    }
}

/// The API key and URLs of Finnhub, and the limits of its plan.
#[derive(Clone, Debug)]
pub struct FinnhubSettings {
    /// The API key; always set if the provider is used.
    pub api_key: Option<Secret>,
    /// The origin, before `/api/v1`.
    pub url: Url,
    /// The URL of the stream, without the key.
    pub stream_url: Url,
    /// Maximum number of requests in any second.
    pub per_second: NonZeroU32,
    /// Maximum number of requests in any 60 s.
    pub per_minute: NonZeroU32,
    /// Maximum number of symbols of the stream.
    pub stream_symbols: usize,
}

impl FinnhubSettings {
    pub(super) fn read(reader: &mut SettingsReader<'_>) -> Self {
        Self {
            api_key: reader.optional("FINNHUB_API_KEY", key),
            url: reader.value("FINNHUB_URL", value::http_origin),
            stream_url: reader.value("FINNHUB_STREAM_URL", value::ws_url),
            per_second: reader.value("FINNHUB_PER_SECOND", value::count),
            per_minute: reader.value("FINNHUB_PER_MINUTE", value::count),
            stream_symbols: reader.value("FINNHUB_STREAM_SYMBOLS", slots),
        }
    }
}

/// The API keys and URLs of Alpaca, and the limits of its plan.
#[derive(Clone, Debug)]
pub struct AlpacaSettings {
    /// The id of the API key; always set if the provider is used.
    pub api_key_id: Option<Secret>,
    /// The secret of the API key; always set if the provider is used.
    pub api_secret_key: Option<Secret>,
    /// The origin, before `/v2`.
    pub url: Url,
    /// The URL of the stream, with the feed.
    pub stream_url: Url,
    /// Maximum number of requests in any second.
    pub per_second: NonZeroU32,
    /// Maximum number of requests in any 60 s.
    pub per_minute: NonZeroU32,
    /// Maximum number of symbols of the stream.
    pub stream_symbols: usize,
}

impl AlpacaSettings {
    pub(super) fn read(reader: &mut SettingsReader<'_>) -> Self {
        let per_minute = reader.value("ALPACA_PER_MINUTE", value::count);
        Self {
            api_key_id: reader.optional("ALPACA_API_KEY_ID", key),
            api_secret_key: reader.optional("ALPACA_API_SECRET_KEY", key),
            url: reader.value("ALPACA_URL", value::http_origin),
            stream_url: reader.value("ALPACA_STREAM_URL", value::ws_url),
            per_second: per_second(reader, "ALPACA_PER_SECOND", per_minute),
            per_minute,
            stream_symbols: reader.value("ALPACA_STREAM_SYMBOLS", slots),
        }
    }
}

/// The API key and base URL of Twelve Data, and the quota of its plan.
#[derive(Clone, Debug)]
pub struct TwelveDataSettings {
    /// The API key; always set if the provider is used.
    pub api_key: Option<Secret>,
    /// The origin, before `/quote`.
    pub url: Url,
    /// Maximum number of credits in any second.
    pub per_second: NonZeroU32,
    /// Maximum number of credits in any 60 s.
    pub per_minute: NonZeroU32,
    /// Maximum number of credits per UTC day.
    pub per_day: NonZeroU32,
}

impl TwelveDataSettings {
    pub(super) fn read(reader: &mut SettingsReader<'_>) -> Self {
        Self {
            api_key: reader.optional("TWELVE_DATA_API_KEY", key),
            url: reader.value("TWELVE_DATA_URL", value::http_origin),
            per_second: reader.value("TWELVE_DATA_PER_SECOND", value::count),
            per_minute: reader.value("TWELVE_DATA_PER_MINUTE", value::count),
            per_day: reader.value("TWELVE_DATA_PER_DAY", value::count),
        }
    }
}

/// The URLs of Kraken, and the limit of its public API.
#[derive(Clone, Debug)]
pub struct KrakenSettings {
    /// The origin, before `/0/public`.
    pub url: Url,
    /// The URL of the stream.
    pub stream_url: Url,
    /// Maximum number of requests in any second.
    pub per_second: NonZeroU32,
    /// Maximum number of requests in any 60 s.
    pub per_minute: NonZeroU32,
}

impl KrakenSettings {
    pub(super) fn read(reader: &mut SettingsReader<'_>) -> Self {
        let per_minute = reader.value("KRAKEN_PER_MINUTE", value::count);
        Self {
            url: reader.value("KRAKEN_URL", value::http_origin),
            stream_url: reader.value("KRAKEN_STREAM_URL", value::ws_url),
            per_second: per_second(reader, "KRAKEN_PER_SECOND", per_minute),
            per_minute,
        }
    }
}

/// Reads a limit per second. By default it is the limit per minute, spread evenly.
fn per_second(
    reader: &mut SettingsReader<'_>,
    name: &'static str,
    per_minute: NonZeroU32,
) -> NonZeroU32 {
    let spread = NonZeroU32::MIN.saturating_add((per_minute.get() - 1) / 60);
    reader.optional(name, value::count).unwrap_or(spread)
}

/// Parses an API key, which must be visible ASCII.
fn key(text: &str) -> Parsed<Secret> {
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(Secret::new(text))
    } else {
        Err("may only contain visible ASCII characters".to_owned())
    }
}

/// Parses the number of symbols of a stream.
fn slots(text: &str) -> Parsed<usize> {
    const MAX: u32 = 100_000;
    let slots = value::number(text, 0, MAX)?;
    usize::try_from(slots).map_err(|error| error.to_string())
}
