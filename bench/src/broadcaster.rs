//! A server that does as little as can be done: one frame for everybody, made once, by a task a connection.

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

/// The broadcaster as a process; it ends when this is dropped.
pub(crate) struct Broadcaster {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Broadcaster {
    /// Starts one that sends `pace` frames of `size` bytes a second.
    pub(crate) fn start(pace: u32, size: usize) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args([
                super::BROADCAST.to_owned(),
                pace.to_string(),
                size.to_string(),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        out.read_line(&mut line).expect("it tells where it listens");
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
        // One that has ended cannot be killed, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves until it is killed.
#[expect(clippy::print_stdout, reason = "whoever started it reads that")]
pub(crate) async fn serve(pace: u32, size: usize) {
    let (sender, _) = tokio::sync::broadcast::channel(1024);
    let app = Router::new()
        .route("/graphql", any(upgrade))
        .with_state(sender.clone());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    let publishing = async {
        let frame = Utf8Bytes::from("x".repeat(size));
        let mut due = tokio::time::interval(Duration::from_secs(1) / pace);
        loop {
            due.tick().await;
            // Nobody listening is no error.
            let _ = sender.send(frame.clone());
        }
    };
    tokio::select! {
        served = axum::serve(listener, app) => served.expect("it serves"),
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
            // An error only says that the subscriber has gone.
            let _ = tell(socket, sender.subscribe()).await;
        })
}

async fn tell(mut socket: WebSocket, mut frames: Receiver<Utf8Bytes>) -> Result<(), axum::Error> {
    // The introduction, which is answered, and the subscription.
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
