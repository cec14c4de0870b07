//! Keeps prices coming: the one task that decides what is asked of whom, and when.
//!
//! One invariant: an engine runs under a lease and ends with it; whatever it knows beyond the database can be lost
//! without a price or an alert being lost. The [`Tracker`] runs one at a time.

mod check;
mod context;
mod fill;
mod live;
mod replay;
mod tracked_stocks;

use std::{sync::Arc, time::Duration};

use entity::ProviderState;
use market::PollingHours;

pub(crate) use self::context::Desk;
use self::{live::Polling, replay::Driven};
use crate::{
    provider::{Pace, QuoteProvider},
    status::Standing,
};

/// What the settings say of when to poll.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The time between two polls of a symbol, if the budget allows.
    pub wished: Duration,
    /// When stocks are polled.
    pub hours: PollingHours,
    /// A live quote more than this many sessions before the last one fires no alerts; `None` for no limit.
    pub alert_max_age: Option<u32>,
    /// Whether providers are asked for the past of stocks: their sessions and splits.
    pub history: bool,
}

/// Runs the loop that the first provider calls for: one that sets its own time runs alone; otherwise those that wait
/// to be asked are asked in their order, and the prices of a replay never get among live ones.
pub(crate) async fn run(desk: Desk, providers: &[Arc<dyn QuoteProvider>], rules: Rules) {
    let desk = Arc::new(desk);
    let ranked: Vec<(i32, Arc<dyn QuoteProvider>)> =
        (0..).zip(providers.iter().map(Arc::clone)).collect();
    let polled = |provider: &dyn QuoteProvider| matches!(provider.pace(), Pace::Polled { .. });
    match ranked.first() {
        Some((rank, first)) if !polled(first.as_ref()) => {
            let bystanders = ranked[1..].iter().map(bystander).collect();
            Driven::new(desk, Arc::clone(first), *rank, bystanders)
                .run()
                .await;
        }
        _ => {
            let (asked, others): (Vec<_>, Vec<_>) = ranked
                .into_iter()
                .partition(|(_, provider)| polled(provider.as_ref()));
            let bystanders = others.iter().map(bystander).collect();
            Polling::new(desk, rules, asked, bystanders).run().await;
        }
    }
}

/// What is told of a provider that is configured and never asked.
fn bystander((rank, provider): &(i32, Arc<dyn QuoteProvider>)) -> Standing {
    Standing {
        name: provider.name(),
        rank: *rank,
        state: ProviderState::Standby,
        effective_interval: None,
        note: provider.note(),
        budget: match provider.pace() {
            Pace::Polled { budget, .. } => Some(budget),
            Pace::Driven { .. } => None,
        },
    }
}
