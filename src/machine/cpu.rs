//! CPU time as the kernel counts it, and how busy the machine is with other work.

use std::fs;
use std::num::NonZero;
use std::thread;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// CPU time the calling thread has used so far.
pub fn thread_time() -> Duration {
    time(ClockId::ThreadCPUTime)
}

/// CPU time all threads of this process have used so far.
pub fn process_time() -> Duration {
    time(ClockId::ProcessCPUTime)
}

fn time(clock: ClockId) -> Duration {
    clock_gettime(clock).try_into().unwrap_or_default() // these clocks start at 0
}

/// The machine's load average of the last minute, where `/proc` tells it.
pub fn load_average() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// CPUs this process may use; 1 if nobody knows.
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
