//! The answer to one poll.
//!
//! One invariant: every symbol that was asked for is answered once, in the order asked. Providers make it, the loop
//! takes it apart and ingest stores it.

use entity::Symbol;

use crate::{provider::PollError, quote::Quote};

/// What a provider said to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poll {
    /// A result per symbol, in the order asked.
    pub answers: Vec<(Symbol, Result<Quote, PollError>)>,
    /// Where a restart goes on ([`crate::provider::QuoteProvider::resume`]): to be stored in the transaction that
    /// stores the quotes. `None` if nothing is to be remembered.
    pub position: Option<String>,
    /// The position that was stored when the poll began. If another one is stored when the quotes are, another tracker
    /// has replayed on, and the poll is dropped.
    pub follows: Option<String>,
}

impl Poll {
    /// The whole request failed, for every symbol alike.
    pub fn failed(symbols: &[Symbol], error: &PollError) -> Self {
        Self {
            answers: symbols
                .iter()
                .map(|symbol| (symbol.clone(), Err(error.clone())))
                .collect(),
            position: None,
            follows: None,
        }
    }

    /// The request's one label for the metrics: `ok` if any symbol was answered well, else the first failure's.
    pub fn outcome(&self) -> &'static str {
        let mut failures = self.answers.iter().map(|(_, answer)| match answer {
            Ok(_) => "ok",
            Err(error) => error.outcome(),
        });
        let Some(first) = failures.next() else {
            return "ok";
        };
        if failures.any(|outcome| outcome == "ok") {
            "ok"
        } else {
            first
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_went_well_if_any_symbol_did() {
        let symbols: Vec<Symbol> = ["A", "B"].map(|text| text.parse().expect(text)).into();
        let mut poll = Poll::failed(&symbols, &PollError::Timeout);
        assert_eq!(poll.outcome(), "timeout");
        poll.answers[1].1 = Err(PollError::NoQuote);
        assert_eq!(poll.outcome(), "ok");
        poll.answers.clear();
        assert_eq!(poll.outcome(), "ok");
    }
}
