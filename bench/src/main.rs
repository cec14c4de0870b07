//! What it costs to tell many subscribers of one price: the product beside a bare broadcaster, in one run.
//!
//! The product is the program `api` as somebody runs it, on a SQLite file: it replays one stock at a fixed pace, stores
//! every price, and tells it to each of N sockets of graphql-transport-ws. The broadcaster does nothing but send a frame
//! of the same size, made once, to N sockets at the same pace: as cheap as a WebSocket server of this library can be.
//! `make bench` builds both and runs it; the figures are of the servers' processes, as the kernel counts them.

mod broadcaster;
mod product;
mod subscriber;
mod usage;

use std::{net::SocketAddr, time::Duration};

use self::{broadcaster::Broadcaster, product::Product, usage::Usage};

/// Messages a second, to all subscribers together.
const DELIVERIES: u32 = 10_000;
const SUBSCRIBERS: [u32; 3] = [100, 500, 1000];
const WARM_UP: Duration = Duration::from_secs(2);
const MEASURED: Duration = Duration::from_secs(8);
/// The argument that makes this program the broadcaster.
const BROADCAST: &str = "--broadcast";

/// What was measured of one server.
struct Cost {
    /// Microseconds of CPU time a message.
    cpu: f64,
    /// KiB of resident memory a connection.
    memory: f64,
    /// Messages a second.
    rate: f64,
}

#[expect(
    clippy::disallowed_methods,
    reason = "no settings, but which of two programs this is"
)]
fn main() {
    let mut args = std::env::args().skip(1);
    let is_broadcaster = args.next().is_some_and(|arg| arg == BROADCAST);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    // Servers have two threads; who listens to them has one, so that it disturbs them alike.
    let runtime = runtime
        .worker_threads(if is_broadcaster { 2 } else { 1 })
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    if is_broadcaster {
        let pace = args
            .next()
            .and_then(|pace| pace.parse().ok())
            .expect("a pace");
        let size = args
            .next()
            .and_then(|size| size.parse().ok())
            .expect("a size");
        runtime.block_on(broadcaster::serve(pace, size));
    } else {
        runtime.block_on(compare());
    }
}

#[expect(clippy::print_stdout, reason = "this is what it is for")]
async fn compare() {
    println!("{DELIVERIES} messages a second to N subscribers of one stock, for {MEASURED:?}");
    for count in SUBSCRIBERS {
        let pace = DELIVERIES / count;
        let idle = {
            let product = Product::start(pace);
            tokio::time::sleep(WARM_UP).await;
            let before = Usage::of(product.id());
            tokio::time::sleep(MEASURED).await;
            (Usage::of(product.id()).cpu - before.cpu) / MEASURED.as_secs_f64()
        };
        let product = Product::start(pace);
        let (ours, size) = measure(product.address, product.id(), count).await;
        drop(product);
        let broadcaster = Broadcaster::start(pace, size);
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

/// What `count` subscribers cost a server, and how large its messages are.
async fn measure(address: SocketAddr, process: u32, count: u32) -> (Cost, usize) {
    // What is allocated once should not be counted to the connections.
    drop(subscriber::Crowd::gather(address, 20).await);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let alone = Usage::of(process);
    let crowd = subscriber::Crowd::gather(address, count).await;
    tokio::time::sleep(WARM_UP).await;
    let before = (Usage::of(process), crowd.heard());
    tokio::time::sleep(MEASURED).await;
    let after = (Usage::of(process), crowd.heard());
    let heard = f64::from(after.1 - before.1);
    let cost = Cost {
        cpu: (after.0.cpu - before.0.cpu) / heard * 1e6,
        memory: (after.0.resident - alone.resident) / f64::from(count),
        rate: heard / MEASURED.as_secs_f64(),
    };
    (cost, crowd.size())
}
