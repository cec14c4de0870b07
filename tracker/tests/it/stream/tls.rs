//! Streams over TLS, which trust the root certificates of the system.

use std::{fs, net::SocketAddr, path::PathBuf, process::Stdio, sync::Arc};

use entity::ProviderState;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use testkit::{StreamDialect, StreamServer, TestDatabase};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};

use crate::{
    fixture::World,
    program::{program, signal},
};

const BTC: &str = "BTC/USD";

/// A self-signed certificate of `localhost`.
struct Certificate {
    acceptor: TlsAcceptor,
    /// Its PEM file.
    path: PathBuf,
}

impl Certificate {
    fn new() -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("localhost.pem");
        fs::write(&path, cert.pem()).expect("a file");
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("a configuration");
        Self {
            acceptor: Arc::new(config).into(),
            path,
        }
    }
}

/// Serves TLS connections and forwards their content to `target`.
async fn terminate_tls(listener: TcpListener, acceptor: TlsAcceptor, target: SocketAddr) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        connections.spawn(async move {
            // A client that does not trust the certificate ends the handshake.
            let mut outer = acceptor.accept(socket).await?;
            let mut inner = TcpStream::connect(target).await?;
            copy_bidirectional(&mut outer, &mut inner).await
        });
    }
}

#[tokio::test]
async fn a_certificate_of_the_system_is_trusted_and_no_other() {
    let world = World::new(TestDatabase::postgres().await, &[BTC]).await;
    let server = StreamServer::start(StreamDialect::Kraken).await;
    let certificate = Certificate::new();
    let target = server.url().socket_addrs(|| None).expect("an address")[0];
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let mut serving = JoinSet::new();
    serving.spawn(terminate_tls(listener, certificate.acceptor, target));
    let mut command = program(world.database.url().as_str());
    command
        .env("DEFAULT_SYMBOLS", BTC)
        .env("PROVIDER", "kraken")
        .env("KRAKEN_URL", "http://127.0.0.1:9")
        .env("KRAKEN_STREAM_URL", format!("wss://localhost:{port}/v2"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let note = async || world.provider("kraken").await.and_then(|row| row.note);

    let mut distrusting = command.spawn().expect("start the program");
    let refused = async || {
        note()
            .await
            .is_some_and(|note| note.contains("certificate"))
    };
    world.until("the certificate is refused", refused).await;
    assert_eq!(server.attempts(), 0);
    signal(&distrusting, "-TERM");
    distrusting.wait().expect("wait for the program");

    command.env("SSL_CERT_FILE", &certificate.path);
    let mut trusting = command.spawn().expect("start the program");
    let subscribed = async || server.subscribed() == [BTC];
    world.until("the stream is open", subscribed).await;
    let traded_at = runtime::clock::SystemClock::shared().now().micros() / 1_000;
    server.trade(BTC, &[("105899.4", traded_at)]);
    let stored = async || world.price_texts().await == ["105899.4"];
    world.until("the price is stored", stored).await;
    let row = world.provider("kraken").await.expect("a row");
    assert_eq!(row.state, ProviderState::Streaming);
    signal(&trusting, "-TERM");
    trusting.wait().expect("wait for the program");
}
