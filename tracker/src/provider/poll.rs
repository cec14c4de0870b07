//! The result of one poll, with one answer per requested symbol.

use entity::Symbol;

use crate::{metrics::CallOutcome, provider::PollError, quote::Quote};

/// An answer for each symbol, in the order of the request.
pub type Answers = Vec<(Symbol, Result<Quote, PollError>)>;

/// The answers of a provider to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poll {
    /// One answer per symbol, in the order of the request.
    pub answers: Answers,
    /// Where a restart continues ([`crate::provider::QuoteProvider::resume`]), to be stored in the
    /// transaction that stores the quotes. `None` if the provider has no position.
    pub position: Option<String>,
    /// The stored position that this poll continues. If the database has another one when the
    /// quotes are stored, another tracker has continued the replay and the poll is dropped.
    pub follows: Option<String>,
}

impl Poll {
    /// Returns the answers of a provider without a position.
    pub fn answered(answers: Answers) -> Self {
        Self {
            answers,
            position: None,
            follows: None,
        }
    }

    /// Returns a poll that failed with the same error for every symbol.
    pub fn failed(symbols: &[Symbol], error: &PollError) -> Self {
        let symbols = symbols.iter();
        Self::answered(
            symbols
                .map(|symbol| (symbol.clone(), Err(error.clone())))
                .collect(),
        )
    }

    /// The outcome of the request in metrics: [`CallOutcome::Ok`] if it is the outcome of any
    /// symbol, otherwise that of the first symbol.
    pub fn outcome(&self) -> CallOutcome {
        let mut outcomes = self.answers.iter().map(|(_, answer)| match answer {
            Ok(_) => CallOutcome::Ok,
            Err(error) => error.outcome(),
        });
        let first = outcomes.next().unwrap_or(CallOutcome::Ok);
        if outcomes.any(|outcome| outcome == CallOutcome::Ok) {
            CallOutcome::Ok
        } else {
            first
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcome_is_ok_if_any_symbol_is_ok() {
        let symbols: Vec<Symbol> = ["A", "B"].map(|text| text.parse().expect(text)).into();
        let mut poll = Poll::failed(&symbols, &PollError::Timeout);
        assert_eq!(poll.outcome(), CallOutcome::Timeout);
        poll.answers[1].1 = Err(PollError::NoQuote);
        assert_eq!(poll.outcome(), CallOutcome::Ok);
        poll.answers.clear();
        assert_eq!(poll.outcome(), CallOutcome::Ok);
    }
}
