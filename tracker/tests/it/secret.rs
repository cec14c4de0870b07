//! Tests that no key of a provider is logged, measured or shown, also if the provider repeats it.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::PathBuf,
    time::Duration,
};

use serde_json::json;
use testkit::{StreamDialect, StreamServer, TestDatabase};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use crate::{
    fixture::World,
    program::{program, signal},
};

const KEY: &str = "KEYID0123456";
const SECRET: &str = "SECRETKEY0123456";
/// Texts that repeat them, after a word that shows that the text was used.
const ECHO: &str = "repeated SECRETKEY0123456";
const ECHO_OF_BOTH: &str = "repeated KEYID0123456 and SECRETKEY0123456";

/// The program, with one provider.
struct Running {
    world: World,
    api: MockServer,
    log: PathBuf,
    child: std::process::Child,
    /// All notes of the provider.
    notes: BTreeSet<String>,
    provider: &'static str,
}

impl Running {
    /// Runs the program and waits until the price of `answer` is stored.
    async fn new(
        provider: &'static str,
        keys: &[(&str, &str)],
        stream: Option<&StreamServer>,
        answer: &str,
    ) -> Self {
        let world = World::new(TestDatabase::postgres().await, &["AAPL"]).await;
        let api = MockServer::start().await;
        respond(&api, 200, answer).await;
        let log = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{provider}.log"));
        let file = File::create(&log).expect("a file");
        let prefix = match provider {
            "twelvedata" => "TWELVE_DATA".to_owned(),
            name => name.to_uppercase(),
        };
        let mut command = program(world.database.url().as_str());
        command
            .env("PROVIDER", provider)
            .env("DEFAULT_SYMBOLS", "AAPL")
            .env("MARKET_HOURS", "always")
            .env("UPDATE_INTERVAL", "1s")
            .env("RUST_LOG", "trace")
            .env(format!("{prefix}_URL"), api.uri())
            .env(format!("{prefix}_PER_MINUTE"), "6000")
            .envs(keys.iter().copied())
            .stdout(file.try_clone().expect("a file"))
            .stderr(file);
        if provider == "twelvedata" {
            command.env("TWELVE_DATA_PER_DAY", "1000000");
        }
        if let Some(server) = stream {
            command.env(format!("{prefix}_STREAM_URL"), server.url().as_str());
        }
        let child = command.spawn().expect("start the program");
        let mut running = Self {
            world,
            api,
            log,
            child,
            notes: BTreeSet::new(),
            provider,
        };
        running
            .until("a price", async |it| !it.world.prices().await.is_empty())
            .await;
        running
    }

    /// Waits for a state and collects the notes meanwhile.
    async fn until(&mut self, what: &str, state: impl AsyncFn(&Self) -> bool) {
        let waiting = async {
            while !state(self).await {
                let row = self.world.provider(self.provider).await;
                self.notes.extend(row.and_then(|row| row.note));
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_mins(3), waiting).await;
        waited.unwrap_or_else(|_| panic!("never: {what}"));
    }

    /// Answers with errors, and waits until the program has received each.
    async fn refuse(&mut self, errors: &[(u16, String)]) {
        for (status, body) in errors {
            respond(&self.api, *status, body).await;
            self.until("a request", async |it| {
                let received = it.api.received_requests().await;
                received.is_some_and(|requests| !requests.is_empty())
            })
            .await;
        }
        self.noted("the key is refused").await;
    }

    async fn noted(&mut self, text: &str) {
        let noted = async |it: &Self| {
            let row = it.world.provider(it.provider).await;
            let note = row.and_then(|row| row.note).unwrap_or_default();
            note.contains(text)
        };
        self.until(text, noted).await;
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("a log")
    }

    async fn metrics(&self) -> String {
        let log = self.log();
        let (_, address) = log.split_once("metrics    http://").expect("an address");
        let (address, _) = address.split_once("/metrics").expect("its end");
        let mut socket = TcpStream::connect(address).await.expect("a connection");
        let request = b"GET /metrics HTTP/1.0\r\n\r\n";
        socket.write_all(request).await.expect("a request");
        let mut response = String::new();
        let read = socket.read_to_string(&mut response).await;
        read.expect("a response");
        response
    }

    /// Stops the program and searches everything that it wrote.
    async fn check(mut self) {
        self.notes.extend(
            self.world
                .provider(self.provider)
                .await
                .and_then(|it| it.note),
        );
        let metrics = self.metrics().await;
        assert!(
            metrics.contains("stock_tracker_api_calls_total"),
            "{metrics}"
        );
        signal(&self.child, "-TERM");
        let status = self.child.wait().expect("wait for the program");
        assert_eq!(status.code(), Some(0));
        let log = self.log();
        assert!(
            log.contains("repeated"),
            "the text is logged without the keys"
        );
        for text in [log, metrics, format!("{:?}", self.notes)] {
            assert!(!text.contains(KEY) && !text.contains(SECRET), "{text}");
        }
    }
}

/// Answers every request.
async fn respond(api: &MockServer, status: u16, body: &str) {
    api.reset().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(status).set_body_string(body))
        .mount(api)
        .await;
}

