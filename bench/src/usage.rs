//! Resource usage of a process, from `/proc`.

use std::fs;

/// Clock ticks per second (`USER_HZ`), 100 on every Linux that Rust supports.
const TICKS: f64 = 100.0;

/// The resources a process has used so far.
pub(crate) struct Usage {
    /// Seconds of CPU time, user and system.
    pub(crate) cpu: f64,
    /// KiB of resident memory.
    pub(crate) resident: f64,
}

impl Usage {
    pub(crate) fn of(process: u32) -> Self {
        let read = |file| {
            fs::read_to_string(format!("/proc/{process}/{file}")).expect("the process is running")
        };
        let (stat, status) = (read("stat"), read("status"));
        // The command may contain spaces and parentheses; it ends at the last `)`.
        let (_, fields) = stat.rsplit_once(')').expect("a name");
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: f64 = ticks.map(|it| it.parse::<f64>().expect("ticks")).sum();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|it| it.split_whitespace().next()?.parse().ok());
        Self {
            cpu: ticks / TICKS,
            resident: resident.expect("resident memory"),
        }
    }
}
