//! Share splits, which some providers report on request.

use async_trait::async_trait;
use entity::{Split, Symbol};

use super::PollError;

/// A provider that reports share splits.
#[async_trait]
pub trait ShareSplits: Send + Sync {
    /// Requests the splits of a symbol once. They come in any order, past and announced ones, one a day at most.
    async fn splits(&self, symbol: &Symbol) -> Result<Vec<Split>, PollError>;
}
