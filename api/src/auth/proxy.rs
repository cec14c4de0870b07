//! Determines the address of a client behind trusted proxies, from `X-Forwarded-For`.
//!
//! An entry of the header is used only if every hop after it is a trusted proxy, so that a client
//! cannot choose the address that limits apply to.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, Request},
    http::HeaderMap,
};
use ipnet::IpNet;
use transport::ClientAddress;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The proxies whose `X-Forwarded-For` is trusted. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    /// Trusts proxies in these networks.
    pub(crate) fn new(trusted: &[IpNet]) -> Self {
        Self(trusted.into())
    }

    /// Returns the first address that is not a trusted proxy, starting at the peer; if all are, the
    /// last one.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        let hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        let mut client = peer.to_canonical();
        for hop in hops {
            if !self.trusts(client) {
                break;
            }
            // A malformed entry ends the chain.
            let Some(next) = parse(hop) else {
                break;
            };
            client = next.to_canonical();
        }
        client
    }

    /// Stores the [`ClientAddress`] in the extensions of a request, if the peer is known.
    pub(crate) fn identify(&self, mut request: Request) -> Request {
        if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>() {
            let client = self.client(peer.ip(), request.headers());
            request.extensions_mut().insert(ClientAddress::from(client));
        }
        request
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Parses an address with or without a port.
fn parse(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse::<IpAddr>();
    let with_port = || Ok(text.parse::<SocketAddr>()?.ip());
    address
        .or_else(|_| with_port())
        .map_err(|_: std::net::AddrParseError| ())
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &[&str], peer: &str, lines: &[&str]) -> String {
        let trusted: Vec<IpNet> = trusted
            .iter()
            .map(|it| it.parse().expect("a network"))
            .collect();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().expect("a header"));
        }
        let peer = peer.parse().expect("an address");
        TrustedProxies::new(&trusted)
            .client(peer, &headers)
            .to_string()
    }

    #[test]
    fn the_header_of_an_untrusted_peer_is_ignored() {
        assert_eq!(client(&[], "192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        let trusted = ["10.0.0.0/8"];
        assert_eq!(client(&trusted, "192.0.2.1", &["10.0.0.1"]), "192.0.2.1");
        assert_eq!(client(&trusted, "10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn the_first_hop_that_is_not_trusted_is_the_client() {
        let trusted = ["10.0.0.0/8", "2001:db8::/32"];
        let from = |lines: &[&str]| client(&trusted, "::ffff:10.0.0.1", lines);
        assert_eq!(from(&["198.51.100.7"]), "198.51.100.7");
        // Proxies append to what the client sent.
        assert_eq!(
            from(&["203.0.113.9, 198.51.100.7, 10.9.9.9"]),
            "198.51.100.7"
        );
        assert_eq!(
            from(&["203.0.113.9", "198.51.100.7,2001:db8::5"]),
            "198.51.100.7"
        );
        assert_eq!(from(&["10.2.2.2,10.3.3.3"]), "10.2.2.2");
        assert_eq!(from(&["[2001:dead::1]:443"]), "2001:dead::1");
        assert_eq!(from(&["[2001:dead::1]"]), "2001:dead::1");
        assert_eq!(from(&["198.51.100.7:5000"]), "198.51.100.7");
    }

    #[test]
    fn a_malformed_entry_ends_the_chain() {
        let trusted = ["10.0.0.0/8"];
        assert_eq!(
            client(&trusted, "10.0.0.1", &["198.51.100.7, unknown"]),
            "10.0.0.1"
        );
        assert_eq!(client(&trusted, "10.0.0.1", &["x, 10.0.0.9"]), "10.0.0.9");
        assert_eq!(client(&trusted, "10.0.0.1", &[""]), "10.0.0.1");
    }
}
