//! The interface to providers that return share splits besides quotes.

use async_trait::async_trait;
use entity::{Split, Symbol};

use super::PollError;

/// A provider that returns share splits.
#[async_trait]
pub trait ShareSplits: Send + Sync {
    /// Sends one request for the past and announced splits of a symbol. They come in any order, at
    /// most one per day.
    async fn splits(&self, symbol: &Symbol) -> Result<Vec<Split>, PollError>;
}
