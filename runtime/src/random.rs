//! Randomness, injected.
//!
//! One invariant: jitter comes from a [`Random`] that was handed over, so that a test can seed it; tokens come from
//! the operating system only. The lifecycle, the tracker's backoff and `api`'s `main` call this.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rand::{
    RngExt, SeedableRng, TryRng,
    rngs::{StdRng, SysRng},
};

use crate::config::Secret;

/// Bytes of a drawn token: 192 bits.
const TOKEN_BYTES: usize = 24;

/// A shared source of random numbers for jitter. Clones draw from the same sequence.
#[derive(Clone)]
pub struct Random(Arc<Mutex<StdRng>>);

impl Random {
    /// Seeded by the operating system.
    ///
    /// # Panics
    ///
    /// As [`draw_token`].
    pub fn from_system() -> Self {
        let random = StdRng::try_from_rng(&mut SysRng);
        Self(Arc::new(Mutex::new(
            random.expect("the operating system gives randomness"),
        )))
    }

    /// The same sequence at each run, for tests.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// A number from 0 up to, not including, 1.
    pub fn unit(&self) -> f64 {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .random()
    }

    /// A duration from nothing up to, not including, `end`.
    pub fn below(&self, end: Duration) -> Duration {
        end.mul_f64(self.unit())
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}

/// Draws a bearer token of 192 bits, 48 hexadecimal digits.
///
/// # Panics
///
/// If the operating system gives no randomness; without it there is no safe token.
pub fn draw_token() -> Secret {
    Secret::new(draw_hex::<TOKEN_BYTES>())
}

/// Draws an id of 64 bits, 16 hexadecimal digits, by which a client and the log speak of the same request.
///
/// # Panics
///
/// As [`draw_token`].
pub fn draw_id() -> String {
    draw_hex::<8>()
}

fn draw_hex<const BYTES: usize>() -> String {
    let mut bytes = [0_u8; BYTES];
    SysRng
        .try_fill_bytes(&mut bytes)
        .expect("the operating system gives randomness");
    let nibbles = bytes.into_iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    nibbles
        .filter_map(|nibble| char::from_digit(u32::from(nibble), 16))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_sequence_and_stays_below_the_end() {
        let (one, other) = (Random::seeded(7), Random::seeded(7));
        for _ in 0..100 {
            let drawn = one.below(Duration::from_secs(3));
            assert_eq!(drawn, other.below(Duration::from_secs(3)));
            assert!(drawn < Duration::from_secs(3));
        }
    }

    #[test]
    fn a_drawn_token_is_long_and_never_the_same() {
        let (one, other) = (draw_token(), draw_token());
        assert_eq!(one.expose().len(), 48);
        assert!(one.expose().bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(one.expose(), other.expose());
    }
}
