//! Reads a web client: its messages are lines.
//!
//! tungstenite decodes what is read, on the client's own thread. What it wants to send (pongs, the
//! answer to a close frame) goes through the broadcaster, so that one thread alone writes to the
//! connection.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Instant;

use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use super::super::events::Event;
use super::super::frame;
use super::super::ids::ClientId;
use super::super::link::Link;
use super::super::random::random;
use super::super::reader::{CUT_OFF, Intake, Reader, append_line, idle_timer};
use super::super::resume::Resume;
use super::super::transport::Transport;
use super::super::upgrade::Upgrade;
use crate::net::{Conn, IdleTimer, LINE_MAX, LineBatch, is_timeout};

/// Bytes read at once. Every client has a buffer of this size.
const BUF_SIZE: usize = 1 << 10;

/// The connection as tungstenite sees it.
struct Duplex<'a> {
    transport: Transport<'a>,
    /// Whether only what has been read already is to be decoded.
    is_paused: bool,
    /// What tungstenite wants to send.
    output: Vec<u8>,
}

/// Reports all of a client's input, from `Entering` to `Leaving`.
pub(super) fn run(
    reader: &Reader<'_>,
    id: ClientId,
    mut transport: Transport<'_>,
    upgrade: Upgrade,
) {
    if reader.is_cut_off() {
        let mut note = Vec::new();
        frame::append(&mut note, &[frame::NOTE.as_bytes(), CUT_OFF.as_bytes()]);
        _ = transport.write_all(&note); // a client that has gone need not know
    }
    let (conn, tls) = (transport.conn, transport.session());
    let resume = Resume { new_token: random(), ..upgrade.resume };
    let link = Link { conn: Arc::clone(conn), tls, web: Some(Arc::new(resume)) };
    reader.send(Event::Entering(id, link));
    let duplex = Duplex { transport, is_paused: false, output: Vec::new() };
    let mut socket =
        WebSocket::from_partially_read(duplex, upgrade.rest, Role::Server, Some(config()));
    let mut intake = Intake::new(reader, id, conn, upgrade.is_safe);
    let mut idle_timer = idle_timer(reader.options.idle);
    let end = loop {
        idle_timer.limit_read(conn);
        let (batch, end) = read_batch(&mut socket, &mut idle_timer);
        intake.accept(batch);
        send_output(reader, id, &mut socket);
        if let Some(end) = end {
            break end;
        }
    };
    if let Some(code) = violation(&end) {
        reader.send(Event::Violation(id, code));
        discard(conn); // until the client has received the reason, or a sender closes the socket
    }
    conn.mark_drained();
    reader.send(Event::Leaving(id));
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(BUF_SIZE)
        .write_buffer_size(0)
        .max_message_size(Some(LINE_MAX))
        .max_frame_size(Some(LINE_MAX))
}

/// Reads once, and decodes all messages that are complete then. Also returns what ends the reading.
fn read_batch(
    socket: &mut WebSocket<Duplex<'_>>,
    idle_timer: &mut IdleTimer,
) -> (LineBatch, Option<Error>) {
    let (mut text, mut n_lines, mut n_pings) = (Vec::new(), 0, 0);
    socket.get_mut().is_paused = false;
    let end = loop {
        match socket.read() {
            Ok(Message::Text(message)) => {
                for line in message.as_str().split('\n') {
                    append_line(&mut text, line.as_bytes());
                    n_lines += 1;
                }
            }
            Ok(Message::Binary(_)) => break Some(Error::AttackAttempt), // the page sends text only
            Ok(_) => n_pings += 1, // tungstenite answers pings and close frames
            Err(Error::Io(err)) if is_timeout(&err) => break None,
            Err(err) => break Some(err),
        }
    };
    let read_at = Instant::now();
    if n_lines > 0 {
        idle_timer.reset(read_at);
    }
    let idle_event = idle_timer.check(read_at);
    n_lines += n_pings; // for flood control, but they do not show that anybody is there
    (LineBatch { text, n_lines, idle_event, read_at }, end)
}

fn send_output(reader: &Reader<'_>, id: ClientId, socket: &mut WebSocket<Duplex<'_>>) {
    _ = socket.flush(); // into memory
    let output = std::mem::take(&mut socket.get_mut().output);
    if !output.is_empty() {
        reader.send(Event::Reply(id, output));
    }
}

/// The code with which a connection is closed after a fault of the client's (RFC 6455, 7.4.1).
fn violation(err: &Error) -> Option<CloseCode> {
    match err {
        Error::ConnectionClosed | Error::AlreadyClosed | Error::Io(_) => None,
        Error::Capacity(_) => Some(CloseCode::Size),
        Error::Utf8(_) => Some(CloseCode::Invalid),
        Error::AttackAttempt => Some(CloseCode::Unsupported),
        _ => Some(CloseCode::Protocol),
    }
}

/// Reads to the end of the input.
fn discard(conn: &Conn) {
    let (mut input, mut buf) = (conn, [0; 256]);
    _ = conn.set_read_timeout(None);
    while matches!(input.read(&mut buf), Ok(1..)) {}
}

impl Read for Duplex<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.is_paused {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.is_paused = true; // one read for each batch
        self.transport.read(buf)
    }
}

impl Write for Duplex<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
