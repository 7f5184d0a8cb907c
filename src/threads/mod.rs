//! Threads beyond `std`: a semaphore, thread pools, locks without poisoning, and starting threads
//! without exceeding the machine's limit.

mod condvar;
mod job_pool;
mod lock;
mod pool;
mod producer;
#[cfg(any(feature = "crawl", feature = "du", feature = "mandelbrot", feature = "thumbnail"))]
mod rayon_pool;
mod recv;
mod semaphore;
mod sleep;
mod spawn;

pub use condvar::{Condvar, wait, wait_timeout_while, wait_while};
pub use job_pool::JobPool;
pub use lock::lock;
pub use pool::{PoolFull, ThreadPool};
pub use producer::with_producer;
#[cfg(any(feature = "crawl", feature = "du", feature = "mandelbrot", feature = "thumbnail"))]
pub use rayon_pool::rayon_pool;
pub use recv::recv;
pub use semaphore::{Permit, Semaphore};
pub use sleep::sleep_until;
pub use spawn::{
    cannot_start, check_room, n_threads, refusal, room, spawn, spawn_now, spawn_or_run, try_spawn,
};
