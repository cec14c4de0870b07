//! The program `api`.
//!
//! One invariant: it ends with 0 after draining, 1 after a failure, 2 if the start was refused.

use std::process::ExitCode;

use runtime::{
    config::{Program, Refusal, Settings},
    lifecycle, say,
};
use store::OpenError;
use tracker::RosterError;

fn main() -> ExitCode {
    let settings = match Settings::from_process(Program::Api) {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    let ended = lifecycle::block_on(async move {
        match api::program::run(&settings).await {
            Ok(ending) => ending.code(),
            Err(error) => {
                say::err(format_args!("{error:#}"));
                code(&error)
            }
        }
    });
    ended.unwrap_or_else(|error| {
        say::err(error);
        ExitCode::FAILURE
    })
}

/// What a failed start ends with: 2 if what was set cannot be used, else 1.
fn code(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<OpenError>() {
        Some(error) => error.code(),
        None if error.is::<RosterError>() => Refusal::code(),
        None => ExitCode::FAILURE,
    }
}
