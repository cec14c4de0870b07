//! The command line: a flag for every variable, `--help` and `--version`.
//!
//! One invariant: the flags are those of the table, and what clap says of a wrong command line never repeats a value.

use std::{collections::HashMap, ffi::OsString};

use clap::{
    Arg, ArgAction, Command,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{Fallback, Fault, Program, Refusal, VARIABLES, Variable};

/// The flags given, by variable.
pub(super) type Flags = HashMap<&'static str, String>;

/// What a command line asks for.
pub(super) enum Parsed {
    /// To run with these flags.
    Flags(Flags),
    /// To print this and end.
    Print(String),
}

/// Reads a command line, without the program's name.
pub(super) fn parse(
    program: Program,
    args: impl IntoIterator<Item = OsString>,
) -> Result<Parsed, Refusal> {
    let line = std::iter::once(OsString::from(program.name())).chain(args);
    let mut matches = match command(program).try_get_matches_from(line) {
        Ok(matches) => matches,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            return Ok(Parsed::Print(error.render().to_string()));
        }
        Err(error) => {
            return Err(Refusal {
                faults: vec![fault(&error)],
            });
        }
    };
    let flags = VARIABLES
        .iter()
        .filter_map(|variable| Some((variable.name, matches.remove_one(variable.name)?)))
        .collect();
    Ok(Parsed::Flags(flags))
}

fn command(program: Program) -> Command {
    Command::new(program.name())
        .version(env!("CARGO_PKG_VERSION"))
        .about(program.about())
        .after_help(
            "Every flag is also an environment variable and a line of the file .env of the working \
             directory, under the name that [env: …] shows; a flag wins over the environment, \
             the environment over the file. Durations are an integer with ms, s, m, \
             h or d.",
        )
        .args(VARIABLES.iter().map(|variable| arg(program, variable)))
}

fn arg(program: Program, variable: &'static Variable) -> Arg {
    let default = match (variable.fallback.value(program), variable.fallback) {
        (Some(value), _) | (None, Fallback::Said(value)) => format!(" [default: {value}]"),
        (None, _) => String::new(),
    };
    let arg = Arg::new(variable.name)
        .long(variable.flag())
        .value_name("VALUE")
        .help(format!(
            "{} [env: {}]{default}",
            variable.help, variable.name
        ))
        .help_heading(variable.section)
        .allow_negative_numbers(true)
        .action(ArgAction::Set);
    if variable.switch {
        arg.num_args(0..=1)
            .value_name("BOOL")
            .allow_negative_numbers(false)
            .default_missing_value("true")
    } else {
        arg
    }
}

/// What is wrong with a command line. clap's own words would repeat stray arguments, which may be secrets.
fn fault(error: &clap::Error) -> Fault {
    let named = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(text)) => text.as_str(),
        Some(ContextValue::Strings(texts)) => texts.first().map_or("", String::as_str),
        _ => "",
    };
    let Some(flag) = named
        .starts_with('-')
        .then(|| named.split(['=', ' ']).next().unwrap_or_default())
    else {
        return Fault::new("command line", "a value stands without a flag");
    };
    let problem = match error.kind() {
        ErrorKind::UnknownArgument => match error.get(ContextKind::SuggestedArg) {
            Some(ContextValue::String(known)) => format!("is not a flag; did you mean {known}?"),
            _ => "is not a flag".to_owned(),
        },
        ErrorKind::InvalidValue | ErrorKind::WrongNumberOfValues => "needs a value".to_owned(),
        ErrorKind::ArgumentConflict => "is given twice".to_owned(),
        ErrorKind::InvalidUtf8 => "is not UTF-8".to_owned(),
        _ => "cannot be read".to_owned(),
    };
    Fault::new(flag, problem)
}
