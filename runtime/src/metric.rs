//! What is counted, and the text that Prometheus reads.
//!
//! One invariant: series are named and labelled here only, by types, so that no label is unbounded and the names are
//! those that were promised (a test keeps the whole text). [`TrackerMetrics`] and [`ServeMetrics`] are the vocabulary
//! of events; each `main` builds one [`Metrics`] and hands them out.

mod label;
mod serve;
mod tracker;

use opentelemetry::{
    InstrumentationScope, KeyValue,
    metrics::{Histogram, Meter, MeterProvider},
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    metrics::{Instrument, SdkMeterProvider, Stream},
};
use prometheus::{Registry, TextEncoder, process_collector::ProcessCollector};

pub use label::{
    BudgetWindow, CallOutcome, CloseReason, Endpoint, OperationKind, OperationOutcome, Protocol,
};
pub use serve::{ConnectedClient, ServeMetrics};
pub use tracker::TrackerMetrics;

/// What every name of ours begins with.
const NAMESPACE: &str = "stock_tracker";
/// The most series of one instrument, in place of the library's 2000: there may be more symbols than that.
const MOST_SERIES: usize = 100_000;
/// Bounds of durations in seconds, from half a millisecond to the longest execution.
const SECONDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The process' metrics. Clones share them.
#[derive(Clone, Debug)]
pub struct Metrics {
    provider: SdkMeterProvider,
    registry: Registry,
}

impl Metrics {
    /// Starts counting, with `build_info` and what the system says of this process.
    ///
    /// # Panics
    ///
    /// If the exporter cannot be registered, which a fresh registry always allows.
    pub fn new(version: &str, revision: &str) -> Self {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .with_namespace(NAMESPACE)
            .scope_info_enabled(false)
            .without_target_info()
            .build()
            .expect("a fresh registry takes the exporter");
        registry
            .register(Box::new(ProcessCollector::for_self()))
            .expect("a fresh registry takes the process' collector");
        let provider = SdkMeterProvider::builder()
            .with_reader(exporter)
            .with_resource(Resource::builder_empty().build())
            .with_view(roomy)
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

    /// As [`Self::new`], for the program that was built.
    pub fn of_this_build() -> Self {
        Self::new(
            env!("CARGO_PKG_VERSION"),
            option_env!("GIT_REVISION").unwrap_or("unknown"),
        )
    }

    /// Declares instruments. Name them bare and give them units: the exporter adds prefix, unit and `_total`.
    pub fn meter(&self) -> Meter {
        self.provider
            .meter_with_scope(InstrumentationScope::builder(NAMESPACE).build())
    }

    /// Everything in Prometheus' text format ([`Self::CONTENT_TYPE`]).
    pub fn text(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap_or_else(|error| {
                tracing::error!(%error, "the metrics cannot be written");
                String::new()
            })
    }

    /// The type of [`Self::text`].
    pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

    /// Ends the counting.
    pub fn shutdown(&self) -> OTelSdkResult {
        self.provider.shutdown()
    }
}

/// Lets every instrument have as many series as there may be symbols.
fn roomy(_: &Instrument) -> Option<Stream> {
    Stream::builder()
        .with_cardinality_limit(MOST_SERIES)
        .build()
        .ok()
}

/// Declares a histogram of durations.
fn seconds(meter: &Meter, name: &'static str, help: &'static str) -> Histogram<f64> {
    meter
        .f64_histogram(name)
        .with_unit("s")
        .with_description(help)
        .with_boundaries(SECONDS.to_vec())
        .build()
}

#[cfg(test)]
mod tests;
