//! 8.3, 8.4.1, exercise 8.3: copies an input to a connection and the connection to an output.
//!
//! One thread receives, one sends, and the caller's thread waits until the connection ends. When
//! that is, is decided in one place (`state::Decision`) from the state of the two threads.
//!
//! The result does not depend on which thread notices the end: the peer's end of stream is success,
//! a reset is a failure. The kernel reports a reset once, to a reader or to a writer, and after that
//! shows the other an end of stream. So the end is decided only while no write is under way.
//!
//! Success means that the peer's kernel has acknowledged all that was sent. Whether the peer's
//! program has read it, TCP cannot tell. With TLS, `close_notify` precedes the end of the write half.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use crate::net::SEND_SIZE;
use crate::threads::{self, Condvar, lock};

mod crlf;
mod options;
mod peer_stream;
mod probe;
mod state;
mod tls;
mod tls_session;
mod udp;
mod verifiers;

pub use crlf::CrlfReader;
pub use options::{Error, Options};
pub use peer_stream::PeerStream;
pub use probe::{Probe, probe};
pub use tls::{TlsClient, TlsServer, Trust};
pub use udp::{UdpOptions, UdpSockets, relay_datagrams};

use state::{Decision, Receiving, Sending, State};

/// Longer idle timeouts count as none; an [`Instant`] may not be able to represent their end.
const IDLE_MAX: Duration = Duration::from_hours(24 * 365);

/// An input and an output that are connected to one peer after the other.
pub struct Netcat<R, W> {
    options: Options,
    /// Taken by the thread that reads it.
    input: Option<R>,
    output: W,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Notified when a thread has ended and when there is a new connection.
    changed: Condvar,
}

