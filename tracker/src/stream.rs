//! Streams: prices that providers send over WebSockets, while this process holds the lease.
//!
//! One connection per provider carries as many symbols as its plan allows ([`slots`]). Its trades
//! are conflated to one quote per symbol and interval ([`conflation`]) and stored like polled ones.
//! The poller polls everything else, also the symbols of a stream that is down or silent.

mod conflation;
mod connect;
mod connection;
mod engine;
mod retry;
mod shared;
mod slots;

use std::{sync::Arc, time::Duration};

use entity::{Symbol, Timestamp};
use futures_util::future::join_all;
use market::PollingHours;
use store::{
    priority::{StockPriority, priorities},
    stream_holder,
};

pub(crate) use self::shared::{Coverage, StreamState};
use self::{engine::Engine, shared::SharedStream};
use crate::{poller::PollContext, poller::with_timeout, provider::QuoteProvider, quote::Quote};

/// How often the slots are dealt anew.
const DEAL_INTERVAL: Duration = Duration::from_secs(30);
/// Delay before a failed database operation is retried.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// How long a new holder of the lease waits if the old one did not sign off.
const TAKEOVER_DELAY: Duration = Duration::from_secs(5);

/// Whether and how prices are streamed.
#[derive(Clone, Copy, Debug)]
pub struct StreamSettings {
    /// Whether connections are opened.
    pub enabled: bool,
    /// The minimum time between two stored prices of a symbol.
    pub interval: Duration,
}

/// The streams of all providers that have one.
#[derive(Debug, Default)]
pub(crate) struct Streams(Vec<Arc<SharedStream>>);

impl Streams {
    /// Creates the streams of `providers`, without connecting.
    pub(crate) fn new(providers: &[Arc<dyn QuoteProvider>], settings: StreamSettings) -> Self {
        let streaming = providers
            .iter()
            .filter(|provider| settings.enabled && provider.stream().is_some());
        let stream = |provider: &Arc<dyn QuoteProvider>| {
            Arc::new(SharedStream::new(provider.name(), settings.interval))
        };
        Self(streaming.map(stream).collect())
    }

    /// Returns what the poller does for a symbol that it polls every `interval`.
    pub(crate) fn coverage(&self, symbol: &Symbol, interval: Duration, now: Timestamp) -> Coverage {
        let coverages = self.0.iter().map(|it| it.coverage(symbol, interval, now));
        coverages
            .into_iter()
            .find(|coverage| *coverage != Coverage::None)
            .unwrap_or(Coverage::None)
    }

    /// Uses polled quotes of a provider as the seeds of its stream.
    pub(crate) fn seed(&self, provider: &str, quotes: &[Quote], now: Timestamp) {
        if let Some(stream) = self.0.iter().find(|it| it.provider() == provider) {
            for quote in quotes {
                stream.seed(quote, now);
            }
        }
    }

    /// Returns the state of a provider's stream, and its description.
    pub(crate) fn status(&self, provider: &str) -> Option<(StreamState, Option<String>)> {
        let stream = self.0.iter().find(|it| it.provider() == provider)?;
        let state = stream.state();
        let note = state.note(stream.subscribed());
        Some((state, note))
    }
}

/// Runs the streams until the process stops. Dropping the future closes all connections.
pub(crate) async fn run(
    context: &Arc<PollContext>,
    providers: &[Arc<dyn QuoteProvider>],
    hours: PollingHours,
) {
    let engines: Vec<Engine> = providers
        .iter()
        .filter_map(|provider| {
            let mut streams = context.streams.0.iter();
            let shared = streams.find(|it| it.provider() == provider.name())?;
            Some(Engine::new(
                Arc::clone(provider),
                Arc::clone(context),
                Arc::clone(shared),
                hours,
            ))
        })
        .collect();
    if engines.is_empty() {
        return;
    }
    if take_over(context, &engines).await.is_none() {
        return;
    }
    let dealing = context
        .stopping
        .run_until_cancelled(deal_forever(context, providers, &engines));
    let connecting = join_all(engines.iter().map(Engine::run));
    let storing = join_all(engines.iter().map(Engine::store_quotes));
    tokio::join!(dealing, connecting, storing);
    let signing_off = stream_holder::sign_off(&context.lease);
    if let Err(error) = with_timeout(signing_off).await {
        tracing::debug!(error = error.as_dyn(), "failed to sign off the streams");
    }
}

/// Waits until the connections of an earlier holder of the lease have ended. Returns `None` if the
/// process stops first.
async fn take_over(context: &PollContext, engines: &[Engine]) -> Option<()> {
    for engine in engines {
        context.metrics.streams.start(engine.provider.name());
        engine.set_state(StreamState::TakingOver);
    }
    let begin = || stream_holder::begin(&context.lease);
    if context.retry("failed to begin the streams", begin).await? {
        let sleep = tokio::time::sleep(TAKEOVER_DELAY);
        context.stopping.run_until_cancelled(sleep).await?;
    }
    Some(())
}

/// Reads which symbols each stream can carry, again and again.
async fn deal_forever(
    context: &PollContext,
    providers: &[Arc<dyn QuoteProvider>],
    engines: &[Engine],
) {
    loop {
        let reading = priorities(context.store.database.read(), context.now());
        let delay = match with_timeout(reading).await {
            Ok(stocks) => {
                for engine in engines {
                    engine.set_candidates(candidates(&stocks, providers, engine));
                }
                DEAL_INTERVAL
            }
            Err(error) => {
                tracing::debug!(
                    error = error.as_dyn(),
                    "failed to read the streamed symbols"
                );
                RETRY_DELAY
            }
        };
        tokio::time::sleep(delay).await;
    }
}

/// Returns the stocks that the provider of a stream is the first one to serve.
fn candidates(
    stocks: &[StockPriority],
    providers: &[Arc<dyn QuoteProvider>],
    engine: &Engine,
) -> Vec<StockPriority> {
    let name = engine.provider.name();
    let is_served = |stock: &&StockPriority| {
        let mut providers = providers.iter();
        let first = providers.find(|provider| provider.serves(&stock.symbol));
        first.is_some_and(|first| first.name() == name)
    };
    stocks.iter().filter(is_served).cloned().collect()
}
