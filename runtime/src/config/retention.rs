//! How long what is kept.

use std::time::Duration;

use super::{reader::Reader, value};

/// How long what is kept, counted from when it was recorded; more than nothing.
#[derive(Clone, Copy, Debug)]
pub struct RetentionSettings {
    /// Prices.
    pub ticks: Duration,
    /// The feed's rows.
    pub feed: Duration,
}

impl RetentionSettings {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            ticks: reader.value("RETENTION_TICKS", value::positive_duration),
            feed: reader.value("RETENTION_FEED", value::positive_duration),
        }
    }
}
