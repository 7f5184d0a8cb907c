//! How many threads and descriptors this process may have, as the kernel tells it.
//!
//! Past `vm.max_map_count` a Rust program does not get an `Err` from `Builder::spawn`: it aborts
//! (rust-lang/rust#78497). So whoever starts threads for others asks here first.

use std::fs;
use std::path::{Path, PathBuf};

/// Memory maps a `std::thread` costs: stack, its guard, the alternate signal stack, its guard.
const MAPS_PER_THREAD: usize = 4;
/// Descriptors kept for what is no client: stdio, listeners, files being read.
const FILES_RESERVED: usize = 16;
/// Used where there is no `/proc` to ask.
const THREADS_UNKNOWN: usize = 1_000;

/// The limits that bound threads and connections; `usize::MAX` where one does not apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `vm.max_map_count`: memory maps of one process.
    pub n_maps: usize,
    /// `kernel.pid_max`: threads and processes of the machine.
    pub n_pids: usize,
    /// `kernel.threads-max`: threads of the machine.
    pub n_threads: usize,
    /// `RLIMIT_NPROC`, soft: threads of this user.
    pub n_processes: usize,
    /// `RLIMIT_NOFILE`, soft: descriptors of this process.
    pub n_files: usize,
    /// The smallest `pids.max` of the control groups above this process.
    pub n_cgroup_pids: usize,
}

impl Limits {
    /// Asks the kernel, through `/proc` and `/sys`.
    #[must_use]
    pub fn current() -> Self {
        let own = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        Limits {
            n_maps: number_in("/proc/sys/vm/max_map_count").unwrap_or(usize::MAX),
            n_pids: number_in("/proc/sys/kernel/pid_max").unwrap_or(usize::MAX),
            n_threads: number_in("/proc/sys/kernel/threads-max").unwrap_or(THREADS_UNKNOWN),
            n_processes: soft_limit(&own, "Max processes").unwrap_or(usize::MAX),
            n_files: soft_limit(&own, "Max open files").unwrap_or(usize::MAX),
            n_cgroup_pids: cgroup_pids(),
        }
    }

    /// Threads this process may have at once, with a tenth left for others.
    #[must_use]
    pub fn threads(&self) -> usize {
        let n = (self.n_maps / MAPS_PER_THREAD)
            .min(self.n_pids)
            .min(self.n_threads)
            .min(self.n_processes)
            .min(self.n_cgroup_pids);
        (n - n / 10).max(1)
    }

    /// Clients a server may have at once when each costs one descriptor and `threads_each` threads.
    #[must_use]
    pub fn clients(&self, threads_each: usize) -> usize {
        let by_threads = self.threads().checked_div(threads_each).unwrap_or(usize::MAX);
        by_threads.min(self.n_files.saturating_sub(FILES_RESERVED)).max(1)
    }

    /// Descriptors this process may still open, with a few left for others.
    #[must_use]
    pub fn files_free(&self) -> usize {
        let n_open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        self.n_files.saturating_sub(n_open + FILES_RESERVED / 2)
    }
}

fn number_in(path: impl AsRef<Path>) -> Option<usize> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The soft limit of the line that starts with `name` in the text of `/proc/self/limits`.
fn soft_limit(limits: &str, name: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok() // "unlimited" is no number
}

/// The smallest `pids.max` from this process's control group (version 2) up to the root.
fn cgroup_pids() -> usize {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    let root = PathBuf::from("/sys/fs/cgroup");
    let own = root.join(own);
    own.ancestors()
        .take_while(|group| group.starts_with(&root))
        .filter_map(|group| number_in(group.join("pids.max")))
        .min()
        .unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOMY: Limits = Limits {
        n_maps: 65_530,
        n_pids: 4_194_304,
        n_threads: 190_000,
        n_processes: usize::MAX,
        n_files: 1_048_576,
        n_cgroup_pids: usize::MAX,
    };

    #[test]
    fn the_smallest_limit_counts() {
        assert_eq!(ROOMY.threads(), 14_744); // nine tenths of 65,530 / 4
        assert_eq!(Limits { n_pids: 1_000, ..ROOMY }.threads(), 900);
        assert_eq!(Limits { n_threads: 100, ..ROOMY }.threads(), 90);
        assert_eq!(Limits { n_processes: 50, ..ROOMY }.threads(), 45);
        assert_eq!(Limits { n_cgroup_pids: 20, ..ROOMY }.threads(), 18);
        assert_eq!(Limits { n_cgroup_pids: 0, ..ROOMY }.threads(), 1);
    }

    #[test]
    fn clients_need_descriptors_too() {
        assert_eq!(ROOMY.clients(1), 14_744);
        assert_eq!(ROOMY.clients(2), 7_372);
        assert_eq!(ROOMY.clients(0), 1_048_560, "without threads descriptors count alone");
        assert_eq!(Limits { n_files: 64, ..ROOMY }.clients(1), 48);
        assert_eq!(Limits { n_files: 4, ..ROOMY }.clients(1), 1);
    }

    #[test]
    fn the_kernels_table_is_read() {
        let table = "Limit                     Soft Limit           Hard Limit           Units\n\
                     Max processes             unlimited            unlimited            processes\n\
                     Max open files            1024                 1048576              files\n";
        assert_eq!(soft_limit(table, "Max open files"), Some(1024));
        assert_eq!(soft_limit(table, "Max processes"), None);
        assert_eq!(soft_limit(table, "Max nonsense"), None);
    }

    #[test]
    fn this_machine_has_room_for_a_thread() {
        assert!(Limits::current().threads() >= 1);
    }
}
