//! The CPUs on which this process may run.

use std::fmt;
use std::fs;
use std::io;
use std::str::FromStr;

/// Where the threads of a process run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// On every CPU that the process may use.
    #[default]
    Free,
    /// All on one CPU.
    One,
    /// On two CPUs that share as much as two can: a core's two threads where there are such, else
    /// two with neighbouring numbers.
    Neighbours,
}

impl FromStr for Placement {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "free" => Ok(Placement::Free),
            "one" => Ok(Placement::One),
            "neighbours" => Ok(Placement::Neighbours),
            _ => Err("use free, one or neighbours"),
        }
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Placement::Free => "free",
            Placement::One => "one",
            Placement::Neighbours => "neighbours",
        })
    }
}

/// Restricts the calling thread, and the threads and processes that it will start, to the CPUs of
/// this placement; returns how many these are.
///
/// Threads that are running already keep theirs: call it before any is started.
///
/// # Errors
/// When the system has no such call (it is Linux's `sched_setaffinity`), when it refuses, or when
/// two CPUs are asked for and there is one.
pub fn place(placement: Placement) -> io::Result<usize> {
    if placement == Placement::Free {
        return Ok(super::cpu::n_cpus());
    }
    let allowed = allowed()?;
    let first = *allowed.first().ok_or_else(|| io::Error::other("no CPU is allowed"))?;
    let cpus = match placement {
        Placement::Neighbours => {
            let siblings = siblings(first).into_iter().chain(allowed.iter().copied());
            let other = siblings.into_iter().find(|cpu| *cpu != first && allowed.contains(cpu));
            let other = other.ok_or_else(|| io::Error::other("only one CPU is allowed"))?;
            vec![first, other]
        }
        _ => vec![first],
    };
    restrict(&cpus)?;
    Ok(cpus.len())
}

/// Restricts the calling thread, and the threads and processes that it will start, to the first
/// `n_cpus` of the CPUs that it may use.
///
/// # Errors
/// When there are fewer, when the system refuses, or when it has no such call.
pub fn use_first(n_cpus: usize) -> io::Result<()> {
    let allowed = allowed()?;
    match allowed.get(..n_cpus) {
        Some(cpus) if n_cpus > 0 => restrict(cpus),
        _ => Err(io::Error::other(format!("{n_cpus} CPUs: {} are allowed", allowed.len()))),
    }
}

#[cfg(target_os = "linux")]
fn allowed() -> io::Result<Vec<usize>> {
    use rustix::thread::{CpuSet, sched_getaffinity};

    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect())
}

#[cfg(target_os = "linux")]
fn restrict(cpus: &[usize]) -> io::Result<()> {
    use rustix::thread::{CpuSet, sched_setaffinity};

    let mut set = CpuSet::new();
    cpus.iter().for_each(|&cpu| set.set(cpu));
    Ok(sched_setaffinity(None, &set)?)
}

#[cfg(not(target_os = "linux"))]
fn allowed() -> io::Result<Vec<usize>> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
fn restrict(_: &[usize]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The CPUs that share a core with this one, itself included; empty if that is not known.
fn siblings(cpu: usize) -> Vec<usize> {
    let path = format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
    parse_list(&fs::read_to_string(path).unwrap_or_default())
}

/// CPU numbers in the kernel's list format: `0-3,8`.
fn parse_list(text: &str) -> Vec<usize> {
    let range = |range: &str| {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        Some(from.parse().ok()?..=to.parse().ok()?)
    };
    text.trim().split(',').filter_map(range).flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn the_kernels_lists_are_read() {
        assert_eq!(parse_list("0,8\n"), [0, 8]);
        assert_eq!(parse_list("2-4,7"), [2, 3, 4, 7]);
        assert!(parse_list("").is_empty());
        assert!(parse_list("x,1-").is_empty());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn threads_of_a_placed_thread_stay_with_it() {
        // A thread of its own, so that other tests keep their CPUs.
        let n_cpus = thread::spawn(|| {
            assert_eq!(place(Placement::One).unwrap(), 1);
            thread::spawn(super::super::cpu::n_cpus).join().unwrap()
        });
        assert_eq!(n_cpus.join().unwrap(), 1);
    }
}
