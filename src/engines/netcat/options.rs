//! What a netcat does, and what can go wrong.

use std::io;
use std::time::Duration;

/// Which way a netcat copies, and when it gives up.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Options {
    /// Whether the input is sent.
    pub send: bool,
    /// Whether received bytes are written to the output; otherwise they are discarded.
    pub receive: bool,
    /// Whether the peer's end ends the connection though the input goes on, as on a terminal or where
    /// the input waits for the next peer. Otherwise the input is sent to its end, because the peer may
    /// have ended only its half.
    pub peer_ends: bool,
    /// Whether the peer is a client that has connected to us: then its end, after it has sent
    /// something, also ends the connection if nothing of the input was sent yet, as with nc and ncat.
    pub is_listening: bool,
    /// Whether an input without a byte, as from `/dev/null`, closes the write half. If not, it stays
    /// open until the peer ends: some peers stop sending as soon as we do.
    pub half_close_empty: bool,
    /// Ends the connection when nothing was sent or received for this long.
    pub idle: Option<Duration>,
    /// Ends the connection this long after the end of the input, though the peer goes on.
    pub quit_after: Option<Duration>,
}

/// An I/O error, and where it occurred.
#[derive(Debug)]
pub enum Error {
    /// The connection failed, or not all of the input was delivered; the error names the peer.
    Peer(io::Error),
    /// The input could not be read.
    Input(io::Error),
    /// The output could not be written.
    Output(io::Error),
    /// The system refused a thread.
    Thread(io::Error),
}
