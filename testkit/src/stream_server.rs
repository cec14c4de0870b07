//! A stand-in for the streams of providers: a WebSocket server that speaks their protocols and can
//! misbehave.

mod dialect;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use socket2::SockRef;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::broadcast,
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::StatusCode,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};
use tokio_util::sync::CancellationToken;

use self::dialect::Conversation;
pub use self::dialect::StreamDialect;

/// How often a heartbeat is sent.
const HEARTBEAT: Duration = Duration::from_millis(100);
/// The number of commands that wait for a slow connection.
const COMMANDS: usize = 1 << 16;

/// How the server behaves. It applies to what happens next.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the faults are independent, and can be combined"
)]
pub struct StreamBehavior {
    /// Refuses connections with this status, and the seconds of `Retry-After`. The body repeats the
    /// requested URL.
    pub refuse: Option<(u16, Option<u32>)>,
    /// Answers only when this is unset again.
    pub hold_acks: bool,
    /// Refuses these names.
    pub unknown: Vec<String>,
    /// The maximum number of subscribed names.
    pub slots: Option<usize>,
    /// Sends heartbeats, if the provider sends any.
    pub heartbeats: bool,
    /// Neither reads nor answers.
    pub deaf: bool,
    /// A connection ends those before it, and itself with them where the provider ends both.
    pub evict: bool,
}

/// The server. It ends when it is dropped.
#[derive(Debug)]
pub struct StreamServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    ending: CancellationToken,
}

#[derive(Debug)]
struct Shared {
    dialect: StreamDialect,
    behavior: Mutex<StreamBehavior>,
    state: Mutex<State>,
    commands: broadcast::Sender<Command>,
}

#[derive(Debug, Default)]
struct State {
    attempts: usize,
    open: usize,
    /// The most connections that were open at once.
    most_open: usize,
    /// The names that the newest connection has subscribed.
    subscribed: Vec<String>,
    received: Vec<String>,
}

#[derive(Clone, Debug)]
enum Command {
    Send(String),
    Close(u16),
    /// Resets the connection in the middle of a frame.
    Reset,
    /// Ends the connections before this attempt, and that of this attempt where the provider ends
    /// both.
    Evict(usize),
}

impl StreamServer {
    /// Starts a server on this machine.
    pub async fn start(dialect: StreamDialect) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            dialect,
            behavior: Mutex::default(),
            state: Mutex::default(),
            commands: broadcast::Sender::new(COMMANDS),
        });
        let ending = CancellationToken::new();
        accept(listener, Arc::clone(&shared), ending.clone());
        Self {
            address,
            shared,
            ending,
        }
    }

    /// The URL to connect to.
    pub fn url(&self) -> url::Url {
        format!("ws://{}/", self.address).parse().expect("a URL")
    }

    /// Changes the behavior.
    pub fn behave(&self, change: impl FnOnce(&mut StreamBehavior)) {
        change(&mut self.shared.behavior.lock());
    }

    /// The number of attempts to connect.
    pub fn attempts(&self) -> usize {
        self.shared.state.lock().attempts
    }

    /// The number of open connections.
    pub fn open(&self) -> usize {
        self.shared.state.lock().open
    }

    /// The most connections that were open at once.
    pub fn most_open(&self) -> usize {
        self.shared.state.lock().most_open
    }

    /// The subscribed names of the newest connection, in order.
    pub fn subscribed(&self) -> Vec<String> {
        let mut names = self.shared.state.lock().subscribed.clone();
        names.sort();
        names
    }

    /// The received frames.
    pub fn received(&self) -> Vec<String> {
        self.shared.state.lock().received.clone()
    }

    /// Sends a text frame.
    pub fn send(&self, text: impl Into<String>) {
        self.command(Command::Send(text.into()));
    }

    /// Sends trades of a name: each has a price, as JSON, and a market time in milliseconds.
    pub fn trade(&self, name: &str, trades: &[(&str, i64)]) {
        for (index, (price, millis)) in trades.iter().enumerate() {
            self.send(self.shared.dialect.trade(name, price, *millis, index));
        }
    }

    /// Closes the connections with a code.
    pub fn close(&self, code: u16) {
        self.command(Command::Close(code));
    }

    /// Resets the connections in the middle of a frame.
    pub fn reset(&self) {
        self.command(Command::Reset);
    }

    fn command(&self, command: Command) {
        // Without a connection there is no receiver.
        let _ = self.shared.commands.send(command);
    }
}

