//! Sending without blocking: what the kernel does not accept stays in a queue of shared chunks.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
use socket2::SockRef;

use super::conn::{Conn, sent};

/// Size of the kernel's send buffer, which the kernel doubles. By default it grows up to 4 MiB,
/// which would hide for minutes that the peer does not read.
const SEND_BUFFER: usize = 32 << 10;
/// Chunks passed to one sendmsg(2).
const CHUNKS_PER_SEND: usize = 64;
/// Memory that a queued chunk takes besides its bytes.
const CHUNK_OVERHEAD: usize = 64;
/// Bytes that a peer must accept to count as making progress: one that accepts a byte now and then
/// must not delay others.
const PROGRESS_MIN: usize = 16 << 10;

/// The queue of bytes to be sent on one connection, owned by its only writer.
///
/// Nothing here blocks. The owner calls [`flush`](Outbox::flush) from time to time while
/// [`n_bytes`](Outbox::n_bytes) is not zero, and limits the queue by that number and by
/// [`stalled_for`](Outbox::stalled_for).
#[derive(Debug)]
pub struct Outbox {
    conn: Arc<Conn>,
    queue: VecDeque<(Arc<[u8]>, Range<usize>)>,
    n_bytes: usize,
    /// When the queue was last empty, or the peer last made progress.
    last_progress: Instant,
    /// Bytes sent since `last_progress`.
    n_sent: usize,
}

impl Outbox {
    /// Creates an empty queue and limits the kernel's send buffer to 64 KiB.
    #[must_use]
    pub fn new(conn: Arc<Conn>) -> Self {
        let socket = SockRef::from(conn.stream());
        _ = socket.set_send_buffer_size(SEND_BUFFER); // the kernel's own size works too
        let (queue, last_progress) = (VecDeque::new(), Instant::now());
        Outbox { conn, queue, n_bytes: 0, last_progress, n_sent: 0 }
    }

    /// Returns the connection.
    #[must_use]
    pub fn conn(&self) -> &Conn {
        &self.conn
    }

    /// Sends these bytes of `chunk`, or queues what the kernel does not accept at once; in either
    /// case after all that is queued already.
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
            (self.last_progress, self.n_sent) = (now, 0);
        }
        self.n_bytes += part.len() + CHUNK_OVERHEAD;
        self.queue.push_back((Arc::clone(chunk), part));
        Ok(())
    }

    /// Sends as much of the queue as the kernel accepts.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn flush(&mut self, now: Instant) -> io::Result<()> {
        while !self.queue.is_empty() {
            let chunks = self.queue.iter().take(CHUNKS_PER_SEND);
            let slices: Vec<_> =
                chunks.map(|(chunk, part)| IoSlice::new(&chunk[part.clone()])).collect();
            let n_offered: usize = slices.iter().map(|slice| slice.len()).sum();
            let mut no_control = SendAncillaryBuffer::default();
            let n =
                sent(sendmsg(self.conn.stream(), &slices, &mut no_control, SendFlags::DONTWAIT))?;
            self.remove_sent(n, now);
            if n < n_offered {
                break;
            }
        }
        Ok(())
    }

    /// Removes the first `n` bytes from the queue.
    fn remove_sent(&mut self, mut n: usize, now: Instant) {
        self.n_sent += n;
        while let Some((_, part)) = self.queue.front_mut() {
            let n_of_part = n.min(part.len());
            part.start += n_of_part;
            n -= n_of_part;
            self.n_bytes -= n_of_part;
            if part.start < part.end {
                break;
            }
            self.queue.pop_front();
            self.n_bytes -= CHUNK_OVERHEAD;
        }
        if self.queue.is_empty() || self.n_sent >= PROGRESS_MIN {
            (self.last_progress, self.n_sent) = (now, 0);
        }
    }

    /// Returns the memory that the queue takes, in bytes; 0 if it is empty.
    #[must_use]
    pub fn n_bytes(&self) -> usize {
        self.n_bytes
    }

    /// Returns for how long the peer has accepted less than 16 KiB although more is queued.
    #[must_use]
    pub fn stalled_for(&self, now: Instant) -> Duration {
        if self.queue.is_empty() { Duration::ZERO } else { now.duration_since(self.last_progress) }
    }

    /// Drops the queue. Returns the number of lines that end in it.
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
    fn what_the_kernel_does_not_accept_is_queued_in_order() {
        let (mut client, conn) = pair();
        let mut outbox = Outbox::new(Arc::new(conn));
        let start = Instant::now();
        let chunk: Arc<[u8]> = (0..=255).cycle().take(40_000).collect();
        for _ in 0..200 {
            outbox.send(&chunk, 0..chunk.len(), start).unwrap();
        }
        assert!(outbox.n_bytes() > 0, "8 MB are more than two socket buffers hold");
        let later = start + Duration::from_secs(3);
        assert_eq!(outbox.stalled_for(later), Duration::from_secs(3));
        let reading = thread::spawn(move || {
            let mut received = vec![0; 200 * 40_000];
            client.read_exact(&mut received).map(|()| received)
        });
        while outbox.n_bytes() > 0 {
            outbox.flush(later).unwrap();
            thread::yield_now();
        }
        assert_eq!(outbox.stalled_for(later), Duration::ZERO);
        let received = reading.join().unwrap().unwrap();
        assert!(received.chunks(chunk.len()).all(|part| *part == *chunk));
    }

    #[test]
    fn dropped_lines_are_counted() {
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
