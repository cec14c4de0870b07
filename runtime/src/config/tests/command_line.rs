//! Generates the shell completions and manual pages in `deploy` from the command line.

use std::process::Command;

use clap_complete::{Shell, generate};
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};

use super::*;
use crate::config::flag::command;

const PROGRAMS: [Program; 2] = [Program::Api, Program::Tracker];

/// The exit codes of both programs, for the manual page.
const EXIT_CODES: [(&str, &str); 3] = [
    ("0", "Stopped after a graceful shutdown."),
    ("1", "Failed, or aborted at the end of the grace period."),
    (
        "2",
        "Not started: a setting or a file that it names is invalid, PostgreSQL rejects the user or \
         password, or another process uses the SQLite file.",
    ),
];

#[test]
fn each_committed_completion_is_fresh() {
    for program in PROGRAMS {
        for (shell, extension) in [
            (Shell::Bash, "bash"),
            (Shell::Zsh, "zsh"),
            (Shell::Fish, "fish"),
        ] {
            let path = format!("deploy/completions/{program}.{extension}");
            is_fresh(&path, |_| completions(program, shell));
        }
    }
}

#[test]
fn each_committed_manual_page_is_fresh() {
    for program in PROGRAMS {
        is_fresh(&format!("deploy/man/{program}.1"), |_| manual_page(program));
    }
}

#[test]
fn every_shell_completes_every_flag() {
    for program in PROGRAMS {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let text = completions(program, shell);
            for variable in VARIABLES {
                let flag = variable.flag();
                assert!(text.contains(&flag), "{shell} lacks {flag}");
            }
        }
    }
}

#[test]
fn bash_completes_a_flag_and_the_path_of_a_file() {
    let completed = |words: &str| {
        let script = format!(
            "source deploy/completions/api.bash; COMP_WORDS=(api {words}); \
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); compopt() {{ :; }}; \
             _api api \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; echo \"${{COMPREPLY[*]}}\""
        );
        let output = Command::new("bash")
            .args(["-c", &script])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .output()
            .expect("bash");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    assert_eq!(completed("--update-int"), "--update-interval\n");
    assert_eq!(completed("--replay-file README"), "README.md\n");
}

fn completions(program: Program, shell: Shell) -> String {
    let mut bytes = Vec::new();
    generate(shell, &mut command(program), program.name(), &mut bytes);
    String::from_utf8(bytes).expect("UTF-8")
}

fn manual_page(program: Program) -> String {
    let man = Man::new(command(program)).manual("Stock Tracker");
    let mut bytes = Vec::new();
    man.render_title(&mut bytes).expect("title");
    man.render_name_section(&mut bytes).expect("name");
    synopsis(program).to_writer(&mut bytes).expect("synopsis");
    man.render_description_section(&mut bytes)
        .expect("description");
    man.render_options_section(&mut bytes).expect("options");
    environment(program)
        .to_writer(&mut bytes)
        .expect("environment");
    exit_status().to_writer(&mut bytes).expect("exit status");
    String::from_utf8(bytes).expect("UTF-8")
}

/// The synopsis of clap lists each of the flags, which fill a page.
fn synopsis(program: Program) -> Roff {
    let mut section = Roff::new();
    section.control("SH", ["SYNOPSIS"]);
    section.text([bold(program.name()), roman(" [OPTIONS]")]);
    section
}

/// What `--help` ends with, under the heading that manual pages have for it.
fn environment(program: Program) -> Roff {
    let text = command(program).get_after_help().map(ToString::to_string);
    let mut section = Roff::new();
    section.control("SH", ["ENVIRONMENT"]);
    section.text([roman(text.expect("the help has a last paragraph"))]);
    section
}

fn exit_status() -> Roff {
    let mut section = Roff::new();
    section.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in EXIT_CODES {
        section.control("TP", []);
        section.text([bold(code)]);
        section.text([roman(meaning)]);
    }
    section
}
