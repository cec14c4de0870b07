//! GraphQL queries over HTTP, beside a server that sends the same bytes.

use serde_json::json;

use crate::{
    Effort,
    answerer::Answerer,
    http::{self, Connection, Measured, Requests},
    product::Product,
    report::{Report, Rows, number},
    rows::{STOCKS, symbol},
};

/// A query and what it reads.
struct Query {
    name: &'static str,
    reads: &'static str,
    document: &'static str,
    /// Whether it has the variable `symbol`, which takes the symbols of all stocks in turn.
    is_of_stock: bool,
}

const QUERIES: [Query; 5] = [
    Query {
        name: "q1",
        reads: "a stock with its latest price",
        document: "query Q1($symbol: Symbol!) { stock(symbol: $symbol) { symbol name currency \
                   exchange latestPrice { price volume change changePercent recordedAt } } }",
        is_of_stock: true,
    },
    Query {
        name: "q2",
        reads: "100 stocks with their latest price",
        document: "query Q2 { stocks(first: 100) { nodes { symbol name \
                   latestPrice { price changePercent recordedAt } } } }",
        is_of_stock: false,
    },
    Query {
        name: "q3",
        reads: "the newest 100 prices of a stock",
        document: "query Q3($symbol: Symbol!) { history(symbol: $symbol, first: 100) { nodes { \
                   price volume change changePercent recordedAt } } }",
        is_of_stock: true,
    },
    Query {
        name: "q4",
        reads: "10 stocks with 20 prices and 5 alerts each",
        document: "query Q4 { stocks(first: 10) { nodes { symbol \
                   history(first: 20) { nodes { price recordedAt } } \
                   alerts(first: 5) { nodes { kind message triggeredAt } } } } }",
        is_of_stock: false,
    },
    Query {
        name: "q5",
        reads: "the newest 50 alerts with their stock",
        document: "query Q5 { alerts(first: 50) { nodes { kind price message triggeredAt \
                   stock { symbol } } } }",
        is_of_stock: false,
    },
];

pub(crate) const HEADER: [&str; 12] = [
    "query",
    "database",
    "requests/s",
    "CPU µs",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "bare requests/s",
    "bare CPU µs",
    "bare p99 ms",
    "ratio of CPU",
    "KiB",
];

/// Measures all queries, alternately with the bare server.
pub(crate) async fn measure(
    product: &Product,
    effort: Effort,
    report: &mut Report,
    rows: &mut Rows,
) {
    for query in &QUERIES {
        let requests = query.requests();
        let mut connection = Connection::open(product.address).await.expect("connect");
        let response = connection.exchange(&requests[0]).await;
        response.assert_ok();
        let size = response.body.len();
        let bare_server = Answerer::start(&response);
        let bare_target = (bare_server.process.id(), bare_server.address);
        let (mut ours, mut bare) = (Measured::default(), Measured::default());
        for _ in 0..effort.rounds {
            for (target, measured) in [(product.target(), &mut ours), (bare_target, &mut bare)] {
                http::load(target.1, &requests, effort.warm_up).await;
                measured.load(target, &requests, effort.measured).await;
            }
        }
        report.compare(
            format!("{}: {}, {}", query.name, query.reads, product.database),
            "µs CPU",
            ours.cpu(),
            bare.cpu(),
        );
        rows.push(query.row(product.database, ours, bare, size));
    }
}

impl Query {
    fn requests(&self) -> Requests {
        let stocks = if self.is_of_stock { STOCKS } else { 1 };
        let request = |at| {
            let variables = if self.is_of_stock {
                json!({ "symbol": symbol(at) })
            } else {
                json!({})
            };
            http::post(self.document, &variables)
        };
        (0..stocks).map(request).collect()
    }

    fn row(&self, database: &str, ours: Measured, bare: Measured, size: usize) -> Vec<String> {
        let kib = f64::from(u32::try_from(size).expect("a small response")) / 1024.0;
        let (rate, cpu, bare_rate, bare_cpu) = (ours.rate(), ours.cpu(), bare.rate(), bare.cpu());
        let [p50, p95, p99] = ours.latencies.percentiles();
        let [_, _, bare_p99] = bare.latencies.percentiles();
        let figures = [
            rate,
            cpu,
            p50,
            p95,
            p99,
            bare_rate,
            bare_cpu,
            bare_p99,
            cpu / bare_cpu,
            kib,
        ];
        [self.name, database]
            .map(str::to_owned)
            .into_iter()
            .chain(figures.map(number))
            .collect()
    }
}
