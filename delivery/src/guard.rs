//! The guard against requests to addresses that are not globally reachable.

use std::{future::Future, io, net::IpAddr, pin::Pin};

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
    fn lookup(&self, _name: String) -> Lookup {
        unimplemented!()
    }
}

/// Returns whether an address is globally reachable.
pub fn is_globally_reachable(_address: IpAddr) -> bool {
    unimplemented!()
}
