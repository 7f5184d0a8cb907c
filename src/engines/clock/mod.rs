//! 8.2 A clock server for ten thousand clients on three threads.
//!
//! One thread accepts and writes the first line of each client, another (`ticker`) writes all other
//! lines. The lines of a client are due whole seconds after its first one, so delays do not add up.
//! A line shows the time when it was due, not when it was written, so none is skipped or repeated.
//!
//! Clients are not read from. One that has disconnected is noticed two lines later: the first line
//! is answered with a reset, writing the second fails. A client that does not read is disconnected
//! when its socket buffer is full.

use std::time::{Duration, Instant};
use std::{io, thread};

use crate::net::{Conn, Listener, close_all_gracefully};
use crate::threads;

mod ticker;
mod time_format;
mod wall_clock;

pub use time_format::{Pattern, TimeFormat};

use ticker::{Client, NewClients, Ticker};
use time_format::LineCache;
use wall_clock::WallClock;

/// Size of the kernel's buffer for lines that a client has not read, in bytes.
const SEND_BUFFER: usize = 16 << 10;
/// Size of the kernel's buffer for what a client sends, in bytes. It is never read.
const RECV_BUFFER: usize = 2 << 10;
/// Time between two lines.
const PERIOD: Duration = Duration::from_secs(1);

/// Serves the time, one line per second and client, until `listener` is shut down. The connections
/// are then closed gracefully.
///
/// # Examples
/// ```
/// use std::io::{BufRead, BufReader};
/// use std::net::TcpStream;
///
/// use jiff::tz::TimeZone;
/// use threadbare::engines::clock::{self, Pattern, TimeFormat};
/// use threadbare::net;
///
/// let format = TimeFormat::new(TimeZone::UTC, Pattern::new("%H:%M:%S")?);
/// let listener = net::listen("127.0.0.1:0", 0)?;
/// std::thread::scope(|scope| {
///     scope.spawn(|| clock::serve(&listener, &format));
///     let client = TcpStream::connect(listener.local_addr()?)?;
///     let mut line = String::new();
///     BufReader::new(client).read_line(&mut line)?;
///     assert_eq!(line.len(), "15:04:05\n".len());
///     listener.shutdown();
///     Ok::<(), std::io::Error>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When the machine has no room for the server's own thread.
pub fn serve(listener: &Listener, format: &TimeFormat) -> io::Result<()> {
    let (clock, new_clients) = (WallClock::new(), NewClients::default());
    thread::scope(|scope| {
        threads::spawn_now(scope, || {
            close_all_gracefully(Ticker::new(format, &clock, PERIOD).run(&new_clients));
        })?;
        let mut lines = LineCache::new(format);
        for conn in listener.incoming() {
            if let Some(client) = admit(conn, &mut lines, &clock) {
                new_clients.push(client);
            }
        }
        new_clients.close();
        Ok(())
    })
}

/// Writes the first line to a new client. `None` if it has disconnected already.
fn admit(conn: Conn, lines: &mut LineCache<'_>, clock: &WallClock) -> Option<Client> {
    conn.limit_buffers(SEND_BUFFER, RECV_BUFFER);
    let now = Instant::now();
    let line = lines.line(clock.second(now));
    let is_sent = conn.send_now(line).is_ok_and(|n| n == line.len());
    is_sent.then(|| Client { due: now + PERIOD, conn })
}