/// Streams a price, then refuses to connect and repeats the URL, which may contain a key.
async fn stream_and_refuse(running: &mut Running, server: &StreamServer) {
    let subscribed = async |_: &Running| server.subscribed() == ["AAPL"];
    running.until("the stream", subscribed).await;
    let millis = runtime::clock::SystemClock::shared().now().micros() / 1_000;
    server.trade("AAPL", &[("123.25", millis)]);
    let stored = async |it: &Running| it.world.price_texts().await.contains(&"123.25".to_owned());
    running.until("the price of the trade", stored).await;
    let attempts = server.attempts();
    server.behave(|it| it.refuse = Some((503, None)));
    server.close(1001);
    let refused = async |_: &Running| server.attempts() > attempts;
    running.until("a refusal", refused).await;
    running.noted("HTTP 503").await;
    server.behave(|it| it.refuse = None);
    let open = async |_: &Running| server.open() == 1 && server.subscribed() == ["AAPL"];
    running.until("the stream again", open).await;
}

#[tokio::test]
async fn the_key_of_finnhub_is_shown_nowhere() {
    let server = StreamServer::start(StreamDialect::Finnhub).await;
    let seconds = runtime::clock::SystemClock::shared().now().micros() / 1_000_000;
    let answer = json!({"c": 182.63, "pc": 180.78, "t": seconds}).to_string();
    let keys = [("FINNHUB_API_KEY", SECRET)];
    let mut running = Running::new("finnhub", &keys, Some(&server), &answer).await;
    stream_and_refuse(&mut running, &server).await;
    for text in ["Symbol not found", "Invalid API key"] {
        let error = json!({"type": "error", "msg": format!("{text}, {ECHO}")});
        server.send(error.to_string());
    }
    running
        .noted("the stream is refused: Invalid API key")
        .await;
    let body = json!({"error": ECHO}).to_string();
    running.refuse(&[(500, body.clone()), (401, body)]).await;
    running.check().await;
}

#[tokio::test]
async fn the_keys_of_alpaca_are_shown_nowhere() {
    let server = StreamServer::start(StreamDialect::Alpaca).await;
    let now = runtime::clock::SystemClock::shared().now().to_string();
    let trade = json!({"t": now, "p": 133.42, "c": ["@"]});
    let answer = json!({"AAPL": {"latestTrade": trade}}).to_string();
    let keys = [
        ("ALPACA_API_KEY_ID", KEY),
        ("ALPACA_API_SECRET_KEY", SECRET),
    ];
    let mut running = Running::new("alpaca", &keys, Some(&server), &answer).await;
    stream_and_refuse(&mut running, &server).await;
    let error = |code: u16| json!([{"T": "error", "code": code, "msg": ECHO_OF_BOTH}]).to_string();
    let attempts = server.attempts();
    server.send(error(500));
    let again = async |_: &Running| {
        server.attempts() > attempts && server.open() == 1 && server.subscribed() == ["AAPL"]
    };
    running.until("the stream after an error", again).await;
    server.send(error(402));
    running
        .noted("the stream is refused: error 402: repeated")
        .await;
    let body = json!({"message": ECHO_OF_BOTH}).to_string();
    running.refuse(&[(422, body.clone()), (403, body)]).await;
    running.check().await;
}

#[tokio::test]
async fn the_key_of_twelve_data_is_shown_nowhere() {
    let now = runtime::clock::SystemClock::shared().now();
    let (day, seconds) = (now.to_utc().date_naive(), now.micros() / 1_000_000);
    let answer =
        json!({"symbol": "AAPL", "close": "182.63", "datetime": day.to_string(), "timestamp": seconds})
            .to_string();
    let keys = [("TWELVE_DATA_API_KEY", SECRET)];
    let mut running = Running::new("twelvedata", &keys, None, &answer).await;
    let error = |code: u16| json!({"code": code, "message": ECHO, "status": "error"}).to_string();
    running
        .refuse(&[(200, error(500)), (401, error(401))])
        .await;
    running.check().await;
}
