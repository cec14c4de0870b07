//! Runs the product, the program `api` in the same directory as this program, replaying one stock.

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// A running `api`, which is killed on drop.
pub(crate) struct Product {
    child: Child,
    pub(crate) address: SocketAddr,
    _folder: TempDir,
}

impl Product {
    /// Starts an `api` that stores `rate` prices per second.
    pub(crate) fn start(rate: u32) -> Self {
        let folder = tempfile::tempdir().expect("create a directory");
        fs::write(folder.path().join("days.csv"), days()).expect("write the data set");
        let own = std::env::current_exe().expect("path of this program");
        let mut child = Command::new(own.with_file_name("api"))
            .env_clear()
            .envs([
                ("API_PORT", "0"),
                ("METRICS_PORT", "0"),
                ("LOG_FORMAT", "json"),
                ("DEFAULT_SYMBOLS", "AAPL"),
                ("REPLAY_FILE", "days.csv"),
            ])
            .env("REPLAY_SPEED", rate.to_string())
            // The same number of threads as the broadcaster.
            .env("TOKIO_WORKER_THREADS", "2")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("api is built beside this program");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let address = out
            .find_map(|line| address_in(&line.expect("a line")))
            .expect("the server prints its address");
        // Drain the output, so that the process never blocks on a full pipe.
        std::thread::spawn(move || out.for_each(drop));
        Self {
            child,
            address,
            _folder: folder,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        // Fails if the process has already exited, which is not an error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, url) = line.split_once("GraphQL    http://")?;
    url.split('/').next()?.parse().ok()
}

/// Daily prices for many years, with small differences.
fn days() -> String {
    let mut file = "Ticker,Date,Open,High,Low,Close,Volume,Adj Close\n".to_owned();
    let start = chrono::NaiveDate::from_ymd_opt(1990, 1, 1).expect("a date");
    let days = start.iter_days().filter(|day| {
        use chrono::Datelike;
        day.weekday().number_from_monday() < 6
    });
    for (at, day) in (0_u32..8000).zip(days) {
        let price = 100.0 + f64::from(at % 97) / 100.0;
        writeln!(
            file,
            "AAPL,{day},{price},{price},{price},{price},17145307,{price}"
        )
        .expect("writing to a string");
    }
    file
}
