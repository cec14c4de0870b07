//! What is logged, and how it looks.

use tracing_subscriber::EnvFilter;

use super::{
    reader::Reader,
    value::{self, Parsed},
};

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// How it looks; none means console on a terminal, else JSON.
    pub format: Option<LogFormat>,
    /// The filter's directives, valid.
    pub filter: String,
    /// Whether the programs' own crates are logged in detail, whatever the filter says of everything.
    pub debug: bool,
}

/// How a log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Console,
    /// For machines: one JSON object a line.
    Json,
}

impl LogSettings {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
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
        Err(_) => Err("must be directives such as info,tracker=debug".to_owned()),
    }
}
