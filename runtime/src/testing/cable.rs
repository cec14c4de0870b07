//! The cable between a test and a server, to be pulled.
//!
//! One invariant: what was plugged in works as without it; once pulled, nothing passes and nobody is let in, until it
//! is mended at the same address. Tests of outages put it before a database.

use std::net::SocketAddr;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

/// Forwards connections from a port of its own to a server.
#[derive(Debug)]
pub struct Cable {
    here: SocketAddr,
    there: SocketAddr,
    plugged: Option<CancellationToken>,
}

impl Cable {
    /// Plugs a cable in before `there`.
    pub async fn to(there: SocketAddr) -> Self {
        let mut cable = Self {
            here: SocketAddr::from(([127, 0, 0, 1], 0)),
            there,
            plugged: None,
        };
        cable.mend().await;
        cable
    }

    /// Plugs a cable in before the server of a `postgres://` URL; answers it with the URL that goes through it.
    pub async fn to_database(url: &str) -> (Self, String) {
        let mut through: url::Url = url.parse().expect("a URL");
        let there = through.socket_addrs(|| Some(5432)).expect("an address");
        let cable = Self::to(there[0]).await;
        through.set_port(Some(cable.here.port())).expect("a port");
        (cable, through.into())
    }

    /// Where to connect to.
    pub fn address(&self) -> SocketAddr {
        self.here
    }

    /// Pulls the cable: open connections are reset, new ones are refused.
    pub async fn pull(&mut self) {
        if let Some(plugged) = self.plugged.take() {
            plugged.cancel();
        }
        while TcpStream::connect(self.here).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }

    /// Plugs it in again.
    pub async fn mend(&mut self) {
        let listener = TcpListener::bind(self.here).await.expect("a port");
        self.here = listener.local_addr().expect("an address");
        let plugged = CancellationToken::new();
        forward(listener, self.there, plugged.clone());
        self.plugged = Some(plugged);
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        if let Some(plugged) = self.plugged.take() {
            plugged.cancel();
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "it ends with the test, nothing waits for it"
)]
fn forward(listener: TcpListener, there: SocketAddr, plugged: CancellationToken) {
    tokio::spawn(async move {
        while let Some(Ok((mut near, _))) = plugged.run_until_cancelled(listener.accept()).await {
            let plugged = plugged.clone();
            tokio::spawn(async move {
                let Ok(mut far) = TcpStream::connect(there).await else {
                    return;
                };
                let copying = copy_bidirectional(&mut near, &mut far);
                let _ = plugged.run_until_cancelled(copying).await;
            });
        }
    });
}
