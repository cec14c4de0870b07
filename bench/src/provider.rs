//! A server in place of Alpha Vantage. Each quote is new and contains the time of its sending.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicU32, Ordering},
};

use axum::{Json, Router, extract::Query};
use runtime::clock::{Clock, SystemClock};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{background::Background, rows::trading_day};

/// The server, which stops on drop.
pub(crate) struct Provider {
    pub(crate) address: SocketAddr,
    _serving: Background,
}

impl Provider {
    pub(crate) fn start() -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = listener.expect("bind a port");
        listener.set_nonblocking(true).expect("a socket of tokio");
        let address = listener.local_addr().expect("an address");
        let serving = Background::run(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            let served = axum::serve(listener, Router::new().fallback(quote)).await;
            served.expect("serve connections");
        });
        Self {
            address,
            _serving: serving,
        }
    }
}

/// Sends a quote whose volume is the time in microseconds.
async fn quote(Query(parameters): Query<Vec<(String, String)>>) -> Json<Value> {
    static SENT: AtomicU32 = AtomicU32::new(0);
    let parameter = |wanted| {
        let mut all = parameters.iter();
        all.find(|(name, _)| name == wanted).map(|(_, value)| value)
    };
    if parameter("function").is_none_or(|it| it != "GLOBAL_QUOTE") {
        return Json(json!({"Information": "only quotes are provided"}));
    }
    let now = SystemClock.now();
    let cents = SENT.fetch_add(1, Ordering::Relaxed) % 97;
    Json(json!({ "Global Quote": {
        "01. symbol": parameter("symbol"),
        "02. open": "100.0000",
        "03. high": "101.0000",
        "04. low": "99.0000",
        "05. price": format!("99.{:02}00", cents + 1),
        "06. volume": now.micros().to_string(),
        "07. latest trading day": trading_day(now),
        "08. previous close": "100.0000",
    }}))
}
