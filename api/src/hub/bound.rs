//! How much of the past is kept for those who follow.
//!
//! One invariant: everything that may pile up behind a slow reader is bounded here. The hub, the service and the plain
//! WebSocket ask.

/// How far anybody may be behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Events that the hub keeps for those who come back.
    pub(crate) kept: usize,
    /// Events that a reader from whom nothing is kept may be behind.
    pub(crate) behind: usize,
    /// Bytes that they may come to, by the size of the largest that such a reader was told.
    pub(crate) bytes: usize,
    /// Rows that are read at once for somebody from further away than is kept.
    pub(crate) page: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            kept: 4096,
            behind: 1000,
            bytes: 4 << 20,
            page: 500,
        }
    }
}
