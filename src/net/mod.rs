//! TCP with Go's defaults, and the bounds that every server and client needs.
//!
//! From Go's `net`: a backlog of 4096, keep-alive, Nagle off, writes that do not interleave. Beyond
//! it: a bound on clients (those above it are told `server full`), quiet waiting when descriptors
//! run out, bounded lines, graceful close.

mod close;
mod conn;
mod copy;
mod errors;
mod idle;
mod ip_limit;
mod line_splitter;
mod lines;
mod listener;
mod outbox;
mod send_file;
mod stream;

pub use close::close_gracefully;
pub use conn::{Conn, close_all_gracefully, dial};
pub use copy::copy;
pub use errors::{Error, is_disconnect};
pub use idle::{IdleTimer, is_timeout};
pub use ip_limit::{IpPermit, PerIpLimit};
pub use line_splitter::{InputLine, LINE_MAX, LineSplitter};
pub use lines::Lines;
pub use listener::{Listener, NOTICE, listen};
pub use outbox::Outbox;
pub use send_file::{SEND_SIZE, send_file};
pub use stream::{Endpoint, Family, Stream, StreamListener};
