//! A minimal WebSocket server that broadcasts one frame to all clients, as a baseline.
//!
//! The frame is created once; each connection has its own task.

use std::{
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr},
    process::{Child, Command, Stdio},
    time::Duration,
};

use axum::{
    Router,
    extract::{
        State,
        ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade},
    },
    routing::any,
};
use tokio::{
    net::TcpListener,
    sync::broadcast::{Receiver, Sender, error::RecvError},
};

/// The broadcaster in its own process, which is killed on drop.
pub(crate) struct Broadcaster {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Broadcaster {
    /// Starts a broadcaster that sends `rate` frames of `size` bytes per second.
    pub(crate) fn start(rate: u32, size: usize) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("path of this program"))
            .args([
                super::BROADCAST.to_owned(),
                rate.to_string(),
                size.to_string(),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start the broadcaster");
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("stdout is piped"));
        out.read_line(&mut line)
            .expect("the server prints its address");
        Self {
            child,
            address: line.trim().parse().expect("an address"),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Broadcaster {
    fn drop(&mut self) {
        // Fails if the process has already exited, which is not an error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves until the process is killed.
#[expect(clippy::print_stdout, reason = "the parent process reads the address")]
pub(crate) async fn serve(rate: u32, size: usize) {
    let (sender, _) = tokio::sync::broadcast::channel(1024);
    let app = Router::new()
        .route("/graphql", any(upgrade))
        .with_state(sender.clone());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("bind a port");
    println!("{}", listener.local_addr().expect("an address"));
    let publishing = async {
        let frame = Utf8Bytes::from("x".repeat(size));
        let mut due = tokio::time::interval(Duration::from_secs(1) / rate);
        loop {
            due.tick().await;
            // Fails if no client is connected.
            let _ = sender.send(frame.clone());
        }
    };
    tokio::select! {
        served = axum::serve(listener, app) => served.expect("serve connections"),
        () = publishing => {}
    }
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
