//! What the loop remembers of a symbol between two polls.
//!
//! One invariant: what concerns only one symbol (unknown, not in the plan, malformed) is remembered here and holds up no
//! other symbol; what concerns a provider is its [seat](crate::engine::seat)'s.

use entity::Timestamp;
use runtime::random::Random;

use crate::{
    provider::PollError,
    schedule::{Backoff, RETRY_REFUSED_AFTER, RETRY_UNKNOWN_AFTER},
};

/// One symbol's past.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    /// Whether a poll is under way.
    pub(super) asked: bool,
    /// When it was last asked for.
    pub(super) asked_at: Option<Timestamp>,
    /// Whether the last word of it is that nobody knows it.
    pub(super) unknown: bool,
    backoff: Backoff,
    /// Until when not to ask for it again: only ahead for one that never had a price.
    unknown_until: Option<Timestamp>,
    /// Providers whose plans do not include it, and until when to believe that.
    not_entitled: Vec<(usize, Timestamp)>,
}

impl Watch {
    /// When it may be asked for again, if not now.
    pub(super) fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        let unknown = self.unknown_until.filter(|until| *until > now);
        self.backoff.waits_until(now).max(unknown)
    }

    /// Until when a provider is not worth asking for it.
    pub(super) fn refused_until(&self, seat: usize, now: Timestamp) -> Option<Timestamp> {
        let of = |(refusing, until): &(usize, Timestamp)| {
            (*refusing == seat && *until > now).then_some(*until)
        };
        self.not_entitled.iter().find_map(of)
    }

    /// A provider quoted it, or had nothing new to say.
    pub(super) fn answered(&mut self, seat: usize) {
        self.not_entitled.retain(|(refusing, _)| *refusing != seat);
        self.backoff.succeed();
        self.unknown = false;
        self.unknown_until = None;
    }

    /// A provider does not know it. One that `has_price` was known: it is worth asking for at its next interval.
    pub(super) fn unknown(&mut self, has_price: bool, now: Timestamp) {
        self.backoff.succeed();
        self.unknown = true;
        self.unknown_until = (!has_price).then(|| now.after(RETRY_UNKNOWN_AFTER));
    }

    /// A provider failed it.
    pub(super) fn failed(
        &mut self,
        seat: usize,
        error: &PollError,
        now: Timestamp,
        random: &Random,
    ) {
        match error {
            PollError::NoQuote => self.answered(seat),
            PollError::NotEntitled => {
                self.not_entitled.retain(|(refusing, _)| *refusing != seat);
                self.not_entitled
                    .push((seat, now.after(RETRY_REFUSED_AFTER)));
            }
            error if error.backs_off() => self.backoff.fail(now, error.wait(), random),
            // The provider waits, and the symbol with it; an unknown one is [`Self::unknown`]'s.
            _ => {}
        }
    }
}
