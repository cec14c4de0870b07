//! How much one client may ask.
//!
//! One invariant: memory is bounded whoever comes: of too many clients the one that was silent longest is forgotten, to
//! its favour. Asked for every request and every operation on a socket; what only tells how the product does is free.

use std::{
    fmt,
    num::{NonZeroU32, NonZeroUsize},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use governor::{Quota, RateLimiter, clock::Clock, nanos::Nanos, state::StateStore};
use lru::LruCache;
use tokio::time::Instant;
use transport::{ClientAddress, Fault};

use crate::problem::Problem;

/// How many clients are remembered, at about 100 bytes each.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(1 << 16).expect("it is not 0");

/// The limit; cheap to clone.
#[derive(Clone)]
pub(crate) struct RateLimit(Option<Arc<Limiter>>);

type Limiter = RateLimiter<ClientAddress, ClientStates, Monotonic>;

impl RateLimit {
    /// So many requests a minute, which may come at once; none means that nobody counts.
    pub(crate) fn new(a_minute: Option<NonZeroU32>) -> Self {
        let limiter = |a_minute| {
            let quota = Quota::per_minute(a_minute);
            Arc::new(RateLimiter::new(quota, ClientStates::default(), Monotonic))
        };
        Self(a_minute.map(limiter))
    }

    /// Counts a request, or says when there is room for it.
    pub(crate) fn admit(&self, client: ClientAddress) -> Result<(), Fault> {
        let Some(limiter) = &self.0 else {
            return Ok(());
        };
        limiter.check_key(&client).map_err(|until| {
            let wait = until.wait_time_from(limiter.clock().now());
            // Whole seconds, rounded up, so that whoever obeys is let in.
            let seconds = u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
            Fault::rate_limited("too many requests from this address", seconds.max(1))
        })
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.0.is_some() { "on" } else { "off" };
        write!(f, "RateLimit({state})")
    }
}

/// Middleware: refuses requests above the rate limit, except for these paths.
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

/// The runtime's clock, which tests can stop.
struct Monotonic;

impl Clock for Monotonic {
    type Instant = std::time::Instant;

    fn now(&self) -> Self::Instant {
        Instant::now().into_std()
    }
}

/// What each client has used.
struct ClientStates(Mutex<LruCache<ClientAddress, Nanos>>);

impl Default for ClientStates {
    fn default() -> Self {
        // Room is made as clients come.
        let mut clients = LruCache::unbounded();
        clients.resize(REMEMBERED);
        Self(Mutex::new(clients))
    }
}

impl StateStore for ClientStates {
    type Key = ClientAddress;

    fn measure_and_replace<T, F, E>(&self, client: &ClientAddress, judge: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (judged, used) = judge(clients.get(client).copied())?;
        clients.put(*client, used);
        Ok(judged)
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
    async fn who_asked_too_much_is_told_when_to_come_back() {
        let rate = limited(3);
        let one = client("192.0.2.1");
        for _ in 0..3 {
            assert_eq!(rate.admit(one), Ok(()));
        }
        let fault = rate.admit(one).expect_err("it is too much");
        assert_eq!((fault.status.as_u16(), fault.code), (429, "RATE_LIMITED"));
        assert_eq!(fault.retry_after, Some(20));
        assert_eq!(
            rate.admit(client("192.0.2.2")),
            Ok(()),
            "others are not meant"
        );
        // To be refused costs nothing.
        advance(Duration::from_secs(19)).await;
        assert_eq!(rate.admit(one).expect_err("not yet").retry_after, Some(1));
        advance(Duration::from_secs(1)).await;
        assert_eq!(rate.admit(one), Ok(()));
        assert!(rate.admit(one).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_comes_memory_is_bounded() {
        let rate = limited(1);
        let first = client("2001:db8::1");
        assert_eq!(rate.admit(first), Ok(()));
        assert!(rate.admit(first).is_err());
        for network in 0..=u64::try_from(REMEMBERED.get()).expect("it fits") {
            let address = std::net::Ipv6Addr::from_bits(u128::from(network + (1 << 40)) << 64);
            assert_eq!(rate.admit(IpAddr::from(address).into()), Ok(()));
        }
        assert_eq!(rate.admit(first), Ok(()), "it was forgotten");
    }

    #[test]
    fn nobody_counts_unless_told_to() {
        let rate = RateLimit::new(None);
        assert!((0..100_000).all(|_| rate.admit(client("192.0.2.1")).is_ok()));
    }
}
