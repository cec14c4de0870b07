//! Logs, traces and metrics of a process.
//!
//! One invariant: no secret reaches a log or a trace: libraries that trace whole messages or URLs are capped, and
//! statements are not logged. Each `main` starts this right after its settings and flushes it last.

mod filter;
mod log;
mod trace;

use std::time::Duration;

use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::{Layer, Registry, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    config::{LogFormat, LogSettings, Program, Settings},
    metrics::Metrics,
};

/// Where events and spans go.
type Sink = Box<dyn Layer<Registry> + Send + Sync>;

/// A process' logs, traces and metrics. Clones share them.
#[derive(Clone, Debug)]
pub struct Telemetry {
    metrics: Metrics,
    traces: Option<SdkTracerProvider>,
}

/// Why there is no telemetry.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The traces' exporter cannot be built.
    #[error("traces cannot be exported to OTEL_EXPORTER_OTLP_ENDPOINT")]
    Exporter(#[source] opentelemetry_otlp::ExporterBuildError),
    /// Something else in this process logs already.
    #[error("the log is taken")]
    LogTaken(#[source] tracing_subscriber::util::TryInitError),
}

impl Telemetry {
    /// Starts logging for the whole process, counting, and exporting traces if the settings say where to.
    ///
    /// # Errors
    ///
    /// If the exporter cannot be built, or the process logs already.
    pub fn start(settings: &Settings) -> Result<Self, TelemetryError> {
        let traces = match &settings.trace_endpoint {
            Some(endpoint) => {
                let exported = trace::export(settings.program, endpoint);
                Some(exported.map_err(TelemetryError::Exporter)?)
            }
            None => None,
        };
        let filtered = |layer: Sink| layer.with_filter(filter::of(&settings.log)).boxed();
        let mut sinks = vec![filtered(log::layer(&settings.log))];
        if let Some(provider) = &traces {
            sinks.push(
                trace::layer(provider)
                    .with_filter(filter::of_traces())
                    .boxed(),
            );
        }
        tracing_subscriber::registry()
            .with(sinks)
            .try_init()
            .map_err(TelemetryError::LogTaken)?;
        log::take_panics();
        Ok(Self {
            metrics: Metrics::of_this_build(),
            traces,
        })
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Sends what is left to send, for at most `within`, and ends the telemetry.
    pub async fn flush(self, within: Duration) {
        let Some(traces) = self.traces else { return };
        let flushed = tokio::task::spawn_blocking(move || traces.shutdown_with_timeout(within));
        match tokio::time::timeout(within, flushed).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!(%error, "some traces were not sent"),
            Ok(Err(_)) | Err(_) => tracing::warn!("some traces were not sent"),
        }
    }
}

#[cfg(test)]
mod tests;
