//! The guard against requests to addresses that are not globally reachable.
//!
//! It resolves the name of a receiver and passes on the addresses it checked, so that the client
//! connects to a checked address even if the answer of DNS changes between two look-ups. A client
//! does not resolve a literal address; the sender checks it with [`Guard::check_literal`].

use std::{
    error::Error,
    fmt,
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// The addresses of a name.
pub type Lookup = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// A source of the addresses of names.
pub trait Resolver: Send + Sync {
    /// Looks up the addresses of `name`.
    fn lookup(&self, name: String) -> Lookup;
}

/// The resolver of the operating system.
#[derive(Clone, Copy, Debug)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn lookup(&self, name: String) -> Lookup {
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((name, 0)).await?;
            Ok(addresses.map(|address| address.ip()).collect())
        })
    }
}

/// The address of a receiver is not globally reachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the address is not globally reachable; only WEBHOOK_ALLOW_PRIVATE=true allows it")]
pub(crate) struct NotGloballyReachable;

/// The name of a receiver has no address.
#[derive(Debug, thiserror::Error)]
#[error("the name of the host cannot be resolved")]
pub(crate) struct LookupFailed;

/// Resolves names and refuses those with an address that is not allowed.
#[derive(Clone)]
pub(crate) struct Guard {
    resolver: Arc<dyn Resolver>,
    allow_private: bool,
}

impl Guard {
    /// Creates a guard, which refuses nothing with `allow_private`.
    pub(crate) fn new(resolver: Arc<dyn Resolver>, allow_private: bool) -> Self {
        Self {
            resolver,
            allow_private,
        }
    }

    /// Checks the host of a URL if it is an address.
    pub(crate) fn check_literal(&self, url: &Url) -> Result<(), NotGloballyReachable> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        self.check(&[address])
    }

    fn check(&self, addresses: &[IpAddr]) -> Result<(), NotGloballyReachable> {
        let is_allowed = |address: &IpAddr| self.allow_private || is_globally_reachable(*address);
        if addresses.iter().all(is_allowed) {
            Ok(())
        } else {
            Err(NotGloballyReachable)
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let looked_up = guard.resolver.lookup(name.as_str().to_owned()).await;
            let addresses = looked_up.unwrap_or_default();
            if addresses.is_empty() {
                return Err(Box::new(LookupFailed) as Box<dyn Error + Send + Sync>);
            }
            guard.check(&addresses)?;
            // The client replaces the port.
            let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("allow_private", &self.allow_private)
            .finish_non_exhaustive()
    }
}

/// Returns whether an address is globally reachable according to the special-purpose registries of
/// IANA. Addresses that embed an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo) are not.
pub fn is_globally_reachable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_global_v4(address),
        IpAddr::V6(address) => is_global_v6(address),
    }
}

fn is_global_v4(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        // This network, private, loopback; multicast, reserved, broadcast.
        [0 | 10 | 127 | 224..=255, ..]
        // Shared between a provider and its customers.
        | [100, 64..=127, ..]
        // Link-local, where clouds serve credentials.
        | [169, 254, ..]
        // Private.
        | [172, 16..=31, ..]
        | [192, 168, ..]
        // Protocol assignments, documentation, and the relays of 6to4.
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        // Benchmarking.
        | [198, 18 | 19, ..]
        // Documentation.
        | [198, 51, 100, _]
        | [203, 0, 113, _]
    )
}

/// Only `2000::/3` is allocated for global unicast, so the special blocks outside of it need no
/// line.
fn is_global_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // Protocol assignments, among them Teredo and benchmarking; documentation; 6to4.
        [0x2001, 0..=0x1ff | 0x0db8, ..] | [0x2002, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests;
