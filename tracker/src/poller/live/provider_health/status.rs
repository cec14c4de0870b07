//! The status of a live provider as clients see it: a state and a note.
//!
//! Both describe the most serious problem of the provider. A note contains no key and no URL.

use entity::{ProviderState, Timestamp};

use super::ProviderHealth;
use crate::{
    provider::PollError,
    schedule::{HumanDuration, PollPlan},
};

impl ProviderHealth {
    /// Returns the state and a note. `active` is whether the provider is the one in use.
    pub(in crate::poller) fn status(
        &self,
        active: bool,
        planned: PollPlan,
        now: Timestamp,
    ) -> (ProviderState, Option<String>) {
        let exhausted = self.exhausted.filter(|exhausted| exhausted.until > now);
        let rate_limited = self.rate_limited_until.is_some_and(|until| until > now);
        let note = |text: &str| Some(text.to_owned());
        if let Some(refusal) = &self.refusal {
            let text = self.refusal_note(&refusal.error);
            (ProviderState::Refused, Some(text))
        } else if let Some(exhausted) = exhausted {
            let text = if exhausted.reserve_left {
                "the remaining requests of the day are reserved for clients"
            } else {
                "the requests of the day are used up"
            };
            (ProviderState::BudgetSpent, note(text))
        } else if rate_limited {
            let text = "the provider limits the rate of requests";
            (ProviderState::RateLimited, note(text))
        } else if self.is_breaker_open() && (active || self.breaker.retry_at(now).is_some()) {
            // A fallback that may be tried again stands by.
            (ProviderState::Failing, note(&self.last_error))
        } else if active {
            let notes = [self.provider.note(), pace_note(planned)];
            let notes: Vec<String> = notes.into_iter().flatten().collect();
            let text = (!notes.is_empty()).then(|| notes.join("; "));
            (ProviderState::Ok, text)
        } else {
            (ProviderState::Standby, self.provider.note())
        }
    }

    fn refusal_note(&self, error: &PollError) -> String {
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

/// Returns the note for an interval that the budget extends.
fn pace_note(planned: PollPlan) -> Option<String> {
    let PollPlan { interval, limit } = planned;
    limit.map(|limit| {
        format!(
            "polled every {} to stay within {limit}",
            HumanDuration(interval)
        )
    })
}
