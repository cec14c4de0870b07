//! Starting on an existing SQLite file, and idling.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    Effort,
    product::{Database, Product},
    provider::Provider,
    report::{Report, number, table},
    rows::STOCKS,
    usage::Usage,
};

/// The number of starts, of which the median counts.
const STARTS: usize = 5;
const HEADER: [&str; 4] = ["prices", "ready after ms", "idle MiB", "idle CPU %"];

pub(crate) async fn measure(provider: &Provider, effort: Effort, report: &mut Report) {
    let database = Database::sqlite_with(effort.old_prices).await;
    let mut starts = Vec::new();
    // The first start reads the file into the memory of the system.
    for _ in 0..STARTS {
        let product = Product::start(&database, provider).await;
        starts.push(product.started_in);
    }
    starts.sort_unstable();
    let ready = starts[STARTS / 2].as_secs_f64() * 1e3;
    let product = Product::start(&database, provider).await;
    // What a start leaves to do.
    sleep(Duration::from_secs(5)).await;
    let before = Usage::of(product.api.id());
    let idle = effort.measured * 3;
    sleep(idle).await;
    let after = Usage::of(product.api.id());
    let cpu = (after.cpu - before.cpu) / idle.as_secs_f64() * 100.0;
    let mib = after.resident / 1024.0;
    let prices = u64::from(effort.old_prices) * u64::from(STOCKS);
    let row = [prices.to_string(), number(ready), number(mib), number(cpu)];
    report.section("idle", &table(&HEADER, &[row.to_vec()]));
    let of_file = format!("on a SQLite file of {prices} prices");
    report.figure(format!("start {of_file}"), format!("{} ms", number(ready)));
    report.figure(
        format!("idle {of_file}"),
        format!("{} MiB, {} % CPU", number(mib), number(cpu)),
    );
}
