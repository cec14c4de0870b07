//! The connection limit: how many WebSockets and event streams are open, in total and per client
//! address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use axum::extract::ConnectInfo;
use http::Extensions;
use parking_lot::Mutex;

use crate::{error::RequestError, policy::limits::Limits};

/// Seconds until a rejected client should retry.
const RETRY_AFTER: u32 = 5;

/// The client address that limits apply to. An IPv6 address stands for its /64 network.
///
/// Middleware that trusts a proxy's header adds it to the request's extensions. Otherwise it is the
/// peer address of axum's `ConnectInfo<SocketAddr>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(IpAddr);

impl From<IpAddr> for ClientAddress {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() >> 64 << 64;
                Ipv6Addr::from_bits(network).into()
            }
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

impl ClientAddress {
    /// Returns the address of a request. Requests of unknown address count as one client.
    pub fn of(extensions: &Extensions) -> Self {
        if let Some(known) = extensions.get::<Self>() {
            return *known;
        }
        match extensions.get::<ConnectInfo<SocketAddr>>() {
            Some(ConnectInfo(peer)) => peer.ip().into(),
            None => IpAddr::from(Ipv4Addr::UNSPECIFIED).into(),
        }
    }
}

/// Limits the number of connections. Clones share their counts.
#[derive(Debug, Clone, Default)]
pub struct ConnectionLimiter(Arc<Mutex<ConnectionCounts>>);

#[derive(Debug, Default)]
struct ConnectionCounts {
    by_address: HashMap<ClientAddress, usize>,
    total: usize,
}

impl ConnectionLimiter {
    /// Counts a connection until the permit is dropped.
    ///
    /// # Errors
    ///
    /// The limit is reached, in total (503) or for the address (429).
    pub fn acquire(
        &self,
        address: ClientAddress,
        limits: &Limits,
    ) -> Result<ConnectionPermit, RequestError> {
        let mut counts = self.0.lock();
        if counts.total >= limits.connections {
            let message = "the server has reached its limit of connections";
            return Err(RequestError::unavailable(message, RETRY_AFTER));
        }
        let of_address = counts.by_address.entry(address).or_default();
        if *of_address >= limits.connections_per_address {
            let message = "this address has reached its limit of connections";
            return Err(RequestError::rate_limited(message, RETRY_AFTER));
        }
        *of_address += 1;
        counts.total += 1;
        Ok(ConnectionPermit {
            limiter: self.clone(),
            address,
        })
    }
}

/// One counted connection.
#[derive(Debug)]
pub struct ConnectionPermit {
    limiter: ConnectionLimiter,
    address: ClientAddress,
}

impl ConnectionPermit {
    /// The address that the connection counts for.
    pub(crate) fn address(&self) -> ClientAddress {
        self.address
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut counts = self.limiter.0.lock();
        counts.total -= 1;
        if let Some(of_address) = counts.by_address.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                counts.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_an_ipv4_address_or_an_ipv6_network() {
        let of = |text: &str| ClientAddress::from(text.parse::<IpAddr>().expect("an address"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
