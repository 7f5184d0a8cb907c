//! The machine and the tools that the figures were taken with.

use std::fs;
use std::process::Command;

use jiff::Zoned;
use rustix::system::uname;
use serde::Serialize;
use threadbare::machine::cpu;

use super::programs::Programs;

#[derive(Serialize)]
pub(crate) struct Machine {
    pub(crate) date: String,
    pub(crate) command: String,
    pub(crate) system: String,
    pub(crate) processor: String,
    pub(crate) n_cpus: usize,
    pub(crate) memory_gib: f64,
    pub(crate) load_before: Option<f64>,
    pub(crate) go: String,
    pub(crate) rust: String,
    /// What could not be built.
    pub(crate) gaps: Vec<String>,
}

impl Machine {
    pub(crate) fn describe(programs: &Programs, command: &str) -> Self {
        let kernel = uname();
        let part = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
        let memory_kib = first_in("/proc/meminfo", "MemTotal:")
            .and_then(|value| value.trim_end_matches("kB").trim().parse::<f64>().ok());
        let rust = Command::new("rustc").arg("--version").output().ok();
        let rust = rust.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        Machine {
            date: Zoned::now().strftime("%Y-%m-%d %H:%M %Z").to_string(),
            command: command.to_owned(),
            system: format!("{} {}", part(kernel.sysname()), part(kernel.release())),
            processor: first_in("/proc/cpuinfo", "model name")
                .unwrap_or_else(|| part(kernel.machine())),
            n_cpus: cpu::n_cpus(),
            memory_gib: memory_kib.unwrap_or_default() / f64::from(1 << 20),
            load_before: cpu::load_average(),
            go: programs.go_version.clone(),
            rust: rust.unwrap_or_default(),
            gaps: programs.gaps.clone(),
        }
    }

    /// Whether other work was running when the comparison began.
    pub(crate) fn was_busy(&self) -> bool {
        self.load_before.is_some_and(|load| load > self.n_cpus as f64)
    }
}

fn first_in(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim_start_matches([' ', '\t', ':']).trim().to_owned())
}
