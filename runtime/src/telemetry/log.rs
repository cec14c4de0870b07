//! How a log looks.

use std::{
    io::{self, IsTerminal},
    panic,
};

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

/// Panics are events like any other, on one line, from now on.
pub(super) fn take_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or("of unknown reason");
        tracing::error!(message, place, "panicked");
    }));
}
