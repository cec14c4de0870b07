//! How many rows the board holds.

use entity::{Alert, Price};

/// Approximate size of the texts of a row, in bytes.
const TEXT_SIZE: usize = 64;

/// The maximum numbers and the maximum size of the rows in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Capacity {
    /// Size of all rows, in bytes.
    pub(super) size: usize,
    /// Number of prices per stock.
    pub(super) prices: u32,
    /// Number of alerts per stock.
    pub(super) alerts: u32,
    /// Number of the newest alerts of all stocks.
    pub(super) all_alerts: u32,
}

impl Capacity {
    /// Returns the capacity within a size in bytes. An eighth of it is for the newest alerts of all
    /// stocks.
    pub(super) fn within(size: usize) -> Self {
        let all_alerts = size / 8 / (size_of::<Alert>() + TEXT_SIZE);
        Self {
            size,
            // The default page of REST, and the price that follows it.
            prices: 101,
            // The default page of GraphQL, and the alert that follows it.
            alerts: 51,
            // The largest page of GraphQL, and the alert that follows it.
            all_alerts: u32::try_from(all_alerts).map_or(501, |fitting| fitting.min(501)),
        }
    }

    /// The size to reduce the rows to if they exceed the maximum, so that the next ones fit.
    pub(super) fn reduced_size(self) -> usize {
        self.size - self.size / 8
    }

    /// The number of stocks whose rows fit.
    pub(super) fn stocks(self) -> usize {
        let prices = self.prices as usize * (size_of::<Price>() + TEXT_SIZE);
        let alerts = self.alerts as usize * (size_of::<Alert>() + TEXT_SIZE);
        self.reduced_size() / (prices + alerts)
    }
}
