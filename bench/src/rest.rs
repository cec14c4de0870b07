//! Every path of the REST API under load.

use crate::{
    Effort,
    http::{self, Connection, Measured, Requests},
    product::Product,
    report::{Report, Rows, number},
    rows::{STOCKS, symbol},
};

/// `SYMBOL` takes the symbols of all stocks in turn.
const PATHS: [&str; 10] = [
    "/api/v1/stocks",
    "/api/v1/stocks/SYMBOL",
    "/api/v1/stocks/SYMBOL/history",
    "/api/v1/stocks/SYMBOL/alerts",
    "/api/v1/alerts",
    "/api/v1/rules",
    "/api/v1/health",
    "/api/v1/openapi.json",
    "/livez",
    "/readyz",
];

pub(crate) const HEADER: [&str; 7] = [
    "path",
    "database",
    "requests/s",
    "CPU µs",
    "p50 ms",
    "p95 ms",
    "p99 ms",
];

/// Measures all paths.
pub(crate) async fn measure(
    product: &Product,
    effort: Effort,
    report: &mut Report,
    rows: &mut Rows,
) {
    let mut slowest: f64 = 0.0;
    for path in PATHS {
        let stocks = if path.contains("SYMBOL") { STOCKS } else { 1 };
        let request = |at| http::get(&path.replace("SYMBOL", symbol(at).as_str()));
        let requests: Requests = (0..stocks).map(request).collect();
        let mut connection = Connection::open(product.address).await.expect("connect");
        connection.exchange(&requests[0]).await.assert_ok();
        let mut measured = Measured::default();
        http::load(product.address, &requests, effort.warm_up).await;
        measured
            .load(product.target(), &requests, effort.measured)
            .await;
        let (rate, cpu) = (measured.rate(), measured.cpu());
        let [p50, p95, p99] = measured.latencies.percentiles();
        slowest = slowest.max(p95);
        let texts = [format!("`{path}`"), product.database.to_owned()];
        let figures = [rate, cpu, p50, p95, p99].map(number);
        rows.push(texts.into_iter().chain(figures).collect());
    }
    report.figure(
        format!("REST: p95 of the slowest path, {}", product.database),
        format!("{} ms", number(slowest)),
    );
}
