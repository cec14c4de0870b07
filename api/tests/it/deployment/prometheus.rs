//! Runs Debian's Prometheus with the configuration of `deploy/prometheus`.
//!
//! Only the targets and the scrape interval are replaced.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    process::Command,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{program, shipped, text, yaml};
use crate::{
    answer::browser,
    process::Process,
    product::{Home, Product},
};

/// A running Prometheus that scrapes the product every second.
pub(crate) struct Prometheus {
    process: Process,
    address: SocketAddr,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts Prometheus.
    pub(crate) fn watch(home: &Home, product: &Product) -> Self {
        let folder = tempfile::tempdir_in(home.folder.path()).expect("a folder");
        let configuration = folder.path().join("prometheus.yml");
        fs::write(&configuration, configured(product).to_string()).expect("written");
        let alerts = shipped("deploy/prometheus/alerts.yml");
        fs::copy(alerts, folder.path().join("alerts.yml")).expect("copied");
        // Prometheus does not report a port that the system chose.
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let data = folder.path().join("data");
        let process = Process::run(
            Command::new(program("prometheus", "prometheus"))
                .current_dir(folder.path())
                .arg(format!("--config.file={}", configuration.display()))
                .arg(format!("--storage.tsdb.path={}", data.display()))
                .arg(format!("--web.listen-address={address}")),
        );
        Self {
            process,
            address,
            _folder: folder,
        }
    }

    /// Returns `data` of a response of its API, or `None` while Prometheus does not respond.
    pub(crate) async fn api(&self, path: &str, query: &[(&str, &str)]) -> Option<Value> {
        let request = browser().get(format!("http://{}/api/v1/{path}", self.address));
        let mut answer: Value = request.query(query).send().await.ok()?.json().await.ok()?;
        assert_ne!(answer["status"], "error", "{path} {query:?}: {answer}");
        Some(answer["data"].take())
    }

    /// Returns the first value of a query that is finite and not negative.
    pub(crate) async fn number(&self, query: &str) -> Option<f64> {
        let data = self.api("query", &[("query", query)]).await?;
        let numbers = data["result"].as_array()?.iter().filter_map(|series| {
            let number: f64 = series["value"][1].as_str()?.parse().ok()?;
            (number.is_finite() && number >= 0.0).then_some(number)
        });
        numbers.into_iter().next()
    }

    /// The last lines of its output.
    pub(crate) fn last_words(&self) -> String {
        self.process.last_words()
    }
}

/// The shipped configuration with this product's addresses, as JSON, which is YAML.
fn configured(product: &Product) -> Value {
    let mut configuration = yaml(&text("deploy/prometheus/prometheus.yml"));
    configuration["global"] = json!({
        "scrape_interval": "1s",
        "scrape_timeout": "1s",
        "evaluation_interval": "1s",
    });
    let jobs = configuration["scrape_configs"].as_array_mut();
    for job in jobs.expect("a list") {
        let targets = match job["job_name"].as_str() {
            Some("api") => vec![product.metrics.to_string()],
            // A single process has no tracker target.
            Some("tracker") if product.tracker.is_none() => vec![],
            Some("tracker") => vec![product.tracking_metrics.to_string()],
            other => panic!("unknown job {other:?}"),
        };
        let job = job.as_object_mut().expect("a job");
        job.remove("dns_sd_configs").expect("found by name");
        job.insert("static_configs".to_owned(), json!([{"targets": targets}]));
    }
    configuration
}
