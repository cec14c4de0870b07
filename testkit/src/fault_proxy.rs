//! A TCP proxy that injects network faults between a test and a server.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::sleep,
};
use tokio_util::sync::CancellationToken;

/// Forwards connections from a local port to a server, until it is [cut](Self::cut).
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    server: SocketAddr,
    /// Cancelled when the proxy is cut; `None` while it is.
    forwarding: Option<CancellationToken>,
    fault: watch::Sender<NetworkFault>,
}

/// A fault that applies to data in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NetworkFault {
    /// Data passes unchanged.
    #[default]
    None,
    /// Data is delayed by this time.
    Delay(Duration),
    /// The proxy accepts connections and data and delivers nothing. Lost data stays lost, and a
    /// connection that lost data stays blocked after the fault ends. Neither side gets an error.
    Swallow,
}

impl FaultProxy {
    /// Starts a proxy in front of `server`.
    pub async fn start(server: SocketAddr) -> Self {
        let mut proxy = Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            server,
            forwarding: None,
            fault: watch::Sender::new(NetworkFault::None),
        };
        proxy.restore().await;
        proxy
    }

    /// Starts a proxy in front of the server of a `postgres://` URL. Returns it with the URL that
    /// goes through it.
    pub async fn for_database(url: &str) -> (Self, String) {
        let mut through: url::Url = url.parse().expect("a URL");
        let server = through.socket_addrs(|| Some(5432)).expect("an address");
        let proxy = Self::start(server[0]).await;
        through
            .set_port(Some(proxy.address.port()))
            .expect("a port");
        (proxy, through.into())
    }

    /// The address to connect to. It stays the same when the proxy is cut and restored.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resets open connections and refuses new ones.
    pub async fn cut(&mut self) {
        if let Some(forwarding) = self.forwarding.take() {
            forwarding.cancel();
        }
        while TcpStream::connect(self.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }

    /// Applies `fault` to all data from now on.
    pub fn inject(&self, fault: NetworkFault) {
        self.fault.send_replace(fault);
    }

    /// Accepts connections again after a [cut](Self::cut).
    pub async fn restore(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("a port");
        self.address = listener.local_addr().expect("an address");
        let forwarding = CancellationToken::new();
        forward(listener, self.server, forwarding.clone(), &self.fault);
        self.forwarding = Some(forwarding);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        if let Some(forwarding) = self.forwarding.take() {
            forwarding.cancel();
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the tasks end with the test and nothing waits for them"
)]
fn forward(
    listener: TcpListener,
    server: SocketAddr,
    forwarding: CancellationToken,
    fault: &watch::Sender<NetworkFault>,
) {
    let fault = fault.subscribe();
    tokio::spawn(async move {
        while let Some(Ok((client, _))) = forwarding.run_until_cancelled(listener.accept()).await {
            let (forwarding, fault) = (forwarding.clone(), fault.clone());
            tokio::spawn(async move {
                forwarding
                    .run_until_cancelled(forward_connection(client, server, fault))
                    .await;
            });
        }
    });
}

async fn forward_connection(
    client: TcpStream,
    server: SocketAddr,
    fault: watch::Receiver<NetworkFault>,
) {
    if *fault.borrow() == NetworkFault::Swallow {
        // Kept open and never read.
        let _held = client;
        return std::future::pending().await;
    }
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    // The first side that ends closes both, as a reset does.
    tokio::select! {
        () = copy(client_read, server_write, fault.clone()) => {}
        () = copy(server_read, client_write, fault) => {}
    }
}

/// Copies data and applies the fault that is set when each piece arrives.
async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    fault: watch::Receiver<NetworkFault>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let current = *fault.borrow();
        match current {
            NetworkFault::None => {}
            NetworkFault::Delay(delay) => sleep(delay).await,
            NetworkFault::Swallow => return std::future::pending().await,
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
