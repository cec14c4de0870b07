//! The cable between a test and a server, to be pulled, stretched and cut on one side.
//!
//! One invariant: what was plugged in works as without it; once pulled, nothing passes and nobody is let in, until it
//! is mended at the same address. Tests of outages put it before a database.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::sleep,
};
use tokio_util::sync::CancellationToken;

/// Forwards connections from a port of its own to a server.
#[derive(Debug)]
pub struct Cable {
    here: SocketAddr,
    there: SocketAddr,
    plugged: Option<CancellationToken>,
    fault: watch::Sender<Fault>,
}

/// What a cable that is plugged in does to what it carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Everything arrives so much later.
    Delay(Duration),
    /// It takes everything, also new connections, and delivers nothing. What it took is lost for ever, and connections
    /// that it took something of never carry anything again: neither side is told.
    Swallow,
}

impl Cable {
    /// Plugs a cable in before `there`.
    pub async fn to(there: SocketAddr) -> Self {
        let mut cable = Self {
            here: SocketAddr::from(([127, 0, 0, 1], 0)),
            there,
            plugged: None,
            fault: watch::Sender::new(Fault::None),
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

    /// Does this to what it carries from now on, plugged in or not.
    pub fn suffer(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// Plugs it in again.
    pub async fn mend(&mut self) {
        let listener = TcpListener::bind(self.here).await.expect("a port");
        self.here = listener.local_addr().expect("an address");
        let plugged = CancellationToken::new();
        forward(listener, self.there, plugged.clone(), &self.fault);
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
fn forward(
    listener: TcpListener,
    there: SocketAddr,
    plugged: CancellationToken,
    fault: &watch::Sender<Fault>,
) {
    let fault = fault.subscribe();
    tokio::spawn(async move {
        while let Some(Ok((near, _))) = plugged.run_until_cancelled(listener.accept()).await {
            let (plugged, fault) = (plugged.clone(), fault.clone());
            tokio::spawn(async move {
                plugged.run_until_cancelled(carry(near, there, fault)).await;
            });
        }
    });
}

/// Carries one connection to its end.
async fn carry(near: TcpStream, there: SocketAddr, fault: watch::Receiver<Fault>) {
    if *fault.borrow() == Fault::Swallow {
        // Held, and never heard.
        let _held = near;
        return std::future::pending().await;
    }
    let Ok(far) = TcpStream::connect(there).await else {
        return;
    };
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    // Whichever side ends first ends both, as a reset does.
    tokio::select! {
        () = pass(near_in, far_out, fault.clone()) => {}
        () = pass(far_in, near_out, fault) => {}
    }
}

/// Passes on what comes, as the fault of the moment has it.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    fault: watch::Receiver<Fault>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let now = *fault.borrow();
        match now {
            Fault::None => {}
            Fault::Delay(delay) => sleep(delay).await,
            Fault::Swallow => return std::future::pending().await,
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
