//! Logs, traces and metrics of a process.
//!
//! No secret is logged or traced: libraries that log messages, URLs or SQL statements stay at
//! `info` whatever `RUST_LOG` is. Each program starts telemetry after loading its settings and
//! flushes it last.

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

/// A destination of events and spans.
type Sink = Box<dyn Layer<Registry> + Send + Sync>;

/// The metrics and the trace exporter of a process. Clones share them.
#[derive(Clone, Debug)]
pub struct Telemetry {
    metrics: Metrics,
    traces: Option<SdkTracerProvider>,
}

/// Telemetry could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The trace exporter could not be created.
    #[error("cannot export traces to OTEL_EXPORTER_OTLP_ENDPOINT")]
    Exporter(#[source] opentelemetry_otlp::ExporterBuildError),
    /// A logger is already set in this process.
    #[error("a logger is already set")]
    LogTaken(#[source] tracing_subscriber::util::TryInitError),
}

impl Telemetry {
    /// Sets the logger of the process, creates the metrics, and exports traces if an endpoint is
    /// set.
    ///
    /// # Errors
    ///
    /// If the exporter cannot be created, or the process already has a logger.
    pub fn start(settings: &Settings) -> Result<Self, TelemetryError> {
        let traces = match &settings.trace_endpoint {
            Some(endpoint) => {
                let exported = trace::export(settings.program, endpoint);
                Some(exported.map_err(TelemetryError::Exporter)?)
            }
            None => None,
        };
        let filtered = |layer: Sink| layer.with_filter(filter::for_log(&settings.log)).boxed();
        let mut sinks = vec![filtered(log::layer(&settings.log))];
        if let Some(provider) = &traces {
            sinks.push(
                trace::layer(provider)
                    .with_filter(filter::for_traces())
                    .boxed(),
            );
        }
        tracing_subscriber::registry()
            .with(sinks)
            .try_init()
            .map_err(TelemetryError::LogTaken)?;
        log::log_panics();
        Ok(Self {
            metrics: Metrics::of_this_build(),
            traces,
        })
    }

    /// The metrics of the process.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Exports the remaining traces, waiting at most `within`, and shuts down the exporter.
    pub async fn flush(self, within: Duration) {
        let Some(traces) = self.traces else { return };
        let flushed = tokio::task::spawn_blocking(move || traces.shutdown_with_timeout(within));
        match tokio::time::timeout(within, flushed).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!(%error, "failed to export the remaining traces"),
            Ok(Err(_)) | Err(_) => tracing::warn!("failed to export the remaining traces"),
        }
    }
}

#[cfg(test)]
mod tests;
