//! Threads beyond `std`: a semaphore, thread pools, locks without poisoning, and starting threads
//! without exceeding the machine's limit.

mod condvar;
mod job_pool;
mod lock;
mod pool;
mod recv;
mod semaphore;
mod sleep;
mod spawn;

pub use condvar::{Condvar, wait, wait_timeout_while, wait_while};
pub use job_pool::JobPool;
pub use lock::lock;
pub use pool::{PoolFull, ThreadPool};
pub use recv::recv;
pub use semaphore::{Permit, Semaphore};
pub use sleep::sleep_until;
pub use spawn::{check_room, n_threads, spawn, try_spawn};
