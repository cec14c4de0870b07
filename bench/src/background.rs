//! Tasks on their own thread, so that they do not delay the load generator.

use tokio::sync::oneshot;

/// A running task, which is stopped on drop.
pub(crate) struct Background {
    _stop: oneshot::Sender<()>,
}

impl Background {
    /// Runs a task on a new thread until it ends or the value is dropped.
    pub(crate) fn run(task: impl Future<Output = ()> + Send + 'static) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("create a runtime");
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    () = task => {}
                }
            });
        });
        Self { _stop: stop }
    }
}
