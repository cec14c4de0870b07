//! Who a client is behind the proxies in front of us.
//!
//! One invariant: a header is believed only as far as every hop that passed it on is trusted, so that nobody chooses the
//! address that is counted for him. Applied to every request of the API listener.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::HeaderMap,
    middleware::Next,
    response::Response,
};
use ipnet::IpNet;
use transport::ClientAddress;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The proxies whose word counts; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    /// Trusts these.
    pub(crate) fn new(trusted: &[IpNet]) -> Self {
        Self(trusted.into())
    }

    /// The first address, from ours outwards, that is none of a trusted proxy; if all are, the outermost.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        let hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        let mut client = peer.to_canonical();
        for hop in hops {
            if !self.trusts(client) {
                break;
            }
            // What is no address was not written by a proxy that we understand: its own counts.
            let Some(next) = read(hop) else {
                break;
            };
            client = next.to_canonical();
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Middleware: notes whose request it is.
pub(crate) async fn identify(
    State(proxies): State<TrustedProxies>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let client = proxies.client(peer.ip(), request.headers());
    request.extensions_mut().insert(ClientAddress::from(client));
    next.run(request).await
}

/// An address, with a port or without.
fn read(hop: &[u8]) -> Option<IpAddr> {
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
    fn a_stranger_does_not_say_who_he_is() {
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
        // What the client wrote itself stands before what the proxies added.
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
    fn what_is_no_address_ends_the_way() {
        let trusted = ["10.0.0.0/8"];
        assert_eq!(
            client(&trusted, "10.0.0.1", &["198.51.100.7, unknown"]),
            "10.0.0.1"
        );
        assert_eq!(client(&trusted, "10.0.0.1", &["x, 10.0.0.9"]), "10.0.0.9");
        assert_eq!(client(&trusted, "10.0.0.1", &[""]), "10.0.0.1");
    }
}
