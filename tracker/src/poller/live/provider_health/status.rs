//! How a provider is doing, as it is told to people.
//!
//! One invariant: state and note tell of the same trouble, the most serious of those that apply; a note holds neither a
//! key nor a URL. The [loop](crate::poller::live) hands them to `status`.

use entity::{ProviderState, Timestamp};

use super::Seat;
use crate::{
    provider::PollError,
    schedule::{Planned, Spoken},
};

impl Seat {
    /// Its state and what a person should know of it; `in_use` is whether it is its turn.
    pub(in crate::poller) fn standing(
        &self,
        in_use: bool,
        planned: Planned,
        now: Timestamp,
    ) -> (ProviderState, Option<String>) {
        let spent = self.spent.filter(|spent| spent.until > now);
        let patient = self.patience_until.is_some_and(|until| until > now);
        let said = |text: &str| Some(text.to_owned());
        if let Some(refusal) = &self.refusal {
            (ProviderState::Refused, Some(self.refused(&refusal.error)))
        } else if let Some(spent) = spent {
            let note = if spent.reserve_left {
                "the rest of the day's requests is kept for requests of people"
            } else {
                "the day's requests are spent"
            };
            (ProviderState::BudgetSpent, said(note))
        } else if patient {
            let note = "the provider asked to be left alone for a while";
            (ProviderState::RateLimited, said(note))
        } else if self.is_failing() {
            (ProviderState::Failing, said(&self.fault))
        } else if in_use {
            let note = self.provider.note().or_else(|| stretched(planned));
            (ProviderState::Ok, note)
        } else {
            (ProviderState::Standby, self.provider.note())
        }
    }

    /// Why nothing is to be had of it.
    fn refused(&self, error: &PollError) -> String {
        let key = match self.provider.key_setting() {
            Some(setting) => format!("the key is refused ({setting})"),
            None => "the key is refused".to_owned(),
        };
        match error {
            PollError::NotEntitled => "the plan does not include quotes".to_owned(),
            PollError::Refused { reason } => format!("{key}: {reason}"),
            _ => key,
        }
    }
}

/// What people are told of an interval that a budget stretches.
fn stretched(planned: Planned) -> Option<String> {
    let Planned { interval, limit } = planned;
    limit.map(|limit| format!("polled every {} to stay within {limit}", Spoken(interval)))
}
