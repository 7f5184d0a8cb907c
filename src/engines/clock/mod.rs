//! A clock for ten thousand clients on three threads.
//!
//! One thread accepts and writes each client's first line, one (`ticker`) writes all the others. A
//! client's lines are due whole seconds after its first, so lateness never adds up; the time a line
//! shows follows from when it is due, not from when it is written, so none is skipped or repeated.
//!
//! Nobody listens to the clients, so a client that has left is noticed by the next line but one:
//! the first after its farewell is answered with a reset, the second fails. One that does not read
//! is hung up on when the kernel takes no more of its lines.

use std::thread;
use std::time::{Duration, Instant};

use crate::net::{Conn, Listener, close_all_gracefully};
use crate::threads;

mod face;
mod ticker;
mod wall;

pub use face::{Face, Format};

use face::Printer;
use ticker::{Arrivals, Client, Ticker};
use wall::Wall;

/// What the kernel may keep of lines that a client does not read.
const UNSENT: usize = 16 << 10;
/// What it may keep of what a client says, which nobody will read.
const UNREAD: usize = 2 << 10;
/// Between two lines.
const SECOND: Duration = Duration::from_secs(1);

/// Serves until `listener` is shut down; then the clients are parted from.
pub fn serve(listener: &Listener, face: &Face) {
    let (wall, arrivals) = (Wall::new(), Arrivals::default());
    thread::scope(|scope| {
        threads::spawn(scope, || {
            close_all_gracefully(Ticker::new(face, &wall, SECOND).run(&arrivals))
        });
        let mut printer = Printer::new(face);
        for conn in listener.incoming() {
            if let Some(client) = welcome(conn, &mut printer, &wall) {
                arrivals.push(client);
            }
        }
        arrivals.close();
    });
}

/// Writes the first line.
fn welcome(conn: Conn, printer: &mut Printer<'_>, wall: &Wall) -> Option<Client> {
    conn.limit_buffers(UNSENT, UNREAD);
    let now = Instant::now();
    let line = printer.line(wall.second(now));
    let is_sent = conn.send_now(line).is_ok_and(|n| n == line.len());
    is_sent.then(|| Client { due: now + SECOND, conn })
}
