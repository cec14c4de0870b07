//! The command line: a flag for each variable, `--help` and `--version`.

use std::{collections::HashMap, ffi::OsString};

use clap::{
    Arg, ArgAction, Command, ValueHint,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{ConfigError, DefaultValue, Program, VARIABLES, Variable, Violation};

/// The values of the flags, by variable.
pub(super) type Flags = HashMap<&'static str, String>;

/// A parsed command line.
pub(super) enum Parsed {
    /// Run with these flags.
    Flags(Flags),
    /// Print this text (help or the version) and exit.
    Print(String),
}

/// Parses a command line that does not include the name of the program.
pub(super) fn parse(
    program: Program,
    args: impl IntoIterator<Item = OsString>,
) -> Result<Parsed, ConfigError> {
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
            return Err(ConfigError {
                violations: vec![violation(&error)],
            });
        }
    };
    let flags = VARIABLES
        .iter()
        .filter_map(|variable| Some((variable.name, matches.remove_one(variable.name)?)))
        .collect();
    Ok(Parsed::Flags(flags))
}

pub(super) fn command(program: Program) -> Command {
    Command::new(program.name())
        .version(env!("CARGO_PKG_VERSION"))
        .about(program.about())
        .after_help(
            "Each setting is a flag, an environment variable, or a line of the file .env in the \
             working directory. Flags override the environment, and the environment overrides the \
             file. Durations are an integer with ms, s, m, h or d, such as 5m, and greater than 0 \
             unless noted.",
        )
        .args(VARIABLES.iter().map(|variable| arg(program, variable)))
}

fn arg(program: Program, variable: &'static Variable) -> Arg {
    let default = match (variable.default.value(program), variable.default) {
        (Some(value), _) | (None, DefaultValue::Described(value)) => format!(" [default: {value}]"),
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
        .value_hint(value_hint(variable))
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

/// What a shell completes the value with.
fn value_hint(variable: &Variable) -> ValueHint {
    match variable.name {
        "TRUSTED_DOCUMENTS" => ValueHint::DirPath,
        name if name.ends_with("_FILE") => ValueHint::FilePath,
        _ => ValueHint::Other,
    }
}

/// Describes an invalid command line. The messages of clap are not used, because they quote
/// arguments, which may be secrets.
fn violation(error: &clap::Error) -> Violation {
    let named = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(text)) => text.as_str(),
        Some(ContextValue::Strings(texts)) => texts.first().map_or("", String::as_str),
        _ => "",
    };
    let Some(flag) = named
        .starts_with('-')
        .then(|| named.split(['=', ' ']).next().unwrap_or_default())
    else {
        return Violation::new("command line", "unexpected value without a flag");
    };
    let problem = match error.kind() {
        ErrorKind::UnknownArgument => match error.get(ContextKind::SuggestedArg) {
            Some(ContextValue::String(known)) => format!("unknown flag; did you mean {known}?"),
            _ => "unknown flag".to_owned(),
        },
        ErrorKind::InvalidValue | ErrorKind::WrongNumberOfValues => "requires a value".to_owned(),
        ErrorKind::ArgumentConflict => "is given more than once".to_owned(),
        ErrorKind::InvalidUtf8 => "must be UTF-8".to_owned(),
        _ => "is invalid".to_owned(),
    };
    Violation::new(flag, problem)
}
