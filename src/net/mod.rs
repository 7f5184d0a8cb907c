//! TCP with Go's defaults, and with the limits and timeouts that a server needs.
//!
//! As in Go's `net`: a backlog of 4096, keep-alive, Nagle's algorithm off, writes of several
//! threads that do not interleave. In addition: a limit on clients (others get `server full`), a
//! pause instead of an error when file descriptors run out, a limit on the length of lines, idle
//! timers, graceful close, sending without blocking.

#[cfg(feature = "tls")]
pub mod certificate;
mod close;
mod close_all;
mod conn;
mod copy;
#[cfg(feature = "passwords")]
mod crypt;
mod errors;
mod idle;
mod ip_limit;
mod line_reader;
mod line_splitter;
mod lines;
mod listener;
mod outbox;
#[cfg(feature = "passwords")]
pub mod passwords;
mod send_file;
mod services;
mod sockets;
mod stream;
mod tcp_table;
mod telnet;
#[cfg(feature = "tls")]
pub mod tls;

pub use close::close_gracefully;
pub use close_all::{ConnRegistry, close_all_gracefully};
pub use conn::{Conn, dial};
pub use copy::copy;
pub use errors::{Error, is_disconnect};
pub use idle::{IdleEvent, IdleTimer, is_timeout};
pub use ip_limit::{IpPermit, PerIpLimit};
pub use line_reader::{LineBatch, LineReader};
pub use line_splitter::{InputLine, LINE_MAX, LineSplitter};
pub use lines::Lines;
pub use listener::{BoundSockets, Listener, bind, listen};
pub use outbox::Outbox;
pub use send_file::{SEND_SIZE, cork, send_file};
pub use services::{Protocol, service_port};
pub use sockets::NOTICE;
pub use stream::{DialOptions, Endpoint, Family, Stream, StreamListener};
pub use tcp_table::n_unacknowledged;
pub use telnet::TelnetReader;
