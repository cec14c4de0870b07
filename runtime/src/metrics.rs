//! The metrics of a process, in the text format of Prometheus, for `/metrics`.
//!
//! Each `main` creates one [`Metrics`]. A program defines its instruments with [`Metrics::meter`]
//! in a module `metrics`. Label values are enums there, so their number is bounded.

use opentelemetry::{
    InstrumentationScope, KeyValue,
    metrics::{Histogram, Meter, MeterProvider},
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    metrics::{Instrument, InstrumentKind, SdkMeterProvider, Stream},
};
use prometheus::{Registry, TextEncoder, process_collector::ProcessCollector};

/// The prefix of all metric names.
const NAMESPACE: &str = "stock_tracker";
/// Maximum number of series of an observable gauge, which may be labelled with symbols. The default
/// of the library, 2000, is less than the possible number of symbols.
const MAX_SERIES: usize = 100_000;
/// Histogram bounds of durations in seconds, from half a millisecond to the longest execution.
const DURATION_BOUNDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The metrics of the process. Clones share their state.
#[derive(Clone, Debug)]
pub struct Metrics {
    provider: SdkMeterProvider,
    registry: Registry,
}

impl Metrics {
    /// Creates the metrics, including `build_info` and the metrics of the process from `/proc`.
    ///
    /// # Panics
    ///
    /// If the exporter cannot be registered, which a new registry always accepts.
    pub fn new(version: &str, revision: &str) -> Self {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .with_namespace(NAMESPACE)
            .scope_info_enabled(false)
            .without_target_info()
            .build()
            .expect("a new registry accepts the exporter");
        registry
            .register(Box::new(ProcessCollector::for_self()))
            .expect("a new registry accepts the process collector");
        let provider = SdkMeterProvider::builder()
            .with_reader(exporter)
            .with_resource(Resource::builder_empty().build())
            .with_view(raise_series_limit)
            .build();
        let metrics = Self { provider, registry };
        metrics
            .meter()
            .u64_gauge("build_info")
            .with_description("The program that runs, always 1.")
            .build()
            .record(
                1,
                &[
                    KeyValue::new("version", version.to_owned()),
                    KeyValue::new("revision", revision.to_owned()),
                ],
            );
        metrics
    }

    /// Like [`Self::new`], with the version of this build.
    pub fn of_this_build() -> Self {
        Self::new(
            env!("CARGO_PKG_VERSION"),
            option_env!("GIT_REVISION").unwrap_or("unknown"),
        )
    }

    /// Creates instruments. Names have no prefix or suffix and units are set: the exporter adds the
    /// prefix, the unit and `_total`.
    pub fn meter(&self) -> Meter {
        self.provider
            .meter_with_scope(InstrumentationScope::builder(NAMESPACE).build())
    }

    /// Returns all metrics in the text format of Prometheus ([`Self::CONTENT_TYPE`]).
    pub fn text(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap_or_else(|error| {
                tracing::error!(%error, "the metrics cannot be written");
                String::new()
            })
    }

    /// The content type of [`Self::text`].
    pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

    /// Shuts down the meter provider.
    pub fn shutdown(&self) -> OTelSdkResult {
        self.provider.shutdown()
    }
}

/// Raises the maximum number of series of observable gauges. The others have few labels, and the
/// library allocates memory for the maximum.
fn raise_series_limit(instrument: &Instrument) -> Option<Stream> {
    if instrument.kind() != InstrumentKind::ObservableGauge {
        return None;
    }
    Stream::builder()
        .with_cardinality_limit(MAX_SERIES)
        .build()
        .ok()
}

/// Creates a histogram of durations in seconds.
pub fn seconds(meter: &Meter, name: &'static str, help: &'static str) -> Histogram<f64> {
    meter
        .f64_histogram(name)
        .with_unit("s")
        .with_description(help)
        .with_boundaries(DURATION_BOUNDS.to_vec())
        .build()
}

#[cfg(test)]
mod tests;
