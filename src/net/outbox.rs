//! Sending without waiting: what the kernel does not take stays in a queue of shared pieces.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
use socket2::SockRef;

use super::conn::{Conn, sent};

/// What the kernel may hold of a connection, which it doubles. Its own choice is up to 4 MiB, and
/// hides for minutes that nobody reads.
const SEND_BUFFER: usize = 32 << 10;
/// Pieces handed to the kernel at once.
const GATHER: usize = 64;
/// What a queued piece costs beside its bytes.
const PIECE: usize = 64;
/// A peer that takes less than this has made no progress: one that takes a byte now and then must
/// not hold everyone up.
const PROGRESS: usize = 16 << 10;

/// What waits to be sent to one connection, by its only writer.
///
/// Nothing here waits: [`flush`](Outbox::flush) hands the kernel what it takes and returns. Whoever
/// owns the outbox bounds it, by looking at [`n_bytes`](Outbox::n_bytes) and
/// [`stalled`](Outbox::stalled).
#[derive(Debug)]
pub struct Outbox {
    conn: Arc<Conn>,
    queue: VecDeque<(Arc<[u8]>, Range<usize>)>,
    n_bytes: usize,
    /// When the queue was last empty, or much was last taken, and what was taken since.
    progress: Instant,
    n_taken: usize,
}

impl Outbox {
    /// An empty outbox.
    #[must_use]
    pub fn new(conn: Arc<Conn>) -> Self {
        _ = SockRef::from(conn.stream()).set_send_buffer_size(SEND_BUFFER); // it only tunes
        let (queue, progress) = (VecDeque::new(), Instant::now());
        Outbox { conn, queue, n_bytes: 0, progress, n_taken: 0 }
    }

    /// The connection sent to.
    #[must_use]
    pub fn conn(&self) -> &Conn {
        &self.conn
    }

    /// Sends these bytes of `chunk` after all that waits already, now or later.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn send(&mut self, chunk: &Arc<[u8]>, part: Range<usize>, now: Instant) -> io::Result<()> {
        if part.is_empty() {
            return Ok(());
        }
        let mut part = part;
        if self.queue.is_empty() {
            part.start += self.conn.send_now(&chunk[part.clone()])?;
            if part.is_empty() {
                return Ok(());
            }
            (self.progress, self.n_taken) = (now, 0);
        }
        self.n_bytes += part.len() + PIECE;
        self.queue.push_back((Arc::clone(chunk), part));
        Ok(())
    }

    /// Hands the kernel as much as it takes.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn flush(&mut self, now: Instant) -> io::Result<()> {
        while !self.queue.is_empty() {
            let pieces = self.queue.iter().take(GATHER);
            let pieces: Vec<_> =
                pieces.map(|(chunk, part)| IoSlice::new(&chunk[part.clone()])).collect();
            let n_offered: usize = pieces.iter().map(|piece| piece.len()).sum();
            let mut nothing = SendAncillaryBuffer::default();
            let n = sent(sendmsg(self.conn.stream(), &pieces, &mut nothing, SendFlags::DONTWAIT))?;
            self.taken(n, now);
            if n < n_offered {
                break;
            }
        }
        Ok(())
    }

    fn taken(&mut self, mut n: usize, now: Instant) {
        self.n_taken += n;
        while let Some((_, part)) = self.queue.front_mut() {
            let n_of_this = n.min(part.len());
            part.start += n_of_this;
            n -= n_of_this;
            self.n_bytes -= n_of_this;
            if part.start < part.end {
                break;
            }
            self.queue.pop_front();
            self.n_bytes -= PIECE;
        }
        if self.queue.is_empty() || self.n_taken >= PROGRESS {
            (self.progress, self.n_taken) = (now, 0);
        }
    }

    /// What waits, with its overhead.
    #[must_use]
    pub fn n_bytes(&self) -> usize {
        self.n_bytes
    }

    /// How long the peer has taken next to nothing of what waits.
    #[must_use]
    pub fn stalled(&self, now: Instant) -> Duration {
        if self.queue.is_empty() { Duration::ZERO } else { now.duration_since(self.progress) }
    }

    /// Gives up what waits; says how many lines end in it.
    pub fn clear(&mut self) -> u64 {
        self.n_bytes = 0;
        let lines = |(chunk, part): (Arc<[u8]>, Range<usize>)| {
            memchr::memchr_iter(b'\n', &chunk[part]).count() as u64
        };
        self.queue.drain(..).map(lines).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::thread;

    use super::*;
    use crate::net::conn::tests::pair;

    #[test]
    fn what_the_kernel_does_not_take_waits_in_order() {
        let (mut client, conn) = pair();
        let mut outbox = Outbox::new(Arc::new(conn));
        let start = Instant::now();
        let chunk: Arc<[u8]> = (0..=255).cycle().take(40_000).collect();
        for _ in 0..200 {
            outbox.send(&chunk, 0..chunk.len(), start).unwrap();
        }
        assert!(outbox.n_bytes() > 0, "8 MB are more than two kernels take");
        let later = start + Duration::from_secs(3);
        assert_eq!(outbox.stalled(later), Duration::from_secs(3));
        let reading = thread::spawn(move || {
            let mut heard = vec![0; 200 * 40_000];
            client.read_exact(&mut heard).map(|()| heard)
        });
        while outbox.n_bytes() > 0 {
            outbox.flush(later).unwrap();
            thread::yield_now();
        }
        assert_eq!(outbox.stalled(later), Duration::ZERO);
        let heard = reading.join().unwrap().unwrap();
        assert!(heard.chunks(chunk.len()).all(|part| *part == *chunk));
    }

    #[test]
    fn what_is_given_up_is_counted() {
        let (_client, conn) = pair();
        let mut outbox = Outbox::new(Arc::new(conn));
        let lines: Arc<[u8]> = b"a line\n".repeat(100_000).into();
        for _ in 0..20 {
            outbox.send(&lines, 0..lines.len(), Instant::now()).unwrap();
        }
        assert!(outbox.clear() >= 1_000_000);
        assert_eq!((outbox.n_bytes(), outbox.clear()), (0, 0));
    }
}
