//! Random numbers for jitter, and random tokens and ids.
//!
//! Jitter comes from an injected [`Random`], which a test can seed. Tokens and ids
//! come from the operating system.

use std::{fmt, sync::Arc, time::Duration};

use parking_lot::Mutex;
use rand::{
    RngExt, SeedableRng, TryRng,
    rngs::{StdRng, SysRng},
};

use crate::config::Secret;

/// Size of a token, in bytes.
const TOKEN_BYTES: usize = 24;

/// A shared random number generator for jitter. Clones draw from the same sequence.
#[derive(Clone)]
pub struct Random(Arc<Mutex<StdRng>>);

impl Random {
    /// Creates a generator seeded by the operating system.
    ///
    /// # Panics
    ///
    /// Like [`draw_token`].
    pub fn from_system() -> Self {
        let random = StdRng::try_from_rng(&mut SysRng);
        Self(Arc::new(Mutex::new(
            random.expect("the operating system provides randomness"),
        )))
    }

    /// Creates a generator with a fixed sequence, for tests.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// Returns a number in `0.0..1.0`.
    pub fn unit(&self) -> f64 {
        self.0.lock().random()
    }

    /// Returns a duration in `0..end`.
    pub fn below(&self, end: Duration) -> Duration {
        end.mul_f64(self.unit())
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}

/// Generates a bearer token of 192 bits, as 48 hexadecimal digits.
///
/// # Panics
///
/// If the operating system provides no randomness, without which a token is not safe.
pub fn draw_token() -> Secret {
    Secret::new(draw_hex::<TOKEN_BYTES>())
}

/// Generates an id of 64 bits, as 16 hexadecimal digits, that identifies a request to the client
/// and in the log.
///
/// # Panics
///
/// Like [`draw_token`].
pub fn draw_id() -> String {
    draw_hex::<8>()
}

/// Generates random bytes for a key.
///
/// # Panics
///
/// Like [`draw_token`].
pub fn draw_bytes<const BYTES: usize>() -> [u8; BYTES] {
    let mut bytes = [0_u8; BYTES];
    SysRng
        .try_fill_bytes(&mut bytes)
        .expect("the operating system provides randomness");
    bytes
}

fn draw_hex<const BYTES: usize>() -> String {
    let bytes = draw_bytes::<BYTES>();
    let nibbles = bytes.into_iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    nibbles
        .filter_map(|nibble| char::from_digit(u32::from(nibble), 16))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_sequence_below_the_end() {
        let (one, other) = (Random::seeded(7), Random::seeded(7));
        for _ in 0..100 {
            let drawn = one.below(Duration::from_secs(3));
            assert_eq!(drawn, other.below(Duration::from_secs(3)));
            assert!(drawn < Duration::from_secs(3));
        }
    }

    #[test]
    fn a_token_is_long_and_unique() {
        let (one, other) = (draw_token(), draw_token());
        assert_eq!(one.expose().len(), 48);
        assert!(one.expose().bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(one.expose(), other.expose());
    }
}
