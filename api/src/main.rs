//! The program `api`.
//!
//! Exit codes: 0 after draining, 1 after a failure, 2 if the settings are invalid.

use std::process::ExitCode;

use runtime::{config::Program, process};

fn main() -> ExitCode {
    process::main(Program::Api, api::startup::run, api::startup::code)
}
