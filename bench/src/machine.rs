//! Describes the machine and the programs that are measured.

use std::{fs, process::Command};

use chrono::NaiveDate;
use runtime::clock::{Clock, SystemClock};

use crate::rows::trading_day;

/// A line for each property.
pub(crate) fn description(postgres: &str) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_default();
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let memory = memory.trim_end_matches(" kB").parse::<u64>().unwrap_or(0) >> 20;
    let linux = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let date: NaiveDate = trading_day(SystemClock.now());
    let commit = output("git", &["rev-parse", "--short", "HEAD"]);
    format!(
        "- {cores} cores of {processor}, {memory} GiB of memory, Linux {}\n\
         - PostgreSQL {postgres}, on the same machine\n\
         - commit {commit}, release build, {date}\n",
        linux.trim(),
    )
}

/// The value of the first line `NAME : VALUE`.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(key, _)| key.trim() == name)?;
    Some(value.trim().to_owned())
}

/// The first line that a program prints.
fn output(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    let text = output.map(|it| String::from_utf8_lossy(&it.stdout).trim().to_owned());
    text.unwrap_or_default()
}
