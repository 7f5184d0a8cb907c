//! Reads the shouts of one client.

use std::sync::Arc;

use super::client::Client;
use super::options::Options;
use super::timer::Timer;
use crate::net::{IdleEvent, IdleTimer, InputLine, LineReader};

const TOO_LONG: &[u8] = b"line too long\n";

/// Reads until the end of the input, or until the client is idle for too long.
///
/// At the end of the input, outstanding echoes keep the connection open; the last thread to drop it
/// closes it.
pub(super) fn read(client: &Arc<Client>, timer: &Timer, options: &Options) {
    let conn = client.conn();
    let append = |shouts: &mut Vec<u8>, line: InputLine<'_>| match line {
        InputLine::Line(text) => {
            shouts.extend_from_slice(&text);
            shouts.push(b'\n');
        }
        InputLine::TooLong => timer.schedule(client, client.send_line(TOO_LONG)),
    };
    let mut reader = LineReader::new(conn, IdleTimer::new(options.idle));
    loop {
        let Ok(batch) = reader.read(append) else { return client.abort() };
        let Some(batch) = batch else { break };
        timer.shout(client, batch.text);
        if batch.idle_event == Some(IdleEvent::Expired) {
            client.wait_until_sent();
            return conn.close_gracefully();
        }
    }
    let last = reader.finish(append);
    if !last.is_empty() {
        timer.shout(client, last);
    }
}
