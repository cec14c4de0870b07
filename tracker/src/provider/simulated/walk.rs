//! Geometric random walks: prices that are a function of a seed, a symbol and a step.
//!
//! The logarithm of a price is a Brownian motion over the steps. It is computed by midpoint
//! displacement: the values at both ends of an interval determine the value in its middle, up to a
//! random number of the interval's variance. So any step takes the same few operations, without the
//! steps before it, and a restart continues anywhere. Only operations that are exact everywhere
//! (IEEE 754) are used, so the prices are the same on every machine.

use entity::Decimal;

/// The walk has 2 to this power of steps: 34 years with 1,000 prices of a symbol a second.
const LEVELS: u32 = 40;
/// The standard deviation of the logarithm over one step: at 10 s a step, 4.5% on a day.
const VOLATILITY: f64 = 1.0 / 2_048.0;
/// Where the logarithm is reflected, so that prices stay within a factor of 7.4 of the first one.
const BOUND: f64 = 2.0;
/// The first price is at least this many cents.
const MIN_CENTS: u64 = 1_000;
/// The first price is less than this many cents more.
const CENTS_RANGE: u64 = 49_000;
/// Units of a [`Decimal`] in a cent.
const UNITS_PER_CENT: i64 = 1_000_000;

/// The walk of one symbol.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk(u64);

impl Walk {
    /// Creates the walk of a symbol, which has this number, for a seed.
    pub(super) fn new(seed: u64, symbol: u64) -> Self {
        Self(mix(mix(seed) ^ symbol))
    }

    /// Returns the price of a step, counted from 0: at least 1, in whole cents.
    pub(super) fn price(self, step: u64) -> Decimal {
        let first = MIN_CENTS + self.hash(u64::MAX) % CENTS_RANGE;
        let logarithm = reflected(self.position(step) * VOLATILITY);
        let cents = float(first) * exponential(logarithm);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the price is at most 7.4 times 500.00"
        )]
        let cents = cents.round() as i64;
        Decimal::from_units(cents * UNITS_PER_CENT)
    }

    /// Returns the value of the Brownian motion, whose variance is the number of steps.
    fn position(self, step: u64) -> f64 {
        let step = step % (1 << LEVELS);
        let (mut start, mut from) = (0, 0.0);
        let mut to = self.normal(0) * deviation(LEVELS);
        for level in (0..LEVELS).rev() {
            let middle = start + (1 << level);
            let between = f64::midpoint(from, to);
            // The number of a middle is different from that of all others.
            let moved = between + self.normal(middle) * deviation(level) / 2.0_f64.sqrt();
            if step < middle {
                to = moved;
            } else {
                (start, from) = (middle, moved);
            }
        }
        from
    }

    /// Returns a number of a distribution with the mean 0 and the variance 1 that is close to the
    /// normal one.
    fn normal(self, number: u64) -> f64 {
        let bits = self.hash(number);
        let parts = (0..4).map(|part| float((bits >> (16 * part)) & 0xffff));
        // Each part has the variance 65536² / 12.
        (parts.sum::<f64>() / 65_536.0 - 2.0) * 3.0_f64.sqrt()
    }

    fn hash(self, number: u64) -> u64 {
        mix(self.0 ^ mix(number))
    }
}

/// The standard deviation over 2 to the power of `level` steps.
fn deviation(level: u32) -> f64 {
    float(1 << level).sqrt()
}

/// Reflects a number at both bounds.
fn reflected(number: f64) -> f64 {
    let folded = (number + BOUND).rem_euclid(4.0 * BOUND);
    folded.min(4.0 * BOUND - folded) - BOUND
}

/// The exponential function. `f64::exp` differs between platforms.
fn exponential(exponent: f64) -> f64 {
    const SQUARINGS: u32 = 20;
    let mut result = 1.0 + exponent / float(1 << SQUARINGS);
    for _ in 0..SQUARINGS {
        result *= result;
    }
    result
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the numbers have at most 52 bits"
)]
fn float(number: u64) -> f64 {
    number as f64
}

/// Mixes the bits of a number (`SplitMix64`).
fn mix(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prices_of_a_seed_never_change() {
        let walk = Walk::new(1, 0);
        let prices = [0, 1, 2, 1_000, 86_400, 1 << 39].map(|step| walk.price(step).to_string());
        assert_eq!(
            prices,
            ["52.06", "52.05", "52.06", "51.63", "49.89", "23.21"]
        );
        assert_ne!(Walk::new(2, 0).price(0), walk.price(0));
        assert_ne!(Walk::new(1, 1).price(0), walk.price(0));
    }

    #[test]
    fn returns_have_the_volatility_of_the_walk_at_every_scale() {
        for (steps, stride) in [(20_000, 1), (5_000, 64), (2_000, 4_096)] {
            let walk = Walk::new(7, 3);
            let positions: Vec<f64> = (0..steps).map(|at| walk.position(at * stride)).collect();
            let moves = positions.windows(2).map(|pair| pair[1] - pair[0]);
            let (sum, squares) = moves.fold((0.0, 0.0), |(sum, squares), moved| {
                (sum + moved, squares + moved * moved)
            });
            let count = float(steps - 1);
            let variance = squares / count / float(stride);
            assert!((0.9..1.1).contains(&variance), "{stride}: {variance}");
            let mean = sum / count / float(stride).sqrt();
            assert!(mean.abs() < 0.1, "{stride}: {mean}");
        }
    }

    #[test]
    fn prices_stay_within_their_bounds() {
        for symbol in 0..50 {
            let walk = Walk::new(9, symbol);
            for step in (0..40).map(|power| 1_u64 << power) {
                let price = walk.price(step).units() / UNITS_PER_CENT;
                assert!(
                    (135..=370_000).contains(&price),
                    "{symbol}, {step}: {price}"
                );
            }
        }
        assert!((exponential(1.0) - std::f64::consts::E).abs() < 1e-4);
        for (number, folded) in [(0.0, 0.0), (2.5, 1.5), (-2.5, -1.5), (4.0, 0.0), (8.0, 0.0)] {
            assert!((reflected(number) - folded).abs() < 1e-9, "{number}");
        }
    }
}
