//! The whole product as an operator runs it: real processes on their own database. The processes
//! end before their database is removed.

use std::{ffi::OsStr, net::SocketAddr, process::Command};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::TestDatabaseUrl;

use crate::{
    answer::{Answer, browser},
    exchange::Exchange,
    process::{Process, api_program, tracker_program, until},
};

/// The admin token of tests that set one.
pub(crate) const ADMIN: &str = "admin-of-the-tests-0123456789";

/// Settings of every process, unless a test sets others.
const EVERYWHERE: [(&str, &str); 5] = [
    ("API_PORT", "0"),
    ("METRICS_PORT", "0"),
    ("LOG_FORMAT", "json"),
    ("SHUTDOWN_GRACE", "6s"),
    // A client answers pings only while its test reads, and on a busy machine a test can wait for
    // something else for half a minute.
    ("LIMIT_SILENCE", "10m"),
];

/// `api`, and on PostgreSQL also `tracker`.
pub(crate) struct Product {
    pub(crate) api: Process,
    /// On PostgreSQL only.
    pub(crate) tracker: Option<Process>,
    /// The address of the API listener.
    pub(crate) address: SocketAddr,
    /// The address of the metrics of `api`.
    pub(crate) metrics: SocketAddr,
    /// The address of the metrics of the process that tracks.
    pub(crate) tracking_metrics: SocketAddr,
    http: reqwest::Client,
}

/// A database, and the working directory of its processes.
pub(crate) struct Home {
    pub(crate) database: TestDatabaseUrl,
    pub(crate) folder: TempDir,
    /// The database URL of `api`, if it differs from the tracker's.
    pub(crate) detour: Option<String>,
    /// A program with arguments that starts `api` elsewhere, if any.
    pub(crate) entrance: Vec<String>,
}

impl Home {
    /// Uses an empty database.
    pub(crate) fn new(database: TestDatabaseUrl) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self {
            database,
            folder,
            detour: None,
            entrance: Vec::new(),
        }
    }

    /// Whether the tracker is a separate process.
    pub(crate) fn is_postgres(&self) -> bool {
        self.database.as_str().starts_with("postgres")
    }

    /// Starts only `api`, without waiting.
    pub(crate) fn api(&self, variables: &[(&str, &str)]) -> Process {
        let mut variables = self.variables(variables);
        let detour = self.detour.as_ref();
        variables.extend(detour.map(|url| ("DATABASE_URL", url.as_str())));
        let program = api_program();
        let mut words = self.entrance.iter().map(OsStr::new);
        let mut words = words.by_ref().chain([program.as_os_str()]);
        let mut command = Command::new(words.next().expect("the program itself"));
        Process::start(command.args(words), self.folder.path(), &variables)
    }

    /// Starts only a tracker, without waiting.
    pub(crate) fn tracker(&self, variables: &[(&str, &str)]) -> Process {
        let variables = self.variables(variables);
        let mut command = Command::new(tracker_program());
        Process::start(&mut command, self.folder.path(), &variables)
    }

    fn variables<'a>(&'a self, variables: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let mut all = EVERYWHERE.to_vec();
        all.push(("DATABASE_URL", self.database.as_str()));
        all.extend_from_slice(variables);
        all
    }

    /// Starts the product and waits until it is ready.
    pub(crate) async fn start(&self, variables: &[(&str, &str)]) -> Product {
        let api = self.api(variables);
        let tracker = self.is_postgres().then(|| self.tracker(variables));
        let address = announced(&api, "GraphQL ").await;
        let metrics = announced(&api, "metrics ").await;
        let tracking_metrics = match &tracker {
            None => metrics,
            Some(tracker) => announced(tracker, "metrics ").await,
        };
        let product = Product {
            api,
            tracker,
            address,
            metrics,
            tracking_metrics,
            http: browser(),
        };
        for listener in [product.metrics, product.tracking_metrics] {
            product.ready(listener).await;
        }
        product
    }

    /// Starts the product with the mock of Alpha Vantage as the provider, polled every second.
    pub(crate) async fn track(&self, exchange: &Exchange, more: &[(&str, &str)]) -> Product {
        let url = exchange.url();
        self.start(&polling(&url, more)).await
    }
}

/// Settings of a tracker that polls the mock at `url` every second.
pub(crate) fn polling<'a>(url: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut variables = vec![
        ("ALPHA_VANTAGE_API_KEY", "KEYOFTHETESTS"),
        ("ALPHA_VANTAGE_URL", url),
        ("ALPHA_VANTAGE_PER_MINUTE", "100000"),
        ("ALPHA_VANTAGE_PER_DAY", "100000000"),
        ("UPDATE_INTERVAL", "1s"),
        ("MARKET_HOURS", "always"),
        ("ADMIN_TOKEN", ADMIN),
    ];
    variables.extend_from_slice(more);
    variables
}

/// Returns the address in a line such as `GraphQL    http://127.0.0.1:8080/graphql`.
async fn announced(process: &Process, what: &str) -> SocketAddr {
    let find = |event: &Value| {
        let rest = event["message"].as_str()?.strip_prefix(what)?;
        let url = rest.trim().strip_prefix("http://")?;
        url.split('/').next()?.parse().ok()
    };
    process.logged("the log has the address", find).await
}

impl Product {
    async fn ready(&self, listener: SocketAddr) {
        let url = format!("http://{listener}/readyz");
        until(
            "the product is ready",
            || self.last_words(),
            async || {
                let answer = self.http.get(&url).send().await.ok()?;
                answer.status().is_success().then_some(())
            },
        )
        .await;
    }

    /// The last lines of the processes' output.
    pub(crate) fn last_words(&self) -> String {
        let tracker = self.tracker.as_ref().map(Process::last_words);
        format!("{}\n{}", self.api.last_words(), tracker.unwrap_or_default())
    }

    /// All output of the processes.
    pub(crate) fn lines(&self) -> Vec<String> {
        let processes = std::iter::once(&self.api).chain(&self.tracker);
        processes
            .flat_map(|it| [it.out(), it.err()].concat())
            .collect()
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A request to a path, to be sent by [`Answer::to`].
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.url(path))
    }

    /// Sends `GET` to a path.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::GET, path)).await
    }

    /// A GraphQL request by `POST`, to be sent by [`Answer::to`].
    pub(crate) fn post(&self, query: &str, variables: &Value) -> RequestBuilder {
        let body = json!({"query": query, "variables": variables});
        self.request(Method::POST, "/graphql").json(&body)
    }

    /// Sends a GraphQL request by `POST`.
    pub(crate) async fn graphql(&self, query: &str, variables: Value) -> Answer {
        Answer::to(self.post(query, &variables)).await
    }

    /// Sends a GraphQL request with the admin token.
    pub(crate) async fn admin(&self, query: &str, variables: Value) -> Answer {
        Answer::to(self.post(query, &variables).bearer_auth(ADMIN)).await
    }

    /// Returns the data of a query that must succeed.
    pub(crate) async fn ask(&self, query: &str) -> Value {
        self.graphql(query, json!({})).await.data()
    }

    /// Waits until `wanted` accepts the data of a query.
    pub(crate) async fn until_data<T>(
        &self,
        what: &str,
        query: &str,
        wanted: impl Fn(&Value) -> Option<T>,
    ) -> T {
        until(
            what,
            || self.last_words(),
            async || wanted(&self.ask(query).await),
        )
        .await
    }
}
