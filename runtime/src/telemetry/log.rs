//! How a log looks.

use std::io::{self, IsTerminal};

use tracing_subscriber::{Layer, fmt};

use super::{LogFormat, LogSettings, Sink};

/// Writes the log to standard output.
pub(super) fn layer(settings: &LogSettings) -> Sink {
    let terminal = io::stdout().is_terminal();
    let by_place = if terminal {
        LogFormat::Console
    } else {
        LogFormat::Json
    };
    match settings.format.unwrap_or(by_place) {
        LogFormat::Console => fmt::layer().with_ansi(terminal).boxed(),
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .boxed(),
    }
}
