//! How many threads and file descriptors the kernel allows this process.
//!
//! Above `vm.max_map_count` a Rust program does not get an `Err` from `Builder::spawn` but aborts
//! (rust-lang/rust#78497), so the number of threads must be limited in advance.

use std::fs;
use std::path::{Path, PathBuf};

/// Memory maps of one `std::thread`: stack, its guard, alternate signal stack, its guard.
const MAPS_PER_THREAD: usize = 4;
/// File descriptors reserved for other uses than clients: standard streams, listeners, files.
const FDS_RESERVED: usize = 16;
/// The limit assumed where there is no `/proc`.
const THREADS_DEFAULT: usize = 1_000;

/// The kernel's limits on threads and file descriptors; `usize::MAX` where one does not apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `vm.max_map_count`: memory maps per process.
    pub max_maps: usize,
    /// `kernel.pid_max`: threads and processes on the machine.
    pub max_pids: usize,
    /// `kernel.threads-max`: threads on the machine.
    pub max_threads: usize,
    /// `RLIMIT_NPROC`, soft: threads of this user.
    pub max_user_threads: usize,
    /// `RLIMIT_NOFILE`, soft: file descriptors of this process.
    pub max_open_fds: usize,
    /// `pids.max`: threads in the control group of this process; the smallest up to the root.
    pub max_cgroup_pids: usize,
}

impl Limits {
    /// Reads the limits from `/proc` and `/sys`.
    #[must_use]
    pub fn current() -> Self {
        let own = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        Limits {
            max_maps: number_in("/proc/sys/vm/max_map_count").unwrap_or(usize::MAX),
            max_pids: number_in("/proc/sys/kernel/pid_max").unwrap_or(usize::MAX),
            max_threads: number_in("/proc/sys/kernel/threads-max").unwrap_or(THREADS_DEFAULT),
            max_user_threads: soft_limit(&own, "Max processes").unwrap_or(usize::MAX),
            max_open_fds: soft_limit(&own, "Max open files").unwrap_or(usize::MAX),
            max_cgroup_pids: cgroup_pids(),
        }
    }

    /// Returns how many threads this process may have at once: nine tenths of the lowest limit, so
    /// that other processes have room too.
    #[must_use]
    pub fn threads(&self) -> usize {
        let n = (self.max_maps / MAPS_PER_THREAD)
            .min(self.max_pids)
            .min(self.max_threads)
            .min(self.max_user_threads)
            .min(self.max_cgroup_pids);
        (n - n / 10).max(1)
    }

    /// Returns how many clients a server may have at once if each uses one file descriptor and
    /// `threads_each` threads.
    #[must_use]
    pub fn clients(&self, threads_each: usize) -> usize {
        let by_threads = self.threads().checked_div(threads_each).unwrap_or(usize::MAX);
        by_threads.min(self.max_open_fds.saturating_sub(FDS_RESERVED)).max(1)
    }

    /// Returns how many file descriptors this process may still open, less eight in reserve.
    #[must_use]
    pub fn free_fds(&self) -> usize {
        let n_open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        self.max_open_fds.saturating_sub(n_open + FDS_RESERVED / 2)
    }
}

/// The number that a file contains; `None` if it contains none, or a word such as `max`.
fn number_in(path: impl AsRef<Path>) -> Option<usize> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The soft limit in the line that starts with `name`, from the text of `/proc/self/limits`.
fn soft_limit(limits: &str, name: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok() // "unlimited" is not a number
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

    const HIGH: Limits = Limits {
        max_maps: 65_530,
        max_pids: 4_194_304,
        max_threads: 190_000,
        max_user_threads: usize::MAX,
        max_open_fds: 1_048_576,
        max_cgroup_pids: usize::MAX,
    };

    #[test]
    fn the_lowest_limit_applies() {
        assert_eq!(HIGH.threads(), 14_744); // nine tenths of 65,530 / 4
        assert_eq!(Limits { max_pids: 1_000, ..HIGH }.threads(), 900);
        assert_eq!(Limits { max_threads: 100, ..HIGH }.threads(), 90);
        assert_eq!(Limits { max_user_threads: 50, ..HIGH }.threads(), 45);
        assert_eq!(Limits { max_cgroup_pids: 20, ..HIGH }.threads(), 18);
        assert_eq!(Limits { max_cgroup_pids: 0, ..HIGH }.threads(), 1);
    }

    #[test]
    fn clients_need_descriptors_too() {
        assert_eq!(HIGH.clients(1), 14_744);
        assert_eq!(HIGH.clients(2), 7_372);
        assert_eq!(HIGH.clients(0), 1_048_560, "without threads only descriptors count");
        assert_eq!(Limits { max_open_fds: 64, ..HIGH }.clients(1), 48);
        assert_eq!(Limits { max_open_fds: 4, ..HIGH }.clients(1), 1);
    }

    #[test]
    fn the_table_of_limits_is_parsed() {
        let table = "Limit                     Soft Limit           Hard Limit           Units\n\
                     Max processes             unlimited            unlimited            processes\n\
                     Max open files            1024                 1048576              files\n";
        assert_eq!(soft_limit(table, "Max open files"), Some(1024));
        assert_eq!(soft_limit(table, "Max processes"), None);
        assert_eq!(soft_limit(table, "Max nonsense"), None);
    }

    #[test]
    fn the_limit_on_descriptors_is_the_kernels() {
        let soft = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let soft = soft.map_or(usize::MAX, |n| usize::try_from(n).unwrap());
        assert_eq!(Limits::current().max_open_fds, soft);
    }
}
