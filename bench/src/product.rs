//! The product as a process, replaying one stock. It is built in the same folder as this program.

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// A running `api`; it ends when this is dropped.
pub(crate) struct Product {
    child: Child,
    pub(crate) address: SocketAddr,
    _folder: TempDir,
}

impl Product {
    /// Starts one that stores `pace` prices a second.
    pub(crate) fn start(pace: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("days.csv"), days()).expect("it is written");
        let own = std::env::current_exe().expect("this program");
        let mut child = Command::new(own.with_file_name("api"))
            .env_clear()
            .envs([
                ("API_PORT", "0"),
                ("METRICS_PORT", "0"),
                ("LOG_FORMAT", "json"),
                ("DEFAULT_SYMBOLS", "AAPL"),
                ("REPLAY_FILE", "days.csv"),
            ])
            .env("REPLAY_SPEED", pace.to_string())
            // As many threads as the broadcaster has.
            .env("TOKIO_WORKER_THREADS", "2")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("api is built beside this program");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let address = out
            .find_map(|line| announced(&line.expect("a line")))
            .expect("it tells where it listens");
        // It must never wait for somebody to read what it says.
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
        // One that has ended cannot be killed, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn announced(line: &str) -> Option<SocketAddr> {
    let (_, url) = line.split_once("GraphQL    http://")?;
    url.split('/').next()?.parse().ok()
}

/// Prices that differ a little, for many years.
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
        .expect("a string has room");
    }
    file
}
