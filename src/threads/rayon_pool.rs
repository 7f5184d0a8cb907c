//! rayon's thread pools, as large as the system allows.

use std::thread::Builder;

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::spawn::room;

/// Starts a pool of at most `n_threads` threads, each with a stack of `stack_bytes` or of std's
/// default: fewer if the system refuses some. `None` if it refuses all, or none is asked for.
///
/// rayon's own builder fails if it does not get all.
pub fn rayon_pool(n_threads: usize, stack_bytes: Option<usize>) -> Option<ThreadPool> {
    let mut n_threads = n_threads.min(room()); // beyond it, std aborts instead of failing
    while n_threads > 0 {
        let mut started = Vec::new();
        let pool = ThreadPoolBuilder::new().num_threads(n_threads).spawn_handler(|thread| {
            let builder = stack_bytes.map_or(Builder::new(), |n| Builder::new().stack_size(n));
            started.push(builder.spawn(|| thread.run())?);
            Ok(())
        });
        match pool.build() {
            Ok(pool) => return Some(pool),
            Err(err) => log::debug!("{n_threads} threads: {err}"),
        }
        n_threads = started.len();
        // They end because their pool was not built; until then they count as threads in use.
        started.into_iter().for_each(|thread| thread.join().expect("it had no work"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_has_the_threads_that_were_asked_for() {
        let n_threads = |n| rayon_pool(n, Some(64 << 10)).map(|pool| pool.current_num_threads());
        assert_eq!((n_threads(0), n_threads(3)), (None, Some(3)));
    }
}
