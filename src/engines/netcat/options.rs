//! What a netcat does, and what can go wrong.

use std::io;
use std::time::Duration;

/// Which way a netcat copies, and when it gives up.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether the input is sent.
    pub send: bool,
    /// Whether received bytes are written to the output; otherwise they are discarded.
    pub receive: bool,
    /// Ends the connection when nothing was sent or received for this long.
    pub idle: Option<Duration>,
}

/// An I/O error, and where it occurred.
#[derive(Debug)]
pub enum Error {
    /// The connection failed; the error names the peer.
    Peer(io::Error),
    /// The input could not be read.
    Input(io::Error),
    /// The output could not be written.
    Output(io::Error),
}
