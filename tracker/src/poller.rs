//! The poller: requests quotes from the configured providers and stores them.
//!
//! The first provider determines the loop. Live providers are polled on a schedule ([`live`]); a
//! replay and a simulation determine their own pace ([`self_paced`]). Only one of the loops runs,
//! so that recorded prices never mix with live ones. Losing the state of a loop loses no price and
//! no alert.

mod context;
mod live;
mod self_paced;
mod tracked_stocks;

use std::{sync::Arc, time::Duration};

use entity::ProviderState;
use market::PollingHours;
pub use runtime::config::SearchSettings;
use runtime::config::{MarketHours, TrackingSettings};
use store::provider::ProviderStatus;

pub(crate) use self::context::{PollContext, with_timeout};
use self::{live::LiveLoop, self_paced::SelfPacedLoop};
use crate::{
    provider::{Pacing, QuoteProvider},
    stream::{self, StreamSettings},
};

/// When to poll, and what to request.
#[derive(Clone, Copy, Debug)]
pub struct PollSettings {
    /// The desired time between two polls of a symbol; longer if the request budget requires it.
    pub update_interval: Duration,
    /// When stocks are polled.
    pub hours: PollingHours,
    /// A live quote that is older than this many sessions fires no alerts; `None` for no limit.
    pub alert_max_age: Option<u32>,
    /// Whether past sessions and splits are requested in the background.
    pub history: bool,
    /// Whether and how prices are streamed.
    pub streams: StreamSettings,
    /// The limits of searches for symbols.
    pub search: SearchSettings,
}

impl From<&TrackingSettings> for PollSettings {
    fn from(settings: &TrackingSettings) -> Self {
        Self {
            update_interval: settings.update_interval,
            hours: match settings.market_hours {
                MarketHours::Us => PollingHours::Market,
                MarketHours::Always => PollingHours::Always,
            },
            alert_max_age: settings.alert_max_age,
            history: true,
            streams: StreamSettings {
                enabled: settings.streams,
                interval: settings.stream_interval,
            },
            search: settings.search,
        }
    }
}

/// Polls `providers`, in failover order, until the process stops.
pub(crate) async fn run(
    context: PollContext,
    providers: &[Arc<dyn QuoteProvider>],
    settings: PollSettings,
) {
    let context = Arc::new(context);
    let mut ranked = (0..).zip(providers.iter().map(Arc::clone));
    match providers.first() {
        Some(first) if is_self_paced(first.as_ref()) => {
            let standby = ranked.skip(1).map(|it| standby_status(&it)).collect();
            let playing = SelfPacedLoop::new(context, Arc::clone(first), standby);
            playing.run().await;
        }
        _ => {
            let (replays, live): (Vec<_>, Vec<_>) = ranked
                .by_ref()
                .partition(|(_, it)| is_self_paced(it.as_ref()));
            let standby = replays.iter().map(standby_status).collect();
            let streaming: Vec<_> = live.iter().map(|(_, it)| Arc::clone(it)).collect();
            let polling = LiveLoop::new(Arc::clone(&context), settings, live, standby);
            let streams = stream::run(&context, &streaming, settings.hours);
            tokio::join!(Box::pin(polling.run()), Box::pin(streams));
        }
    }
}

/// Whether a provider determines when its next prices come, as a replay does.
pub(crate) fn is_self_paced(provider: &dyn QuoteProvider) -> bool {
    matches!(provider.pacing(), Pacing::SelfPaced { .. })
}

/// The status of a provider that is configured but not polled.
fn standby_status((rank, provider): &(i32, Arc<dyn QuoteProvider>)) -> ProviderStatus {
    let budget = match provider.pacing() {
        Pacing::Polled { budget, .. } => Some(budget),
        Pacing::SelfPaced { .. } => None,
    };
    ProviderStatus {
        name: provider.name(),
        rank: *rank,
        state: ProviderState::Standby,
        effective_interval: None,
        note: provider.note(),
        terms: provider.terms(),
        per_second: budget.and_then(|budget| budget.per_second),
        per_minute: budget.and_then(|budget| budget.per_minute),
        per_day: budget.and_then(|budget| budget.per_day),
    }
}
