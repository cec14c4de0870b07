//! Settings for the log.

use tracing_subscriber::EnvFilter;

use super::{
    reader::SettingsReader,
    value::{self, Parsed},
};

/// The content and format of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// The format; by default console on a terminal, otherwise JSON.
    pub format: Option<LogFormat>,
    /// The directives of the filter, which are valid.
    pub filter: String,
    /// Whether to log the debug events of the programs' own crates in addition to the filter.
    pub debug: bool,
}

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for people.
    Console,
    /// A JSON object per line.
    Json,
}

impl LogSettings {
    pub(super) fn read(reader: &mut SettingsReader<'_>) -> Self {
        Self {
            format: reader.optional("LOG_FORMAT", LogFormat::parse),
            filter: reader.value("RUST_LOG", filter),
            debug: reader.value("DEBUG", value::switch),
        }
    }
}

impl LogFormat {
    fn parse(text: &str) -> Parsed<Self> {
        match text {
            "console" => Ok(Self::Console),
            "json" => Ok(Self::Json),
            _ => Err("must be console or json".to_owned()),
        }
    }
}

fn filter(text: &str) -> Parsed<String> {
    match EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("must be a filter such as info,tracker=debug".to_owned()),
    }
}
