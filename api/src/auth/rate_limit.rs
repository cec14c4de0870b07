//! The rate limit: requests a minute per client address.
//!
//! It applies to every HTTP request but health checks, and to every operation on a WebSocket.
//! Memory is bounded: the state of the least recently seen client is dropped, so its count starts
//! again at 0.

use std::{
    fmt,
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use governor::{Quota, RateLimiter, clock::Clock, nanos::Nanos, state::StateStore};
use lru::LruCache;
use parking_lot::Mutex;
use tokio::time::Instant;
use transport::{ClientAddress, RequestError};

use crate::problem::Problem;

/// Maximum number of clients in memory, at about 100 bytes each.
const MAX_CLIENTS: NonZeroUsize = NonZeroUsize::new(1 << 16).expect("not 0");

/// The rate limit. Cheap to clone.
#[derive(Clone)]
pub(crate) struct RateLimit(Option<Arc<Limiter>>);

type Limiter = RateLimiter<ClientAddress, ClientStates, Monotonic>;

impl RateLimit {
    /// Allows this many requests a minute, also in one burst; `None` disables the limit.
    pub(crate) fn new(a_minute: Option<NonZeroU32>) -> Self {
        let limiter = |a_minute| {
            let quota = Quota::per_minute(a_minute);
            Arc::new(RateLimiter::new(quota, ClientStates::default(), Monotonic))
        };
        Self(a_minute.map(limiter))
    }

    /// Counts a request.
    ///
    /// # Errors
    ///
    /// 429 with `Retry-After` if the client has exceeded the limit. A rejected request does not
    /// count.
    pub(crate) fn admit(&self, client: ClientAddress) -> Result<(), RequestError> {
        let Some(limiter) = &self.0 else {
            return Ok(());
        };
        limiter.check_key(&client).map_err(|until| {
            let wait = until.wait_time_from(limiter.clock().now());
            // Rounded up, so that a client that waits is admitted.
            let seconds = u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
            RequestError::rate_limited("too many requests from this address", seconds.max(1))
        })
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.0.is_some() { "on" } else { "off" };
        write!(f, "RateLimit({state})")
    }
}

/// Middleware: rejects requests above the rate limit, except for these paths.
pub(crate) async fn limit(
    State((rate, unlimited)): State<(RateLimit, &'static [&'static str; 3])>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if !unlimited.contains(&request.uri().path()) {
        rate.admit(ClientAddress::of(request.extensions()))?;
    }
    Ok(next.run(request).await)
}

/// Tokio's clock, which tests can pause.
struct Monotonic;

impl Clock for Monotonic {
    type Instant = std::time::Instant;

    fn now(&self) -> Self::Instant {
        Instant::now().into_std()
    }
}

/// The state of each client, in LRU order.
struct ClientStates(Mutex<LruCache<ClientAddress, Nanos>>);

impl Default for ClientStates {
    fn default() -> Self {
        // Not `LruCache::new`, which allocates its full capacity.
        let mut clients = LruCache::unbounded();
        clients.resize(MAX_CLIENTS);
        Self(Mutex::new(clients))
    }
}

impl StateStore for ClientStates {
    type Key = ClientAddress;

    fn measure_and_replace<T, F, E>(&self, client: &ClientAddress, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut clients = self.0.lock();
        let (decision, used) = decide(clients.get(client).copied())?;
        clients.put(*client, used);
        Ok(decision)
    }
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, time::Duration};

    use tokio::time::advance;

    use super::*;

    fn limited(a_minute: u32) -> RateLimit {
        RateLimit::new(NonZeroU32::new(a_minute))
    }

    fn client(text: &str) -> ClientAddress {
        text.parse::<IpAddr>().expect("an address").into()
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_above_the_limit_gets_a_retry_delay() {
        let rate = limited(3);
        let one = client("192.0.2.1");
        for _ in 0..3 {
            assert_eq!(rate.admit(one), Ok(()));
        }
        let fault = rate.admit(one).expect_err("above the limit");
        assert_eq!((fault.status.as_u16(), fault.code), (429, "RATE_LIMITED"));
        assert_eq!(fault.retry_after, Some(20));
        assert_eq!(
            rate.admit(client("192.0.2.2")),
            Ok(()),
            "other clients are not affected"
        );
        // Rejected requests do not count.
        advance(Duration::from_secs(19)).await;
        assert_eq!(rate.admit(one).expect_err("not yet").retry_after, Some(1));
        advance(Duration::from_secs(1)).await;
        assert_eq!(rate.admit(one), Ok(()));
        assert!(rate.admit(one).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_whatever_the_number_of_clients() {
        let rate = limited(1);
        let first = client("2001:db8::1");
        assert_eq!(rate.admit(first), Ok(()));
        assert!(rate.admit(first).is_err());
        for network in 0..=u64::try_from(MAX_CLIENTS.get()).expect("fits") {
            let address = std::net::Ipv6Addr::from_bits(u128::from(network + (1 << 40)) << 64);
            assert_eq!(rate.admit(IpAddr::from(address).into()), Ok(()));
        }
        assert_eq!(rate.admit(first), Ok(()), "it was forgotten");
    }

    #[test]
    fn without_a_setting_there_is_no_limit() {
        let rate = RateLimit::new(None);
        assert!((0..100_000).all(|_| rate.admit(client("192.0.2.1")).is_ok()));
    }
}
