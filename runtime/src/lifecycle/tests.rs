//! Tests of the graceful shutdown, with tokio's time paused.

use std::io;

use super::*;

const GRACE: Duration = Duration::from_secs(20);

fn lifecycle() -> Lifecycle {
    Lifecycle::without_signals(GRACE, Random::seeded(1))
}

#[tokio::test(start_paused = true)]
async fn requests_are_served_for_a_second_after_readiness_failed() {
    let lifecycle = lifecycle();
    let shutdown = lifecycle.shutdown().clone();
    let watch = shutdown.track({
        let shutdown = shutdown.clone();
        async move {
            shutdown.draining().cancelled().await;
            let unready = Instant::now();
            shutdown.soft().cancelled().await;
            unready.elapsed()
        }
    });
    shutdown.begin();
    assert_eq!(lifecycle.run().await, ShutdownOutcome::Drained);
    assert!(watch.await.expect("the task ended") >= Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_does_not_drain_ends_at_the_grace_period() {
    let lifecycle = lifecycle();
    let shutdown = lifecycle.shutdown().clone();
    shutdown.track(std::future::pending::<()>());
    shutdown.begin();
    let begun = Instant::now();
    assert_eq!(lifecycle.run().await, ShutdownOutcome::GraceExceeded);
    assert_eq!(begun.elapsed(), GRACE);
    assert!(shutdown.hard().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn sockets_that_close_with_jitter_are_drained_within_a_third_of_the_grace() {
    let lifecycle = lifecycle();
    let shutdown = lifecycle.shutdown().clone();
    let sockets: Vec<_> = (0..50)
        .map(|_| {
            let shutdown = shutdown.clone();
            lifecycle.shutdown().track(async move {
                shutdown.soft().cancelled().await;
                let delay = shutdown.closing_delay();
                tokio::time::sleep(delay).await;
                delay
            })
        })
        .collect();
    shutdown.begin();
    let begun = Instant::now();
    assert_eq!(lifecycle.run().await, ShutdownOutcome::Drained);
    assert!(begun.elapsed() <= shutdown.shutdown_delay() + shutdown.closing_spread());
    let mut delays = Vec::new();
    for socket in sockets {
        delays.push(socket.await.expect("the task ended"));
    }
    let spread = delays
        .iter()
        .max()
        .expect("at least one delay")
        .saturating_sub(*delays.iter().min().expect("at least one delay"));
    assert!(spread > shutdown.closing_spread() / 2, "{spread:?}");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_fails_ends_the_process_with_failure() {
    let lifecycle = lifecycle();
    lifecycle.shutdown().spawn("poll", async {
        Err(io::Error::other("the connection is lost"))
    });
    assert_eq!(lifecycle.run().await, ShutdownOutcome::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_ends_the_process_with_failure() {
    let lifecycle = lifecycle();
    lifecycle.shutdown().spawn("poll", async {
        assert_eq!(1, 2, "on purpose");
        Ok::<_, io::Error>(())
    });
    assert_eq!(lifecycle.run().await, ShutdownOutcome::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ends_too_early_ends_the_process_with_failure() {
    let lifecycle = lifecycle();
    lifecycle
        .shutdown()
        .spawn("poll", async { Ok::<_, io::Error>(()) });
    assert_eq!(lifecycle.run().await, ShutdownOutcome::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ends_at_shutdown_is_not_a_failure() {
    let lifecycle = lifecycle();
    let shutdown = lifecycle.shutdown().clone();
    let soft = shutdown.soft().clone();
    shutdown.spawn("poll", async move {
        soft.cancelled().await;
        Ok::<_, io::Error>(())
    });
    shutdown.begin();
    assert_eq!(lifecycle.run().await, ShutdownOutcome::Drained);
}

#[tokio::test(start_paused = true)]
async fn a_background_task_runs_while_others_drain_and_ends_after_them() {
    let lifecycle = lifecycle();
    let shutdown = lifecycle.shutdown().clone();
    shutdown.spawn_background("metrics", std::future::pending::<io::Result<()>>());
    shutdown.begin();
    assert_eq!(lifecycle.run().await, ShutdownOutcome::Drained);
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_aborts_the_shutdown() {
    let lifecycle = lifecycle();
    let shutdown = lifecycle.shutdown().clone();
    shutdown.track(std::future::pending::<()>());
    shutdown.begin();
    shutdown.hard().cancel();
    let begun = Instant::now();
    assert_eq!(lifecycle.run().await, ShutdownOutcome::GraceExceeded);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn shutdown_interrupts_a_waiting_startup() {
    let lifecycle = lifecycle();
    let shutdown = lifecycle.shutdown();
    assert_eq!(shutdown.unless_stopped(async { 1 }).await, Some(1));
    shutdown.begin();
    assert_eq!(
        shutdown.unless_stopped(std::future::pending::<()>()).await,
        None
    );
}

#[test]
fn a_short_grace_leaves_time_for_every_stage() {
    for millis in [1, 500, 1_000, 2_000, 3_000, 20_000, 60_000] {
        let grace = Duration::from_millis(millis);
        let lifecycle = Lifecycle::without_signals(grace, Random::seeded(1));
        let shutdown = lifecycle.shutdown();
        assert!(shutdown.shutdown_delay() + shutdown.closing_spread() < grace);
        assert!(millis < 2_000 || shutdown.shutdown_delay() >= Duration::from_secs(1));
    }
}
