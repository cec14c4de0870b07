//! Who is asked for prices.
//!
//! One invariant: a provider that is listed can be asked, as its key is there.

use std::{convert::Infallible, num::NonZeroU32};

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
