//! Prices that arrive while something is measured: `refreshStock` mutations at a fixed rate.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval_at, sleep},
};

use crate::{
    background::Background,
    http::{Connection, admin_post},
    rows::{STOCKS, symbol},
};

const MUTATION: &str =
    "mutation($symbol: Symbol!) { refreshStock(input: {symbol: $symbol}) { stock { symbol } } }";
/// The number of connections, so of concurrent refreshes.
const CLIENTS: u32 = 20;
/// How long the tracker may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Refreshes of all stocks in turn, which end on drop.
pub(crate) struct Refreshes {
    refreshed: Arc<AtomicU32>,
    begun: Instant,
    _sending: Background,
}

impl Refreshes {
    /// Waits until stocks can be refreshed, then refreshes `rate` stocks a second.
    pub(crate) async fn start(address: SocketAddr, rate: u32) -> Self {
        wait_until_refreshed(address).await;
        let refreshed = Arc::<AtomicU32>::default();
        let counter = Arc::clone(&refreshed);
        let sending = Background::run(async move {
            let mut clients = JoinSet::new();
            for at in 0..CLIENTS {
                clients.spawn(refresh(address, at, rate, Arc::clone(&counter)));
            }
            clients.join_all().await;
        });
        Self {
            refreshed,
            begun: Instant::now(),
            _sending: sending,
        }
    }

    /// Stops. Returns how many prices arrived per second.
    pub(crate) fn end(self) -> f64 {
        let refreshed = self.refreshed.load(Ordering::Relaxed);
        f64::from(refreshed) / self.begun.elapsed().as_secs_f64()
    }
}

fn request(turn: u32) -> Vec<u8> {
    admin_post(MUTATION, &json!({ "symbol": symbol(turn % STOCKS) }))
}

async fn wait_until_refreshed(address: SocketAddr) {
    let begun = Instant::now();
    let mut connection = Connection::open(address).await.expect("connect");
    loop {
        let response = connection.exchange(&request(0)).await;
        let body = String::from_utf8_lossy(response.body);
        if response.is_ok() && !body.contains(r#""errors":"#) {
            return;
        }
        assert!(begun.elapsed() < START_TIMEOUT, "{}{body}", response.head);
        sleep(Duration::from_millis(100)).await;
    }
}

/// Sends the share of one client.
async fn refresh(address: SocketAddr, client: u32, rate: u32, refreshed: Arc<AtomicU32>) {
    let mut connection = Connection::open(address).await.expect("connect");
    let between = Duration::from_secs(1) / rate;
    let mut due = interval_at(Instant::now() + between * client, between * CLIENTS);
    due.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut turn = client;
    loop {
        due.tick().await;
        connection.exchange(&request(turn)).await.assert_ok();
        refreshed.fetch_add(1, Ordering::Relaxed);
        turn += CLIENTS;
    }
}
