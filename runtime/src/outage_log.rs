//! Logs an outage once when it begins and once when it ends.

use std::error::Error;

/// The log of an operation that is repeated. Its first failure is logged as a warning, further
/// failures at debug level, and the first success after them as information.
#[derive(Debug)]
pub struct OutageLog {
    failed: &'static str,
    recovered: &'static str,
    is_failing: bool,
}

impl OutageLog {
    /// Creates a log from the messages for a failure and for the recovery.
    pub const fn new(failed: &'static str, recovered: &'static str) -> Self {
        Self {
            failed,
            recovered,
            is_failing: false,
        }
    }

    /// Records the result of an attempt. Returns whether it succeeded.
    pub fn record<T, E: Error + 'static>(&mut self, result: &Result<T, E>) -> bool {
        match result {
            Ok(_) => self.succeed(),
            Err(error) => self.fail(error),
        }
        result.is_ok()
    }

    /// Records a success.
    pub fn succeed(&mut self) {
        if std::mem::take(&mut self.is_failing) {
            tracing::info!("{}", self.recovered);
        }
    }

    /// Records a failure.
    pub fn fail(&mut self, error: &(dyn Error + 'static)) {
        if std::mem::replace(&mut self.is_failing, true) {
            tracing::debug!(error, "{}", self.failed);
        } else {
            tracing::warn!(error, "{}", self.failed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fmt::Error,
        io::{self, Write},
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Output(Arc<Mutex<Vec<u8>>>);

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_outage_is_logged_once_when_it_begins_and_once_when_it_ends() {
        let output = Output::default();
        let writer = output.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let mut outage = OutageLog::new("failed to read", "reading again");
            for result in [Ok(()), Err(Error), Err(Error), Ok(()), Ok(()), Err(Error)] {
                assert_eq!(outage.record(&result), result.is_ok());
            }
        });
        let bytes = output.0.lock().expect("not poisoned").clone();
        let text = String::from_utf8(bytes).expect("text");
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let error = "error=an error occurred when formatting an argument";
        let failed = format!("WARN failed to read {error}");
        assert_eq!(lines, [&failed, "INFO reading again", &failed]);
    }
}
