//! Signals to a process.

use std::{
    process::{Command, ExitCode},
    time::Duration,
};

use runtime::{
    lifecycle::{self, Lifecycle, ShutdownOutcome, Signals},
    random::Random,
};

#[test]
fn a_sigterm_drains_and_ends_with_success() {
    let program = async {
        let signals = Signals::catch().expect("install the handlers");
        let lifecycle = Lifecycle::start(signals, Duration::from_millis(600), Random::seeded(1));
        let shutdown = lifecycle.shutdown().clone();
        let soft = shutdown.soft().clone();
        let socket = shutdown.track(async move { soft.cancelled().await });

        let own = std::process::id().to_string();
        let sent = Command::new("kill").args(["-TERM", &own]).status();
        assert!(sent.expect("run kill").success());

        assert_eq!(lifecycle.run().await, ShutdownOutcome::Drained);
        socket.await.expect("the socket was closed");
        ShutdownOutcome::Drained.exit_code()
    };
    let code = lifecycle::block_on(program).expect("a runtime");
    assert_eq!(code, ExitCode::SUCCESS);
}
