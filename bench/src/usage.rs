//! What a process has used, by `/proc`.

use std::fs;

/// Ticks a second of every Linux that Rust runs on.
const TICKS: f64 = 100.0;

/// What a process has used so far.
pub(crate) struct Usage {
    /// Seconds of CPU time, the kernel's included.
    pub(crate) cpu: f64,
    /// KiB of resident memory.
    pub(crate) resident: f64,
}

impl Usage {
    pub(crate) fn of(process: u32) -> Self {
        let read = |file| fs::read_to_string(format!("/proc/{process}/{file}")).expect("it runs");
        let (stat, status) = (read("stat"), read("status"));
        // The name may have blanks; it ends with the last bracket.
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