impl<R: Read + Send + 'static, W: Write + AsFd + Send> Netcat<R, W> {
    /// A netcat that is not connected. Nothing is read from `input` before [`relay`](Self::relay).
    pub fn new(mut options: Options, input: R, output: W) -> Self {
        options.idle = options.idle.filter(|idle| *idle < IDLE_MAX);
        let state = Mutex::new(State::new(&options, Instant::now()));
        let shared = Arc::new(Shared { state, changed: Condvar::new() });
        Netcat { options, input: Some(input), output, shared }
    }

    /// Copies both ways until the connection ends.
    ///
    /// The write half is closed at the end of the input. After the peer has ended its half, input is
    /// still sent (see [`Options::peer_ends`]).
    ///
    /// # Errors
    /// When the connection was reset, part of the input was not delivered, the input could not be read,
    /// or the output not be written.
    ///
    /// # Examples
    /// Sends a line to a server that sends it back:
    ///
    /// ```
    /// use std::io::Read;
    /// use std::net::TcpListener;
    ///
    /// use threadbare::engines::netcat::{Netcat, Options};
    /// use threadbare::net::{DialOptions, Endpoint, Family};
    ///
    /// let server = TcpListener::bind("127.0.0.1:0")?;
    /// let port = server.local_addr()?.port();
    /// let echo = std::thread::spawn(move || {
    ///     let (client, _) = server.accept()?;
    ///     std::io::copy(&mut &client, &mut &client)
    /// });
    ///
    /// let endpoint = Endpoint::Tcp { host: "127.0.0.1".to_owned(), port, family: Family::Any };
    /// let options = Options {
    ///     send: true,
    ///     receive: true,
    ///     peer_ends: false,
    ///     is_listening: false,
    ///     half_close_empty: true,
    ///     idle: None,
    ///     quit_after: None,
    /// };
    /// let (mut received, output) = std::io::pipe()?;
    /// let mut netcat = Netcat::new(options, &b"a line\n"[..], output);
    /// netcat.relay(endpoint.dial(&DialOptions::default(), |_| {})?).expect("the server closes in order");
    /// drop(netcat); // and with it the pipe's write end
    ///
    /// let mut text = String::new();
    /// received.read_to_string(&mut text)?;
    /// assert_eq!(text, "a line\n");
    /// # assert_eq!(echo.join().expect("it does not panic")?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn relay(&mut self, stream: impl Into<PeerStream>) -> Result<(), Error> {
        let stream = Arc::new(stream.into());
        self.start_sending().map_err(Error::Thread)?;
        self.shared.attach(&stream);
        thread::scope(|scope| {
            let (shared, options, output) = (&self.shared, self.options, &mut self.output);
            let receiving = Arc::clone(&stream);
            let receive = move || {
                let result = match (options.receive, options.idle) {
                    (false, _) => shared.receive(&receiving, &mut io::sink()),
                    // With splice(2) the idle timeout could not tell a slow peer from a slow output.
                    (true, None) => shared.splice(&receiving, output),
                    (true, Some(_)) => shared.receive(&receiving, output),
                };
                shared.receiving_ended(result);
            };
            threads::spawn_now(scope, receive).map_err(Error::Thread)?;
            let result = self.shared.wait_for_end(&self.options);
            if result.is_ok() {
                stream.announce_end();
            }
            stream.close(); // wakes a blocked read
            result
        })
    }

    /// Returns the number of bytes sent to the last peer, and received from it.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        self.shared.state().counts()
    }

    /// Starts the thread that sends the input. It is not joined: a read of an input that never ends
    /// cannot be woken.
    fn start_sending(&mut self) -> io::Result<()> {
        let Some(input) = self.input.take().filter(|_| self.options.send) else { return Ok(()) };
        let shared = Arc::clone(&self.shared);
        let started = Builder::new().spawn(move || shared.send(input));
        started.map(drop).map_err(|err| threads::cannot_start(&err))
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Makes `stream` the connection to send to.
    fn attach(&self, stream: &Arc<PeerStream>) {
        let mut state = self.state();
        state.connect(stream, Instant::now());
        self.changed.notify_all();
        if let Sending::Ended(_) = state.sending {
            let peer = state.to_half_close();
            drop(state);
            self.half_close(peer.as_ref());
        }
    }

    /// Closes the write half of `peer`. This may block, because TLS sends a record.
    fn half_close(&self, peer: Option<&Arc<PeerStream>>) {
        let Some(peer) = peer else { return };
        if let Err(err) = peer.close_write() {
            self.send_failed(&mut self.state(), peer, err);
        }
    }

    /// Records that a write to `peer` has failed, if it still is the peer.
    fn send_failed(&self, state: &mut State, peer: &Arc<PeerStream>, err: io::Error) {
        if state.peer.as_ref().is_some_and(|current| Arc::ptr_eq(current, peer)) {
            (state.peer, state.send_error) = (None, Some(err));
            self.changed.notify_all();
        }
    }

    /// Waits until the connection ends. Returns its result.
    fn wait_for_end(&self, options: &Options) -> Result<(), Error> {
        let mut state = self.state();
        loop {
            let wait = match state.decide(options, Instant::now()) {
                Decision::End(result) => {
                    state.peer = None;
                    return result;
                }
                Decision::Wait(wait) => wait,
            };
            state = threads::wait(&self.changed, state, wait);
        }
    }

    /// Receives through splice(2), which copies nothing, as long as the output allows it.
    fn splice(&self, stream: &PeerStream, output: &mut (impl Write + AsFd)) -> Result<(), Error> {
        let received = |n| self.state().count_received(n);
        let left = stream.splice_to(&*output, received).map_err(Error::Peer)?;
        let Some(left) = left else { return Ok(()) };
        output.write_all(&left).map_err(Error::Output)?;
        self.receive(stream, output)
    }

    /// Copies from the peer to the output until the peer ends.
    fn receive(&self, mut stream: &PeerStream, output: &mut impl Write) -> Result<(), Error> {
        let mut buf = vec![0; SEND_SIZE];
        loop {
            self.state().receiving = Receiving::Reading(Instant::now());
            let n = match stream.read(&mut buf) {
                Ok(0) => return Ok(()),
                Ok(n) => n,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => continue,
                Err(err) => return Err(Error::Peer(err)),
            };
            let mut state = self.state();
            state.receiving = Receiving::Writing;
            state.count_received(n);
            drop(state);
            output.write_all(&buf[..n]).and_then(|()| output.flush()).map_err(Error::Output)?;
        }
    }

    /// Records that receiving has ended.
    fn receiving_ended(&self, result: Result<(), Error>) {
        let mut state = self.state();
        (state.receiving, state.receive_error) = (Receiving::Ended, result.err());
        self.changed.notify_all();
    }

    /// Sends the input until it ends, then closes the write half.
    fn send(&self, mut input: impl Read) {
        let mut buf = vec![0; SEND_SIZE];
        let error = loop {
            self.state().sending = Sending::Reading(Instant::now());
            match input.read(&mut buf) {
                Ok(0) => break None,
                Ok(n) => self.write(&buf[..n]),
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => break Some(err),
            }
        };
        let last = self.state().to_half_close();
        self.half_close(last.as_ref());
        let mut state = self.state();
        state.sending = Sending::Ended(Instant::now());
        state.input_error = error;
        self.changed.notify_all();
        let next = state.to_half_close(); // one that connected meanwhile
        drop(state);
        let is_same = |next: &Arc<PeerStream>| last.as_ref().is_some_and(|p| Arc::ptr_eq(p, next));
        self.half_close(next.as_ref().filter(|next| !is_same(next)));
    }

    /// Sends `bytes` to the connected peer, or if there is none to the next one.
    fn write(&self, bytes: &[u8]) {
        let is_unconnected = |state: &mut State| state.peer.is_none();
        let mut state = threads::wait_while(&self.changed, self.state(), is_unconnected);
        let Some(peer) = state.peer.clone() else { return };
        state.sending = Sending::Writing(Instant::now());
        state.count_sent(bytes.len());
        drop(state);
        let result = (&*peer).write_all(bytes);
        let mut state = self.state();
        state.sending = Sending::Reading(Instant::now());
        if let Err(err) = result {
            self.send_failed(&mut state, &peer, err);
        }
        if state.peer.is_none() || state.receiving == Receiving::Ended {
            self.changed.notify_all(); // no other change decides anything, and a wake-up costs time
        }
    }
}
