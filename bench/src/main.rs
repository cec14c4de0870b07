//! Measures the cost of delivering one price to many subscribers, compared with a bare broadcaster.
//!
//! The product is the program `api` with a SQLite file. It replays one stock at a fixed rate,
//! stores every price, and sends it to each of N `graphql-transport-ws` connections. The
//! broadcaster only sends a pre-built frame of the same size to N connections at the same rate,
//! which is the minimum for a WebSocket server with this library. `make bench` builds and runs
//! both. The figures are those of the server processes, as reported by the kernel.

mod broadcaster;
mod product;
mod subscriber;
mod usage;

use std::{net::SocketAddr, time::Duration};

use self::{broadcaster::Broadcaster, product::Product, usage::Usage};

/// Messages per second, to all subscribers together.
const DELIVERIES: u32 = 10_000;
const SUBSCRIBERS: [u32; 3] = [100, 500, 1000];
const WARM_UP: Duration = Duration::from_secs(2);
const MEASURED: Duration = Duration::from_secs(8);
/// The argument that runs this program as the broadcaster.
const BROADCAST: &str = "--broadcast";

/// The measured cost of one server.
struct Cost {
    /// Microseconds of CPU time per message.
    cpu: f64,
    /// KiB of resident memory per connection.
    memory: f64,
    /// Messages per second.
    rate: f64,
}

#[expect(
    clippy::disallowed_methods,
    reason = "selects between two programs, not a setting"
)]
fn main() {
    let mut args = std::env::args().skip(1);
    let is_broadcaster = args.next().is_some_and(|arg| arg == BROADCAST);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    // The servers have two threads, the subscribers one, so that they affect both servers equally.
    let runtime = runtime
        .worker_threads(if is_broadcaster { 2 } else { 1 })
        .enable_all()
        .build();
    let runtime = runtime.expect("create a runtime");
    if is_broadcaster {
        let rate = args
            .next()
            .and_then(|rate| rate.parse().ok())
            .expect("a rate argument");
        let size = args
            .next()
            .and_then(|size| size.parse().ok())
            .expect("a size argument");
        runtime.block_on(broadcaster::serve(rate, size));
    } else {
        runtime.block_on(compare());
    }
}

#[expect(clippy::print_stdout, reason = "the program prints its results")]
async fn compare() {
    println!("{DELIVERIES} messages a second to N subscribers of one stock, for {MEASURED:?}");
    for count in SUBSCRIBERS {
        let rate = DELIVERIES / count;
        let idle = {
            let product = Product::start(rate);
            tokio::time::sleep(WARM_UP).await;
            let before = Usage::of(product.id());
            tokio::time::sleep(MEASURED).await;
            (Usage::of(product.id()).cpu - before.cpu) / MEASURED.as_secs_f64()
        };
        let product = Product::start(rate);
        let (ours, size) = measure(product.address, product.id(), count).await;
        drop(product);
        let broadcaster = Broadcaster::start(rate, size);
        let (bare, _) = measure(broadcaster.address, broadcaster.id(), count).await;
        let beside = idle * 1e6 / ours.rate;
        let fan_out = ours.cpu - beside;
        println!(
            "{count:>5} subscribers: product {:.1} µs CPU a message ({beside:.1} of it polling and storing), {:.1} KiB a \
             connection, {:.0}/s\n                   bare    {:.1} µs CPU a message, {:.1} KiB a connection, {:.0}/s\n\
             {:19}ratio   {:.2} in all, {:.2} without polling and storing",
            ours.cpu,
            ours.memory,
            ours.rate,
            bare.cpu,
            bare.memory,
            bare.rate,
            "",
            ours.cpu / bare.cpu,
            fan_out / bare.cpu,
        );
    }
}

/// Measures the cost of a server with `count` subscribers, and the size of its messages.
async fn measure(address: SocketAddr, process: u32, count: u32) -> (Cost, usize) {
    // Warm up, so that one-time allocations are not attributed to connections.
    drop(subscriber::Subscribers::connect(address, 20).await);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let alone = Usage::of(process);
    let crowd = subscriber::Subscribers::connect(address, count).await;
    tokio::time::sleep(WARM_UP).await;
    let before = (Usage::of(process), crowd.received());
    tokio::time::sleep(MEASURED).await;
    let after = (Usage::of(process), crowd.received());
    let received = f64::from(after.1 - before.1);
    let cost = Cost {
        cpu: (after.0.cpu - before.0.cpu) / received * 1e6,
        memory: (after.0.resident - alone.resident) / f64::from(count),
        rate: received / MEASURED.as_secs_f64(),
    };
    (cost, crowd.size())
}
