//! A product whose replay has ended, for tests that only read.
//!
//! Its data never changes, so tests that run at the same time share one product. It ends with the
//! last of them.

use std::{
    fs,
    ops::Deref,
    sync::{Arc, Weak},
};

use serde_json::Value;
use testkit::TestDatabaseUrl;
use tokio::sync::Mutex;

use crate::product::{ADMIN, Home, Product};

/// The closes of AAPL, oldest first: the first has no previous close, 105 is a rise of exactly 5 %,
/// and the last is one of 14.99999998 %, which is rounded to 15 in the message.
pub(crate) const AAPL: [&str; 12] = [
    "100",
    "105",
    "105.12345678",
    "94",
    "94.5",
    "100.5",
    "101",
    "102",
    "103",
    "104",
    "103.00000001",
    "118.45",
];
/// The closes of IBM: the last is a fall by more than 5 %.
pub(crate) const IBM: [&str; 12] = [
    "50", "50.1", "50.2", "50.3", "50.4", "50.5", "50.6", "50.7", "50.8", "50.9", "51", "48",
];
/// The trading days.
pub(crate) const DAYS: [&str; 12] = [
    "2008-01-02",
    "2008-01-03",
    "2008-01-04",
    "2008-01-07",
    "2008-01-08",
    "2008-01-09",
    "2008-01-10",
    "2008-01-11",
    "2008-01-14",
    "2008-01-15",
    "2008-01-16",
    "2008-01-17",
];
/// The alerts of the default rule, oldest first.
pub(crate) const ALERTS: [&str; 5] = [
    "AAPL rose 5% to 105",
    "AAPL fell 10.58% to 94",
    "AAPL rose 6.35% to 100.5",
    "AAPL rose 15% to 118.45",
    "IBM fell 5.88% to 48",
];

/// A product that replayed a file of AAPL and IBM, and tracks MSFT, which the file does not
/// contain.
pub(crate) struct Archive {
    product: Product,
    _home: Home,
}

impl Deref for Archive {
    type Target = Product;

    fn deref(&self) -> &Product {
        &self.product
    }
}

/// The archives in use.
static ON_SQLITE: Mutex<Weak<Archive>> = Mutex::const_new(Weak::new());
static ON_POSTGRESQL: Mutex<Weak<Archive>> = Mutex::const_new(Weak::new());

impl Archive {
    /// On a SQLite file.
    pub(crate) async fn sqlite() -> Arc<Self> {
        let mut held = ON_SQLITE.lock().await;
        if let Some(archive) = held.upgrade() {
            return archive;
        }
        let archive = Arc::new(Self::fill(Home::new(TestDatabaseUrl::sqlite())).await);
        *held = Arc::downgrade(&archive);
        archive
    }

    /// On a PostgreSQL database.
    pub(crate) async fn postgresql() -> Arc<Self> {
        let mut held = ON_POSTGRESQL.lock().await;
        if let Some(archive) = held.upgrade() {
            return archive;
        }
        let archive = Arc::new(Self::fill(Home::new(TestDatabaseUrl::postgres().await)).await);
        *held = Arc::downgrade(&archive);
        archive
    }

    async fn fill(home: Home) -> Self {
        let file = home.folder.path().join("days.csv");
        fs::write(&file, days()).expect("written");
        let variables = [
            ("REPLAY_FILE", file.to_str().expect("a path")),
            ("REPLAY_SPEED", "max"),
            ("REPLAY_LOOP", "false"),
            ("DEFAULT_SYMBOLS", "AAPL,IBM,MSFT"),
            ("ADMIN_TOKEN", ADMIN),
        ];
        let product = home.start(&variables).await;
        // From the database, and from memory, which follows it.
        let query = r#"{ history(symbol: "IBM") { nodes { price } } alerts { totalCount }
            stock(symbol: "AAPL") { latestPrice { price } } stocks { nodes { stale } } }"#;
        let ended = |data: &Value| {
            let prices = data["history"]["nodes"].as_array().expect("a list").len();
            let alerts = data["alerts"]["totalCount"] == ALERTS.len();
            let held = data["stock"]["latestPrice"]["price"] == AAPL[AAPL.len() - 1];
            // MSFT has no price and is stale until the tracker has stored that the replay has
            // ended.
            let stocks = data["stocks"]["nodes"].as_array().expect("a list");
            let ended = stocks.iter().all(|stock| stock["stale"] == false);
            (prices == IBM.len() && alerts && held && ended).then_some(())
        };
        product.until_data("the replay ends", query, ended).await;
        Self {
            product,
            _home: home,
        }
    }
}

fn days() -> String {
    let mut file = "Ticker,Date,Open,High,Low,Close,Volume,Adj Close\n".to_owned();
    for (at, day) in DAYS.iter().enumerate() {
        for (symbol, close) in [("AAPL", AAPL[at]), ("IBM", IBM[at])] {
            let row = [symbol, day, close, close, close, close, "1000", close];
            file.push_str(&row.join(","));
            file.push('\n');
        }
    }
    file
}

/// Runs each test on the archive of each database: `name::on_sqlite` and `name::on_postgresql`.
macro_rules! on_archives {
    ($($(#[$meta:meta])* async fn $name:ident($archive:ident) $body:block)+) => {
        $(
            $(#[$meta])*
            async fn $name($archive: &$crate::archive::Archive) $body

            // A module and a function may have the same name.
            mod $name {
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_sqlite() {
                    super::$name(&*$crate::archive::Archive::sqlite().await).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_postgresql() {
                    super::$name(&*$crate::archive::Archive::postgresql().await).await;
                }
            }
        )+
    };
}

pub(crate) use on_archives;
