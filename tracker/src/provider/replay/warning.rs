//! What is odd about a replayed file and does not stop the start.

use std::path::Path;

use super::row::RowWarning;

/// How many warnings of a file are logged. An index has thousands of rows without an open.
const LOGGED: usize = 10;

/// The warnings of a file.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    /// The first of them, each with its line.
    first: Vec<(usize, RowWarning)>,
    /// How many there are besides.
    more: usize,
}

impl Warnings {
    /// Adds a warning about a line, counted from 1.
    pub(super) fn push(&mut self, line: usize, warning: RowWarning) {
        if self.first.len() < LOGGED {
            self.first.push((line, warning));
        } else {
            self.more += 1;
        }
    }

    /// Logs the first warnings one by one and the number of the others.
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
