//! The whole product as somebody runs it: real processes on a database of their own.
//!
//! One invariant: the processes end before their database is removed.

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

/// The admin token where a test sets it.
pub(crate) const ADMIN: &str = "admin-of-the-tests-0123456789";

/// What every process is told, so that tests do not meet each other.
const EVERYWHERE: [(&str, &str); 4] = [
    ("API_PORT", "0"),
    ("METRICS_PORT", "0"),
    ("LOG_FORMAT", "json"),
    ("SHUTDOWN_GRACE", "6s"),
];

/// `api`, and on PostgreSQL a `tracker` beside it.
pub(crate) struct Product {
    pub(crate) api: Process,
    /// There on PostgreSQL.
    pub(crate) tracker: Option<Process>,
    /// Where the API listens.
    pub(crate) address: SocketAddr,
    /// Where `api` tells its metrics.
    pub(crate) metrics: SocketAddr,
    /// Where the process that tracks tells its metrics.
    pub(crate) tracking_metrics: SocketAddr,
    http: reqwest::Client,
}

/// A database, and the folder that its processes run in.
pub(crate) struct Home {
    pub(crate) database: TestDatabaseUrl,
    pub(crate) folder: TempDir,
    /// Where `api` finds the database, if not where the tracker does.
    pub(crate) detour: Option<String>,
    /// What starts `api` elsewhere than here, if something does: a program and its arguments.
    pub(crate) entrance: Vec<String>,
}

impl Home {
    /// Over a database that nothing was stored in.
    pub(crate) fn new(database: TestDatabaseUrl) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self {
            database,
            folder,
            detour: None,
            entrance: Vec::new(),
        }
    }

    /// Whether the tracker is a process of its own.
    pub(crate) fn is_postgres(&self) -> bool {
        self.database.as_str().starts_with("postgres")
    }

    /// Starts `api` and nothing else, without waiting for anything.
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

    /// Starts a tracker and nothing else, without waiting for anything.
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

    /// Starts it with Alpha Vantage's stand-in as the provider, polled each second.
    pub(crate) async fn track(&self, exchange: &Exchange, more: &[(&str, &str)]) -> Product {
        let url = exchange.url();
        self.start(&polling(&url, more)).await
    }
}

/// What a tracker is told that polls a stand-in at `url` each second.
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

/// The address in a line such as `GraphQL    http://127.0.0.1:8080/graphql`.
async fn announced(process: &Process, what: &str) -> SocketAddr {
    let find = |event: &Value| {
        let told = event["message"].as_str()?.strip_prefix(what)?;
        let url = told.trim().strip_prefix("http://")?;
        url.split('/').next()?.parse().ok()
    };
    process.logged("it announces where it listens", find).await
}

impl Product {
    async fn ready(&self, listener: SocketAddr) {
        let url = format!("http://{listener}/readyz");
        until(
            "it is ready",
            || self.last_words(),
            async || {
                let answer = self.http.get(&url).send().await.ok()?;
                answer.status().is_success().then_some(())
            },
        )
        .await;
    }

    /// The end of what the processes said.
    pub(crate) fn last_words(&self) -> String {
        let tracker = self.tracker.as_ref().map(Process::last_words);
        format!("{}\n{}", self.api.last_words(), tracker.unwrap_or_default())
    }

    /// Everything that the processes wrote.
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

    /// Answers `GET` of a path.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::GET, path)).await
    }

    /// A GraphQL request by `POST`, to be sent by [`Answer::to`].
    pub(crate) fn post(&self, query: &str, variables: &Value) -> RequestBuilder {
        let body = json!({"query": query, "variables": variables});
        self.request(Method::POST, "/graphql").json(&body)
    }

    /// Answers a GraphQL request by `POST`.
    pub(crate) async fn graphql(&self, query: &str, variables: Value) -> Answer {
        Answer::to(self.post(query, &variables)).await
    }

    /// As the admin.
    pub(crate) async fn admin(&self, query: &str, variables: Value) -> Answer {
        Answer::to(self.post(query, &variables).bearer_auth(ADMIN)).await
    }

    /// The data of a query that must succeed.
    pub(crate) async fn ask(&self, query: &str) -> Value {
        self.graphql(query, json!({})).await.data()
    }

    /// Waits until the data of a query is as wanted.
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
