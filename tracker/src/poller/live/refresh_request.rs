//! A request on its way through the providers.
//!
//! One invariant: each provider is asked at most once for it, in order, and the first word about the symbol itself
//! decides; what nobody could be asked is told with the earliest time to try again.

use entity::{PollOutcome, Timestamp};
use store::request::PATIENCE;
use tokio::time::Instant;

use crate::{
    provider::PollError,
    request::{Request, Verdict},
};

/// A request, and what came of it so far.
#[derive(Debug)]
pub(super) struct Demand {
    pub(super) request: Request,
    /// Whether its poll is under way.
    pub(super) asked: bool,
    /// Its end, once there is one: to be written down.
    pub(super) verdict: Option<Verdict>,
    tried: Vec<usize>,
    /// The earliest time at which a provider that is out of budget or patience has some again.
    again_at: Option<Timestamp>,
    until: Instant,
}

impl Demand {
    pub(super) fn new(request: Request) -> Self {
        Self {
            request,
            asked: false,
            verdict: None,
            tried: Vec::new(),
            again_at: None,
            until: Instant::now() + PATIENCE,
        }
    }

    /// Whether nobody waits for it any more.
    pub(super) fn is_over(&self) -> bool {
        !self.asked && Instant::now() >= self.until
    }

    pub(super) fn has_tried(&self, seat: usize) -> bool {
        self.tried.contains(&seat)
    }

    /// A provider is asked, or not worth asking; one that will be again at an instant says when.
    pub(super) fn tries(&mut self, seat: usize, again_at: Option<Timestamp>) {
        self.tried.push(seat);
        self.again_at = [self.again_at, again_at].into_iter().flatten().min();
    }

    /// A provider answered, and what it said is stored. Answers whether that is the last word.
    pub(super) fn settle(&mut self, error: Option<&PollError>) {
        self.verdict = match error {
            None | Some(PollError::NoQuote) => Some(Verdict::of(PollOutcome::Answered)),
            Some(PollError::UnknownSymbol) => Some(Verdict::of(PollOutcome::UnknownSymbol)),
            Some(_) => None,
        };
    }

    /// Nobody is left to ask. Out of budget only if waiting helps.
    pub(super) fn give_up(&mut self) {
        let outcome = match self.again_at {
            Some(_) => PollOutcome::RateLimited,
            None => PollOutcome::Failed,
        };
        self.verdict = Some(Verdict {
            outcome,
            again_at: self.again_at,
        });
    }
}
