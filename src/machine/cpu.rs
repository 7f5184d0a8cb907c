//! CPU time as the kernel measures it, the load of the machine, the number of CPUs.

use std::fs;
use std::num::NonZero;
use std::thread;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Returns the CPU time that the calling thread has used so far (`CLOCK_THREAD_CPUTIME_ID`).
pub fn thread_time() -> Duration {
    time(ClockId::ThreadCPUTime)
}

/// Returns the CPU time that all threads of this process have used so far
/// (`CLOCK_PROCESS_CPUTIME_ID`).
pub fn process_time() -> Duration {
    time(ClockId::ProcessCPUTime)
}

fn time(clock: ClockId) -> Duration {
    clock_gettime(clock).try_into().unwrap_or_default() // these clocks start at 0
}

/// Returns the load average of the last minute: the mean number of threads that ran or waited for a
/// CPU or a disk. `None` without `/proc`.
pub fn load_average() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// Returns the number of CPUs that this process may use, or 1 if it cannot be determined.
pub fn n_cpus() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_grows_with_work() {
        let (thread, process) = (thread_time(), process_time());
        while thread_time() == thread {}
        assert!(process_time() > process);
    }
}
