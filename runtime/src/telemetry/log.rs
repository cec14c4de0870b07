//! The format of the log.

use std::{
    io::{self, IsTerminal},
    panic,
};

use tracing_subscriber::{Layer, fmt};

use super::{LogFormat, LogSettings, Sink};

/// Returns the layer that writes the log to standard output.
pub(super) fn layer(settings: &LogSettings) -> Sink {
    let terminal = io::stdout().is_terminal();
    let default = if terminal {
        LogFormat::Console
    } else {
        LogFormat::Json
    };
    match settings.format.unwrap_or(default) {
        LogFormat::Console => fmt::layer().with_ansi(terminal).boxed(),
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .boxed(),
    }
}

/// Logs panics as events, on one line.
pub(super) fn log_panics() {
    panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(message, location, "panicked");
    }));
}
