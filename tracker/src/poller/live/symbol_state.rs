//! What the loop remembers of a symbol between two polls.
//!
//! What concerns only one symbol (not in the plan, failing alone) is remembered here and delays no other symbol; what
//! concerns a provider is in its [seat](super::provider_health).

use entity::Timestamp;
use runtime::random::Random;

use crate::{
    provider::PollError,
    schedule::{Backoff, RETRIES, RETRY_REFUSED_AFTER},
};

/// One symbol's past.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    /// Whether a poll is under way.
    pub(super) asked: bool,
    /// When it was last asked for.
    pub(super) asked_at: Option<Timestamp>,
    /// The planned poll that is not answered yet.
    round: Option<Round>,
    backoff: Backoff,
    /// Providers whose plans do not include it, and until when to believe that.
    not_entitled: Vec<(usize, Timestamp)>,
    /// The provider that failed it last, and how often that one had answered by then.
    failed_at: Option<(usize, u64)>,
}

/// A planned poll that failed: each provider is asked once for it, and retried.
#[derive(Clone, Debug, Default)]
struct Round {
    asked: Vec<usize>,
    retries: u32,
}

impl Watch {
    /// A poll of the plan is sent. `planned` begins a round.
    pub(super) fn asks(&mut self, seat: usize, planned: bool, retry: bool) {
        if planned {
            self.round = None;
        }
        let round = self.round.get_or_insert_default();
        round.asked.push(seat);
        round.retries += u32::from(retry);
    }

    /// A poll of the plan was not sent after all.
    pub(super) fn did_not_ask(&mut self, retry: bool) {
        if let Some(round) = &mut self.round {
            round.asked.pop();
            round.retries -= u32::from(retry);
            self.round.take_if(|round| round.asked.is_empty());
        }
    }

    /// Takes over a planned poll that an earlier process sent and nobody answered: one retry is left.
    pub(super) fn inherits(&mut self, seats: usize) {
        self.round.get_or_insert_with(|| Round {
            asked: (0..seats).collect(),
            retries: RETRIES - 1,
        });
    }

    /// Whether a provider was asked in this round.
    pub(super) fn has_asked(&self, seat: usize) -> bool {
        let round = self.round.as_ref();
        round.is_some_and(|round| round.asked.contains(&seat))
    }

    /// When the round may ask a provider again, if it may.
    pub(super) fn retry_at(&self, now: Timestamp) -> Option<Timestamp> {
        let round = self.round.as_ref()?;
        (round.retries < RETRIES).then(|| self.backoff.waits_until(now).unwrap_or(now))
    }

    /// Until when a provider is not worth asking for it.
    pub(super) fn refused_until(&self, seat: usize, now: Timestamp) -> Option<Timestamp> {
        let of = |(refusing, until): &(usize, Timestamp)| {
            (*refusing == seat && *until > now).then_some(*until)
        };
        self.not_entitled.iter().find_map(of)
    }

    /// Whether a provider that has answered so often failed it last, and has answered for others since.
    pub(super) fn fails_alone(&self, seat: usize, answers: u64) -> bool {
        self.failed_at
            .is_some_and(|(failing, before)| failing == seat && before < answers)
    }

    /// A provider answered for it, with a price or without.
    pub(super) fn answered(&mut self, seat: usize, priced: bool) {
        if priced {
            self.not_entitled.retain(|(refusing, _)| *refusing != seat);
            self.failed_at = None;
        }
        self.backoff.succeed();
        self.round = None;
    }

    /// A provider that has answered so often failed it.
    pub(super) fn failed(
        &mut self,
        seat: usize,
        answers: u64,
        error: &PollError,
        now: Timestamp,
        random: &Random,
    ) {
        if *error == PollError::NotEntitled {
            self.not_entitled.retain(|(refusing, _)| *refusing != seat);
            self.not_entitled
                .push((seat, now.after(RETRY_REFUSED_AFTER)));
            if let Some(round) = &mut self.round {
                round.retries = RETRIES;
            }
        }
        if error.backs_off() {
            self.failed_at = Some((seat, answers));
            self.backoff.fail(now, error.wait(), random);
        }
    }
}
