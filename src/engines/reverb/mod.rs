//! An echo server whose echoes fade: each shout (a line) is returned in upper case, then unchanged,
//! then in lower case.
//!
//! A pooled thread reads each client and sends the first echo at once; one thread (`timer`) sends
//! the later ones from a heap ordered by time. Shouts that arrive together are echoed together, in
//! one write. No thread ever blocks on a client that does not read: what the kernel does not accept
//! stays in the client's outbox and is retried.
//!
//! The outstanding shouts and bytes of each client are limited. At the limit the client's reader
//! stops reading (back-pressure); other clients are not affected.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};

use crate::net::{Conn, ConnRegistry, IdleTimer, Listener, is_timeout};
use crate::threads::{self, ThreadPool};

mod client;
mod echo;
mod options;
mod reader;
mod task;
mod timer;

pub use options::Options;

use client::Client;
use timer::Timer;

/// How long the server waits for outstanding echoes when it shuts down.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes read at once with [`Options::raw`].
const RAW_BUF_SIZE: usize = 16 << 10;

/// Serves clients until `listener` is shut down, then waits up to five seconds for outstanding
/// echoes and disconnects all clients.
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::{Shutdown, TcpStream};
/// use std::time::Duration;
/// use threadbare::engines::reverb::{self, Options};
/// use threadbare::net;
///
/// let listener = net::listen("127.0.0.1:0", 1)?;
/// let delay = Duration::from_millis(1);
/// let options = Options { delay, sequential: false, idle: Duration::ZERO, raw: false };
/// std::thread::scope(|scope| {
///     scope.spawn(|| reverb::serve(&listener, &options));
///     let mut client = TcpStream::connect(listener.local_addr()?)?;
///     client.write_all(b"Hello\n")?;
///     client.shutdown(Shutdown::Write)?;
///     let mut echoes = String::new();
///     client.read_to_string(&mut echoes)?;
///     assert_eq!(echoes, "\t HELLO\n\t Hello\n\t hello\n");
///     listener.shutdown(); // ends the server
///     Ok::<(), std::io::Error>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When the machine has no room for the timer's thread.
pub fn serve(listener: &Listener, options: &Options) -> io::Result<()> {
    let (timer, conns) = (Timer::default(), ConnRegistry::default());
    thread::scope(|scope| {
        threads::spawn_now(scope, || timer.run())?;
        let pool = ThreadPool::new(scope);
        for conn in listener.incoming() {
            let conn = Arc::new(conn);
            conns.insert(&conn);
            admit(conn, &pool, &timer, options);
        }
        timer.finish(Instant::now() + DRAIN_TIMEOUT);
        conns.close_gracefully();
        Ok(())
    })
}

/// Starts reading a client on a pooled thread, or refuses it.
fn admit<'scope>(
    conn: Arc<Conn>,
    pool: &ThreadPool<'scope, '_>,
    timer: &'scope Timer,
    options: &'scope Options,
) {
    let shared = Arc::clone(&conn);
    let started = if options.raw {
        pool.run(move || echo_bytes(&shared, options.idle))
    } else {
        pool.run(move || reader::read(&Client::new(shared, options), timer, options))
    };
    if started.is_err() {
        log::warn!("no thread for another client: the machine's limit is reached");
        if let Ok(conn) = Arc::try_unwrap(conn) {
            conn.refuse("server full");
        }
    }
}

/// Sends back all bytes received until the end of the input (RFC 862).
fn echo_bytes(conn: &Conn, idle_limit: Duration) {
    let (mut input, mut output) = (conn, conn);
    let (mut idle_timer, mut buf) = (IdleTimer::new(idle_limit), vec![0; RAW_BUF_SIZE]);
    loop {
        idle_timer.limit_read(conn);
        match input.read(&mut buf) {
            Ok(0) => return conn.mark_drained(),
            Ok(n) if output.write_all(&buf[..n]).is_ok() => idle_timer.reset(Instant::now()),
            Err(err) if is_timeout(&err) => {}
            _ => return, // dropping the connection drains its input
        }
        if idle_timer.check(Instant::now()).is_some() {
            return;
        }
    }
}
