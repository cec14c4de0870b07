//! Metrics of streams.

use std::time::Duration;

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge, Histogram, Meter},
};
use runtime::metrics::seconds;

/// What a message of a stream was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageOutcome {
    /// A price that moved the last price.
    Price,
    /// A price without effect on the last price, or one of another day.
    Dropped,
    /// A sign that the connection is alive.
    Heartbeat,
    /// Anything else that is correct.
    Control,
    /// A refusal of the connection or of a symbol.
    Refused,
    /// A malformed message.
    Malformed,
}

impl MessageOutcome {
    /// All outcomes.
    const ALL: [Self; 6] = [
        Self::Price,
        Self::Dropped,
        Self::Heartbeat,
        Self::Control,
        Self::Refused,
        Self::Malformed,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Price => "price",
            Self::Dropped => "dropped",
            Self::Heartbeat => "heartbeat",
            Self::Control => "control",
            Self::Refused => "refused",
            Self::Malformed => "malformed",
        }
    }
}

/// Instruments of streams.
#[derive(Clone, Debug)]
pub struct StreamMetrics {
    connected: Gauge<u64>,
    refused: Gauge<u64>,
    messages: Counter<u64>,
    reconnects: Counter<u64>,
    tick_age: Histogram<f64>,
}

impl StreamMetrics {
    pub(super) fn new(meter: &Meter) -> Self {
        Self {
            connected: meter
                .u64_gauge("stream_connected")
                .with_description("Whether the stream of a provider is connected.")
                .build(),
            refused: meter
                .u64_gauge("stream_refused")
                .with_description(
                    "Whether a provider's stream stays closed: it is refused, or another connection \
                     uses its key.",
                )
                .build(),
            messages: meter
                .u64_counter("stream_messages")
                .with_description("Messages of a provider's stream, by outcome.")
                .build(),
            reconnects: meter
                .u64_counter("stream_reconnects")
                .with_description("Attempts to connect a provider's stream again.")
                .build(),
            tick_age: seconds(
                meter,
                "tick_age",
                "Time from a trade to the commit of its price.",
            ),
        }
    }

    /// Starts the metrics of a provider at 0.
    pub fn start(&self, provider: &'static str) {
        for outcome in MessageOutcome::ALL {
            self.messages.add(0, &message(provider, outcome));
        }
        self.reconnects.add(0, &[of(provider)]);
        self.state_changed(provider, false, false);
    }

    /// Records whether a stream is connected, and whether it stays closed.
    pub fn state_changed(&self, provider: &'static str, connected: bool, refused: bool) {
        self.connected.record(connected.into(), &[of(provider)]);
        self.refused.record(refused.into(), &[of(provider)]);
    }

    /// Records a message.
    pub fn message_received(&self, provider: &'static str, outcome: MessageOutcome) {
        self.messages.add(1, &message(provider, outcome));
    }

    /// Records another attempt to connect.
    pub fn reconnected(&self, provider: &'static str) {
        self.reconnects.add(1, &[of(provider)]);
    }

    /// Records that a price was stored at this age.
    pub fn price_stored(&self, provider: &'static str, age: Duration) {
        self.tick_age.record(age.as_secs_f64(), &[of(provider)]);
    }
}

fn of(provider: &'static str) -> KeyValue {
    KeyValue::new("provider", provider)
}

fn message(provider: &'static str, outcome: MessageOutcome) -> [KeyValue; 2] {
    [of(provider), KeyValue::new("outcome", outcome.as_str())]
}
