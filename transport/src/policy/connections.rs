//! How many long-lived clients there are, from one address and in all.
//!
//! Invariant: what was counted in is counted out, since a [`Seat`] does so when it is dropped.
//! Called when a WebSocket or an event stream begins.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use axum::extract::ConnectInfo;
use http::Extensions;

use crate::{fault::Fault, policy::limits::Limits};

/// Whom a connection belongs to, put into a request's extensions by whoever knows better than the
/// socket (a trusted proxy's header); without it, axum's `ConnectInfo<SocketAddr>` counts.
///
/// An IPv6 address stands for its network of 64 bits, in which one client can take any.
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
    /// The address of a request; all whose address is unknown are one client.
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

/// The counts; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Census(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    by_address: HashMap<ClientAddress, usize>,
    total: usize,
}

impl Census {
    /// Counts a client in, if there is room.
    ///
    /// # Errors
    ///
    /// There are too many, in all (503) or from that address (429).
    pub fn admit(&self, address: ClientAddress, limits: &Limits) -> Result<Seat, Fault> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.total >= limits.clients {
            return Err(Fault::unavailable("too many clients are connected", 5));
        }
        let from_there = counts.by_address.entry(address).or_default();
        if *from_there >= limits.clients_per_address {
            return Err(Fault::rate_limited(
                "too many clients are connected from this address",
                5,
            ));
        }
        *from_there += 1;
        counts.total += 1;
        Ok(Seat {
            census: self.clone(),
            address,
        })
    }
}

/// One counted client.
#[derive(Debug)]
pub struct Seat {
    census: Census,
    address: ClientAddress,
}

impl Seat {
    /// Whose it is.
    pub(crate) fn address(&self) -> ClientAddress {
        self.address
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.census.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.total -= 1;
        if let Some(from_there) = counts.by_address.get_mut(&self.address) {
            *from_there -= 1;
            if *from_there == 0 {
                counts.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_an_address_of_four_bytes_or_a_network_of_eight() {
        let of = |text: &str| ClientAddress::from(text.parse::<IpAddr>().expect("an address"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