/// Connects to a server, as another process does. The connection ends when it is dropped.
pub async fn stream_connection(server: &StreamServer) -> impl Sized {
    let tcp = TcpStream::connect(server.address).await;
    let tcp = tcp.expect("a connection");
    let client = tokio_tungstenite::client_async(server.url().as_str(), tcp).await;
    client.expect("a handshake").0
}

impl Drop for StreamServer {
    fn drop(&mut self) {
        self.ending.cancel();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the tasks end with the test and nothing waits for them"
)]
fn accept(listener: TcpListener, shared: Arc<Shared>, ending: CancellationToken) {
    tokio::spawn(async move {
        while let Some(Ok((tcp, _))) = ending.run_until_cancelled(listener.accept()).await {
            let (shared, ending) = (Arc::clone(&shared), ending.clone());
            tokio::spawn(async move {
                ending.run_until_cancelled(serve(tcp, &shared)).await;
            });
        }
    });
}

async fn serve(tcp: TcpStream, shared: &Shared) {
    let attempt = {
        let mut state = shared.state.lock();
        state.attempts += 1;
        state.attempts
    };
    let behavior = shared.behavior.lock().clone();
    let commands = shared.commands.subscribe();
    #[expect(clippy::result_large_err, reason = "the signature of the library")]
    let accept = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        let Some((status, retry_after)) = behavior.refuse else {
            return Ok(response);
        };
        let mut refusal = ErrorResponse::new(Some(request.uri().to_string()));
        *refusal.status_mut() = StatusCode::from_u16(status).expect("a status");
        if let Some(seconds) = retry_after {
            refusal.headers_mut().insert("Retry-After", seconds.into());
        }
        Err(refusal)
    };
    let Ok(socket) = accept_hdr_async(tcp, accept).await else {
        return;
    };
    {
        let mut state = shared.state.lock();
        if behavior.evict && state.open > 0 {
            // This connection receives it too.
            let _ = shared.commands.send(Command::Evict(attempt));
        }
        state.open += 1;
        state.most_open = state.most_open.max(state.open);
        state.subscribed.clear();
    }
    let _open = Open(shared);
    converse(socket, shared, commands, attempt).await;
}

/// Counts an open connection.
struct Open<'a>(&'a Shared);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.state.lock().open -= 1;
    }
}

async fn converse(
    mut socket: WebSocketStream<TcpStream>,
    shared: &Shared,
    mut commands: broadcast::Receiver<Command>,
    attempt: usize,
) {
    let mut conversation = Conversation::new(shared.dialect);
    let mut outgoing = conversation.greeting();
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    loop {
        let behavior = shared.behavior.lock().clone();
        if behavior.deaf {
            tokio::time::sleep(HEARTBEAT).await;
            continue;
        }
        if !behavior.hold_acks {
            for text in outgoing.drain(..) {
                if socket.send(Message::text(text)).await.is_err() {
                    return;
                }
            }
        }
        tokio::select! {
            _ = heartbeat.tick() => {
                if behavior.heartbeats && let Some(text) = shared.dialect.heartbeat()
                    && socket.send(Message::text(text)).await.is_err()
                {
                    return;
                }
            }
            command = commands.recv() => match command {
                Ok(Command::Send(text)) => {
                    if socket.send(Message::text(text)).await.is_err() {
                        return;
                    }
                }
                Ok(Command::Close(code)) => {
                    let close = CloseFrame { code: CloseCode::from(code), reason: "".into() };
                    let _ = socket.close(Some(close)).await;
                    return;
                }
                Ok(Command::Evict(newest))
                    if newest < attempt || newest == attempt && !shared.dialect.ends_both() => {}
                Ok(Command::Evict(_)) => {
                    for text in shared.dialect.eviction() {
                        let _ = socket.send(Message::text(text)).await;
                    }
                    let _ = socket.close(None).await;
                    return;
                }
                Ok(Command::Reset) => {
                    let tcp = socket.get_mut();
                    // The header of a text frame of 256 bytes, and one of them.
                    let _ = tcp.write_all(&[0x81, 0x7E, 0x01, 0x00, b'{']).await;
                    let _ = SockRef::from(&*tcp).set_linger(Some(Duration::ZERO));
                    return;
                }
                Err(_) => return,
            },
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let answers = conversation.answer(&text, &behavior);
                    let mut state = shared.state.lock();
                    state.received.push(text.to_string());
                    state.subscribed.clone_from(&conversation.subscribed);
                    outgoing.extend(answers);
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
}
