//! A minimal WebSocket server that broadcasts frames to all clients, as a baseline.
//!
//! A frame is created once for all clients; each connection has its own task.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use axum::{
    Router,
    extract::{
        State,
        ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade},
    },
    routing::any,
    serve::ListenerExt,
};
use runtime::clock::{Clock, SystemClock};
use tokio::{
    net::TcpListener,
    sync::broadcast::{Receiver, Sender, error::RecvError},
};

use crate::{
    fanout::{BURST, Pace},
    process::Process,
};

/// The argument that runs this program as the broadcaster.
pub(crate) const ARGUMENT: &str = "--broadcast";

/// The broadcaster in its own process, which is killed on drop.
pub(crate) struct Broadcaster {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Broadcaster {
    /// Starts a broadcaster that sends frames of `size` bytes.
    pub(crate) fn start(size: usize, pace: Pace) -> Self {
        let rate = match pace {
            Pace::Steady(rate) => rate,
            Pace::Saturated => 0,
        };
        let args = [ARGUMENT, &size.to_string(), &rate.to_string()];
        let (process, address) = Process::start_bare(&args);
        Self { process, address }
    }
}

/// Serves until the process is killed. `rate` is in frames per second, or 0 for as many as the
/// clients receive.
#[tokio::main]
#[expect(clippy::print_stdout, reason = "the parent process reads the address")]
pub(crate) async fn run(size: &str, rate: &str) {
    let size = size.parse().expect("a size");
    let rate: u32 = rate.parse().expect("a rate");
    let (sender, _) = tokio::sync::broadcast::channel(1024);
    let app = Router::new()
        .route("/graphql", any(upgrade))
        .with_state(sender.clone());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("bind a port");
    println!("{}", listener.local_addr().expect("an address"));
    // Like `api`, send each frame at once.
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("the option"));
    tokio::select! {
        served = axum::serve(listener, app) => served.expect("serve connections"),
        () = publish(sender, size, rate) => {}
    }
}

async fn publish(sender: Sender<Utf8Bytes>, size: usize, rate: u32) {
    let (period, burst) = match rate {
        0 => (Duration::from_millis(1), BURST),
        rate => (Duration::from_secs(1) / rate, 1),
    };
    let mut due = tokio::time::interval(period);
    loop {
        due.tick().await;
        if rate == 0 && sender.len() > BURST as usize {
            continue;
        }
        for _ in 0..burst {
            // Fails if no client is connected.
            let _ = sender.send(frame(size));
        }
    }
}

/// A frame of `size` bytes. Its volume is the time in microseconds, like that of the provider.
fn frame(size: usize) -> Utf8Bytes {
    let price = format!(r#"{{"volume":{}}}"#, SystemClock.now().micros());
    format!("{price:>size$}").into()
}

async fn upgrade(
    upgrade: WebSocketUpgrade,
    State(sender): State<Sender<Utf8Bytes>>,
) -> axum::response::Response {
    upgrade
        .protocols(["graphql-transport-ws"])
        .read_buffer_size(4096)
        .on_upgrade(async move |socket| {
            // An error means that the client has disconnected.
            let _ = broadcast(socket, sender.subscribe()).await;
        })
}

async fn broadcast(
    mut socket: WebSocket,
    mut frames: Receiver<Utf8Bytes>,
) -> Result<(), axum::Error> {
    // `connection_init`, which is acknowledged, then `subscribe`.
    socket.recv().await.transpose()?;
    socket
        .send(Message::text(r#"{"type":"connection_ack"}"#))
        .await?;
    socket.recv().await.transpose()?;
    loop {
        tokio::select! {
            message = socket.recv() => if message.transpose()?.is_none() {
                return Ok(());
            },
            frame = frames.recv() => match frame {
                Ok(frame) => socket.send(Message::Text(frame)).await?,
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Ok(()),
            },
        }
    }
}
