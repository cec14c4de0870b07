//! Percentiles of measured times.

use std::time::Duration;

/// Measured times.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies(Vec<u32>);

impl Latencies {
    pub(crate) fn push(&mut self, time: Duration) {
        self.push_micros(u32::try_from(time.as_micros()).unwrap_or(u32::MAX));
    }

    pub(crate) fn push_micros(&mut self, micros: u32) {
        self.0.push(micros);
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// The number of times.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.0.len()).expect("fewer than 2^32 times")
    }

    /// The times that 50, 95 and 99 percent do not exceed, in milliseconds.
    ///
    /// # Panics
    ///
    /// If nothing was measured.
    pub(crate) fn percentiles(mut self) -> [f64; 3] {
        assert!(!self.0.is_empty(), "nothing was measured");
        self.0.sort_unstable();
        [50, 95, 99].map(|percent| {
            let at = (self.0.len() * percent).div_ceil(100);
            f64::from(self.0[at.saturating_sub(1)]) / 1e3
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::number;

    #[test]
    fn percentiles_are_measured_times() {
        let mut latencies = Latencies::default();
        for micros in (1..=200).rev() {
            latencies.push_micros(micros * 1_000);
        }
        assert_eq!(latencies.percentiles().map(number), ["100", "190", "198"]);
        let mut one = Latencies::default();
        one.push(Duration::from_micros(1_500));
        assert_eq!(one.percentiles().map(number), ["1.50"; 3]);
    }
}
