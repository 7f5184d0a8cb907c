//! Reads one client's shouts.

use std::io::Read;
use std::sync::Arc;

use super::Options;
use super::client::Client;
use super::timer::Timer;
use crate::net::{IdleTimer, InputLine, LineSplitter, is_timeout};

/// What is read at first, so that silent clients cost little, and at most.
const BUF: usize = 128;
const BUF_MAX: usize = 4 << 10;
const TOO_LONG: &[u8] = b"line too long\n";

/// Reads to the end of the input, or of the patience with a silent client. The echoes that are
/// outstanding then keep the connection; who drops it last closes it.
pub(super) fn read(client: &Arc<Client>, timer: &Timer, options: &Options) {
    let conn = client.conn();
    let mut idle = IdleTimer::new(options.idle);
    let (mut splitter, mut buf) = (LineSplitter::default(), vec![0; BUF]);
    loop {
        idle.limit_read(conn);
        let n = match (&mut &*conn).read(&mut buf) {
            Ok(0) => break,
            Ok(n) => n,
            Err(err) if is_timeout(&err) => 0,
            Err(_) => return client.give_up(),
        };
        let (mut shouts, mut n_found) = (Vec::with_capacity(n), 0);
        splitter.split(&buf[..n], |found| {
            n_found += 1;
            take(found, &mut shouts, client, timer);
        });
        timer.shout(client, shouts);
        if n_found > 0 {
            idle.reset();
        } else if idle.has_expired() {
            client.wait_for_silence();
            return conn.close_gracefully();
        }
        if n == buf.len() && n < BUF_MAX {
            buf.resize(n * 2, 0);
        }
    }
    conn.mark_drained();
    let mut last = Vec::new();
    if let Some(found) = splitter.finish() {
        take(found, &mut last, client, timer);
        timer.shout(client, last);
    }
}

fn take(found: InputLine<'_>, shouts: &mut Vec<u8>, client: &Arc<Client>, timer: &Timer) {
    match found {
        InputLine::Line(text) => {
            shouts.extend_from_slice(&text);
            shouts.push(b'\n');
        }
        InputLine::TooLong => timer.plan(client, client.tell(TOO_LONG)),
    }
}
