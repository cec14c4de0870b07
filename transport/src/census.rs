//! How many long-lived clients there are, from one address and in all.
//!
//! Invariant: what was counted in is counted out, since a [`Seat`] does so when it is dropped.
//! Called when a WebSocket or an event stream begins.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use axum::extract::ConnectInfo;
use http::Extensions;

use crate::{fault::Fault, limit::Limits};

/// Whom a connection belongs to, put into a request's extensions by whoever knows better than the
/// socket (a trusted proxy's header); without it, axum's `ConnectInfo<SocketAddr>` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The address of a request; all whose address is unknown are one client.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        if let Some(known) = extensions.get::<Self>() {
            return *known;
        }
        match extensions.get::<ConnectInfo<SocketAddr>>() {
            Some(ConnectInfo(peer)) => Self(peer.ip().to_canonical()),
            None => Self(Ipv4Addr::UNSPECIFIED.into()),
        }
    }
}

/// The counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Census(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    by_address: HashMap<ClientAddress, usize>,
    total: usize,
}

impl Census {
    /// Counts a client in, if there is room.
    pub(crate) fn admit(&self, address: ClientAddress, limits: &Limits) -> Result<Seat, Fault> {
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
pub(crate) struct Seat {
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
