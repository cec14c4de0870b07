//! Runs the server under test.

use std::{
    any::TypeId,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, Once,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_graphql::{Request, ServerError};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::{net::TcpListener, sync::broadcast};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use transport::{
    ClientAddress, CloseReason, Drain, End, Item, LastEventId, Limits, Observer, OperationKind,
    OperationOutcome, Protocol, Reply, RequestError, SchemaService, Service, SubscriptionEvent,
    SubscriptionStream, Transport,
};

use crate::demo::{Counter, Demo, schema};

/// The demo schema behind a token.
#[derive(Clone)]
pub(crate) struct Fenced {
    plain: SchemaService<Demo>,
    /// Whether anonymous clients are rejected.
    strict: bool,
    /// Number of requests and operations until the rate limit is exceeded.
    admits: Arc<AtomicI64>,
    /// The bodies of the operation `Broadcast`.
    broadcast: broadcast::Sender<Bytes>,
}

impl Service for Fenced {
    type Viewer = bool;
    type Plan = ();

    fn authenticate(&self, authorization: Option<&str>) -> Result<bool, RequestError> {
        match authorization {
            Some("Bearer good") => Ok(true),
            None if !self.strict => Ok(false),
            Some(_) => Err(RequestError::unauthenticated("wrong token")),
            None => Err(RequestError::unauthenticated("no token")),
        }
    }

    fn admit(&self, address: ClientAddress) -> Result<(), RequestError> {
        assert_eq!(address, IpAddr::from(Ipv4Addr::LOCALHOST).into());
        if self.admits.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Ok(());
        }
        Err(RequestError::rate_limited("too much", 7))
    }

    async fn execute(&self, request: Request, viewer: bool) -> Reply {
        if request.operation_name.as_deref() == Some("WhoAmI") {
            let body = format!(r#"{{"data":{{"known":{viewer}}}}}"#);
            return Reply::executed(body.into(), OperationOutcome::Ok);
        }
        self.plain.execute(request, ()).await
    }

    async fn subscribe(
        &self,
        request: Request,
        _: bool,
    ) -> Result<SubscriptionStream, Vec<ServerError>> {
        if request.operation_name.as_deref() == Some("Overload") {
            let event = SubscriptionEvent {
                missed: 2,
                ..Bytes::from_static(br#"{"data":1}"#).into()
            };
            let items = [Item::Next(event), Item::End(End::Overloaded)];
            return Ok(stream::iter(items).boxed());
        }
        if request.operation_name.as_deref() == Some("Replaced") {
            return Ok(stream::iter([Item::End(End::Replaced)]).boxed());
        }
        if request.operation_name.as_deref() == Some("Resumable") {
            let resumed = request.data.get(&TypeId::of::<LastEventId>());
            let resumed = resumed.and_then(|id| id.downcast_ref::<LastEventId>());
            let after = match resumed.map(|id| id.0.parse::<u64>()) {
                None => 0,
                Some(Ok(id)) => id,
                Some(Err(_)) => return Err(vec![ServerError::new("no such event", None)]),
            };
            let event = |n: u64| SubscriptionEvent {
                id: Some(n.to_string().into()),
                ..Bytes::from(format!(r#"{{"data":{n}}}"#)).into()
            };
            let items = (after + 1..=3).map(move |n| Item::Next(event(n)));
            return Ok(stream::iter(items).boxed());
        }
        if request.operation_name.as_deref() == Some("Broadcast") {
            let bodies = stream::unfold(self.broadcast.subscribe(), async |mut bodies| {
                let body = bodies.recv().await.ok()?;
                Some((Item::Next(SubscriptionEvent::from(body)), bodies))
            });
            return Ok(bodies.boxed());
        }
        self.plain.subscribe(request, ()).await
    }
}

/// Records the calls of the observer as lines.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn push(&self, line: String) {
        self.0.lock().expect("log").push(line);
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().expect("log").clone()
    }

    /// Waits until a line is recorded.
    pub(crate) async fn wait_for(&self, line: &str) {
        let seen = async {
            while !self.lines().iter().any(|seen| seen == line) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(10), seen)
            .await
            .is_err()
        {
            panic!("{line:?} was not recorded, only {:?}", self.lines());
        }
    }
}

impl Observer for Log {
    fn operation_finished(&self, kind: OperationKind, outcome: OperationOutcome, _: Duration) {
        self.push(format!("{} {}", kind.as_str(), outcome.as_str()));
    }

    fn client_connected(&self, protocol: Protocol) {
        self.push(format!("{} arrived", protocol.as_str()));
    }

    fn client_disconnected(&self, protocol: Protocol) {
        self.push(format!("{} departed", protocol.as_str()));
    }

    fn event_delivered(&self, protocol: Protocol, missed: u64) {
        self.push(format!("{} delivered, missed {missed}", protocol.as_str()));
    }

    fn subscription_closed(&self, protocol: Protocol, reason: CloseReason) {
        self.push(format!("{} closed: {reason:?}", protocol.as_str()));
    }
}

/// A running server.
pub(crate) struct App {
    pub(crate) address: SocketAddr,
    pub(crate) counter: Counter,
    pub(crate) log: Log,
    pub(crate) drain: CancellationToken,
    pub(crate) tasks: TaskTracker,
    pub(crate) admits: Arc<AtomicI64>,
    pub(crate) broadcast: broadcast::Sender<Bytes>,
}

impl App {
    /// Starts with default limits.
    pub(crate) async fn start() -> Self {
        Self::start_with(Limits::default(), false, |transport| transport).await
    }

    /// Starts with these limits.
    pub(crate) async fn limited(limits: Limits) -> Self {
        Self::start_with(limits, false, |transport| transport).await
    }

    /// Starts with a custom configuration.
    pub(crate) async fn start_with(
        limits: Limits,
        strict: bool,
        configure: impl FnOnce(Transport<Fenced>) -> Transport<Fenced>,
    ) -> Self {
        let counter = Counter::default();
        let log = Log::default();
        let drain = CancellationToken::new();
        let tasks = TaskTracker::new();
        let plain = SchemaService(schema(counter.clone()));
        let admits = Arc::new(AtomicI64::new(i64::MAX));
        let (broadcast, _) = broadcast::channel(4096);
        let transport = Transport::new(Fenced {
            plain,
            strict,
            admits: Arc::clone(&admits),
            broadcast: broadcast.clone(),
        })
        .with_limits(limits)
        .with_observer(log.clone())
        .with_tasks(tasks.clone())
        .with_drain(Drain::new(
            drain.clone(),
            Duration::from_millis(200),
            |spread| spread / 2,
        ));
        let router = configure(transport).router("/graphql");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("port");
        let address = listener.local_addr().expect("address");
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        TaskTracker::new().spawn(async move { axum::serve(listener, service).await });
        Self {
            address,
            counter,
            log,
            drain,
            tasks,
            admits,
            broadcast,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/graphql", self.address)
    }

    /// Creates a POST request with a JSON body.
    pub(crate) fn post(&self, body: &serde_json::Value) -> reqwest::RequestBuilder {
        browser().post(self.url()).json(body)
    }

    /// Creates a POST request with a query.
    pub(crate) fn query(&self, query: &str) -> reqwest::RequestBuilder {
        self.post(&serde_json::json!({ "query": query }))
    }

    /// Creates a GET request with a query.
    pub(crate) fn get(&self, query: &str) -> reqwest::RequestBuilder {
        browser().get(self.url()).query(&[("query", query)])
    }
}

/// Sends a request. Returns the status, the content type and the code of the first error.
pub(crate) async fn send_and_read(request: reqwest::RequestBuilder) -> (u16, String, String) {
    let response = request.send().await.expect("response");
    let status = response.status().as_u16();
    let content_type = response
        .headers()
        .get("content-type")
        .map(|value| value.to_str().expect("text").to_owned())
        .unwrap_or_default();
    let body: serde_json::Value = response.json().await.expect("JSON");
    let code = body["errors"][0]["extensions"]["code"].as_str();
    (status, content_type, code.unwrap_or_default().to_owned())
}

/// Creates an HTTP client. reqwest requires a TLS provider, although TLS is not used.
pub(crate) fn browser() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Fails if another test was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client")
}
