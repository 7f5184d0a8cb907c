//! A producer on a thread of its own, and its consumer on the calling thread.

use std::panic::resume_unwind;
use std::sync::Mutex;
use std::thread::{self, Builder};

use crossbeam::channel::{Receiver, Sender, bounded, unbounded};

use super::lock::lock;

/// Runs `produce` on a thread of its own while `consume` receives what it sends; it is at most
/// `capacity` items ahead. Returns both results.
///
/// If the system refuses the thread, everything is produced first and consumed afterwards.
///
/// ```
/// use threadbare::threads;
///
/// let (n_sent, sum) = threads::with_producer(
///     2,
///     |numbers| (1..=3).filter(|n| numbers.send(*n).is_ok()).count(),
///     |numbers| numbers.iter().sum::<i32>(),
/// );
/// assert_eq!((n_sent, sum), (3, 6));
/// ```
///
/// # Panics
/// When `produce` does.
pub fn with_producer<T: Send, P: Send, C>(
    capacity: usize,
    produce: impl FnOnce(Sender<T>) -> P + Send,
    consume: impl FnOnce(Receiver<T>) -> C,
) -> (P, C) {
    let produce = Mutex::new(Some(produce));
    let run = |items_tx| {
        let produce = lock(&produce).take();
        produce.expect("only the thread that was started takes it")(items_tx)
    };
    thread::scope(|scope| {
        let (items_tx, items_rx) = bounded(capacity);
        match Builder::new().spawn_scoped(scope, || run(items_tx)) {
            Ok(producer) => {
                let consumed = consume(items_rx);
                (producer.join().unwrap_or_else(|panic| resume_unwind(panic)), consumed)
            }
            Err(_) => {
                let (items_tx, items_rx) = unbounded(); // nobody receives yet
                let produced = run(items_tx);
                (produced, consume(items_rx))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consumer_that_stops_ends_its_producer() {
        let (n_sent, first) = with_producer(
            0,
            |numbers| (0..1_000).take_while(|n| numbers.send(*n).is_ok()).count(),
            |numbers| numbers.recv().ok(),
        );
        assert!(n_sent < 1_000);
        assert_eq!(first, Some(0));
    }
}
