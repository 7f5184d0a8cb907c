//! Starting threads without exceeding the machine's limit.

use std::io;
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::{Builder, Scope, ScopedJoinHandle};
use std::time::Duration;

use super::lock::lock;
use super::semaphore::{Permit, Semaphore};
use crate::machine::limits::Limits;

/// How long to wait for a thread to end before trying again to start one that the kernel refused.
const SPAWN_RETRY: Duration = Duration::from_millis(50);
/// How often to try again while no thread that was started here is alive to end.
const SPAWN_TRIES_ALONE: u32 = 20;

/// Stack size of threads that only move bytes: 256 KiB.
const SMALL_STACK: usize = 256 << 10;

/// One permit for each thread that [`spawn`] and [`try_spawn`] start in this process.
static THREADS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(Limits::current().threads()));

/// Starts a thread in `scope`. If the machine has no room for it, waits until another thread ends.
///
/// There `Scope::spawn` panics or, above the limit on memory maps, aborts the process
/// (rust-lang/rust#78497).
///
/// # Panics
/// As `Scope::spawn` does, if the system still refuses the thread after a second in which no other
/// thread that was started here was alive.
pub fn spawn<'scope, 'env, T: Send + 'scope>(
    scope: &'scope Scope<'scope, 'env>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> ScopedJoinHandle<'scope, T> {
    let work = Arc::new(Mutex::new(Some((work, THREADS.acquire()))));
    let mut n_tries_alone = 0;
    loop {
        match attempt(scope, Arc::clone(&work)) {
            Ok(thread) => return thread,
            Err(err) if n_tries_alone == SPAWN_TRIES_ALONE => panic!("{REFUSED_BY_STD}: {err:?}"),
            Err(_) => THREADS.wait_returned(SPAWN_RETRY),
        }
        n_tries_alone = if THREADS.n_taken() > 1 { 0 } else { n_tries_alone + 1 };
    }
}

/// How a panic of std begins when the system refuses a thread.
const REFUSED_BY_STD: &str = "failed to spawn thread";

/// The error that the system refused a thread with, if that is what the message of a panic says.
pub fn refusal(panic_message: &str) -> Option<io::Error> {
    let (_, code) = panic_message.strip_prefix(REFUSED_BY_STD)?.split_once("code: ")?;
    let code = code.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    Some(cannot_start(&io::Error::from_raw_os_error(code)))
}

/// Says that the system's error is about starting a thread.
pub fn cannot_start(err: &io::Error) -> io::Error {
    io::Error::new(err.kind(), format!("cannot start a thread: {err}"))
}

/// Starts a thread in `scope`, if the machine has room for it now.
///
/// # Errors
/// When it has not; `work` is dropped.
pub fn spawn_now<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> io::Result<ScopedJoinHandle<'scope, T>> {
    Builder::new().spawn_scoped(scope, work).map_err(|err| cannot_start(&err))
}

/// Does `work` on a thread in `scope` or, if the machine has no room for it now, on the calling one.
pub fn spawn_or_run<'scope>(scope: &'scope Scope<'scope, '_>, work: impl FnOnce() + Send + 'scope) {
    let Some(permit) = THREADS.try_acquire() else { return work() };
    let work = Arc::new(Mutex::new(Some((work, permit))));
    if attempt(scope, Arc::clone(&work)).is_err()
        && let Some((work, permit)) = lock(&work).take()
    {
        drop(permit);
        work();
    }
}

/// Starts a thread with a stack of 256 KiB in `scope`, if the machine has room for it now.
///
/// Ten thousand stacks of std's 2 MiB would be 20 GB of address space.
///
/// # Errors
/// When the machine has no room for another thread; `work` is dropped.
pub fn try_spawn<'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() + Send + 'scope,
) -> io::Result<()> {
    let permit = THREADS.try_acquire().ok_or(io::ErrorKind::WouldBlock)?;
    let work = move || {
        let _permit = permit;
        work();
    };
    Builder::new().stack_size(SMALL_STACK).spawn_scoped(scope, work).map(drop)
}

/// Returns the number of threads alive that [`spawn`] and [`try_spawn`] started in this process.
pub fn n_threads() -> usize {
    THREADS.n_taken()
}

/// Returns how many threads the machine has room for, alive ones included.
pub fn room() -> usize {
    THREADS.capacity()
}

/// Checks that the machine has room for `n_threads` threads at once.
///
/// # Errors
/// When it has room for fewer; the error says for how many.
pub fn check_room(n_threads: usize) -> io::Result<()> {
    let room = room();
    if n_threads <= room {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "cannot start {n_threads} threads: the machine has room for {room}"
    )))
}

/// Tries once to start a thread; if that fails, `work` is still there for the next attempt.
fn attempt<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: Arc<Mutex<Option<(impl FnOnce() -> T + Send + 'scope, Permit)>>>,
) -> io::Result<ScopedJoinHandle<'scope, T>> {
    Builder::new().spawn_scoped(scope, move || {
        let work = lock(&work).take();
        let (work, _permit) = work.expect("only the thread that was started takes the work");
        work()
    })
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_spawned_thread_returns_its_value() {
        thread::scope(|scope| {
            let threads: Vec<_> = (0..100).map(|n| spawn(scope, move || n)).collect();
            let sum: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
            assert_eq!(sum, 4950);
        });
    }

    #[test]
    fn the_panic_of_std_says_what_the_system_said() {
        let message = format!("{REFUSED_BY_STD}: {:?}", io::Error::from_raw_os_error(11));
        let refusal = refusal(&message).unwrap().to_string();
        assert!(refusal.starts_with("cannot start a thread: Resource temporarily"), "{refusal}");
        assert!(super::refusal("index out of bounds").is_none());
    }
}
