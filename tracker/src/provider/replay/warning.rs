//! Collects and logs the warnings about a replayed file.

use std::path::Path;

use super::row::RowWarning;

/// Maximum number of warnings that are logged for a file. The file of an index has thousands of
/// rows without an open.
const MAX_LOGGED: usize = 10;

/// The warnings about a file.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    /// The first warnings with their lines.
    first: Vec<(usize, RowWarning)>,
    /// The number of the other warnings.
    more: usize,
}

impl Warnings {
    /// Adds a warning about a line, counted from 1.
    pub(super) fn push(&mut self, line: usize, warning: RowWarning) {
        if self.first.len() < MAX_LOGGED {
            self.first.push((line, warning));
        } else {
            self.more += 1;
        }
    }

    /// Logs the first warnings and the number of the others.
    pub(super) fn log(&self, file: &Path) {
        let file = file.display();
        for (line, warning) in &self.first {
            tracing::warn!("{file}, line {line}: {warning}");
        }
        if self.more > 0 {
            tracing::warn!("{file}: {} more warnings", self.more);
        }
    }
}
