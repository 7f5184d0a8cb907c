//! What comes in goes out, both ways at once, until the peer has said all.
//!
//! A thread receives, a thread sends, and the caller's thread waits for the moment to end, which is
//! decided in one place (`Verdict`) from what the two were last seen doing.
//!
//! How a connection ended does not depend on which thread notices: the peer's end of stream is
//! success, a reset is a failure. The kernel reports a reset once, to a reader or to a writer, and
//! then shows an end of stream to the other; so the end is decided only when no write is under way.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use crate::net::{SEND_SIZE, Stream};
use crate::threads::{self, lock};

mod state;

use state::{Receiving, Sending, State, Verdict};

/// As good as for ever, and an instant has room for it.
const IDLE_MAX: Duration = Duration::from_hours(24 * 365);

/// What may be chosen.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Send the input.
    pub send: bool,
    /// Write to the output what is received; otherwise it is thrown away.
    pub receive: bool,
    /// End when nothing has passed either way for so long.
    pub idle: Option<Duration>,
}

/// What went wrong with whom.
#[derive(Debug)]
pub enum Error {
    /// The connection.
    Peer(io::Error),
    /// What should be sent cannot be read.
    Input(io::Error),
    /// What is received cannot be written.
    Output(io::Error),
}

/// An input and an output, connected to one peer after the other.
pub struct Netcat<R, W> {
    options: Options,
    /// Until a thread reads it.
    input: Option<R>,
    output: W,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Something has ended, or there is somebody to send to.
    changed: Condvar,
}

impl<R: Read + Send + 'static, W: Write + AsFd + Send> Netcat<R, W> {
    /// Reads nothing yet.
    pub fn new(mut options: Options, input: R, output: W) -> Self {
        options.idle = options.idle.filter(|idle| *idle < IDLE_MAX);
        let state = Mutex::new(State::new(options.send, Instant::now()));
        let shared = Arc::new(Shared { state, changed: Condvar::new() });
        Netcat { options, input: Some(input), output, shared }
    }

    /// Copies both ways until the connection ends.
    ///
    /// The write half is closed at the end of the input. When the peer has ended its half, what the
    /// input still has is sent; an input that has had nothing for half a second is not waited for.
    ///
    /// # Errors
    /// When the connection was reset, or one of the three could not be read or written.
    pub fn talk(&mut self, stream: Stream) -> Result<(), Error> {
        let stream = Arc::new(stream);
        self.start_sending().map_err(Error::Input)?;
        self.shared.attach(&stream);
        thread::scope(|scope| {
            let (shared, options, output) = (&self.shared, self.options, &mut self.output);
            let receiving = Arc::clone(&stream);
            threads::spawn(scope, move || {
                let received = match (options.receive, options.idle) {
                    (false, _) => shared.receive(&receiving, &mut io::sink()),
                    // A splice does not show which of its two sides it waits for.
                    (true, None) => shared.splice(&receiving, output),
                    (true, Some(_)) => shared.receive(&receiving, output),
                };
                shared.received(received);
            });
            let ended = self.shared.wait(&self.options);
            stream.shutdown(Shutdown::Both); // wakes who still reads
            ended
        })
    }

    /// Nobody joins this thread: it may be blocked reading an input that never ends.
    fn start_sending(&mut self) -> io::Result<()> {
        let Some(input) = self.input.take().filter(|_| self.options.send) else { return Ok(()) };
        let shared = Arc::clone(&self.shared);
        Builder::new().spawn(move || shared.send(input)).map(drop)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn attach(&self, stream: &Arc<Stream>) {
        let mut state = self.state();
        state.connect(stream, Instant::now());
        if matches!(state.sending, Sending::Ended(_)) {
            stream.shutdown(Shutdown::Write);
        }
        self.changed.notify_all();
    }

    /// Waits for the moment to end.
    fn wait(&self, options: &Options) -> Result<(), Error> {
        let mut state = self.state();
        loop {
            let wait = match state.verdict(options, Instant::now()) {
                Verdict::End(ended) => {
                    state.peer = None;
                    return ended;
                }
                Verdict::Wait(wait) => wait,
            };
            state = threads::wait(&self.changed, state, wait);
        }
    }

    /// Receives without copying as long as that can be done.
    fn splice(&self, stream: &Stream, output: &mut (impl Write + AsFd)) -> Result<(), Error> {
        let Some(left) = stream.splice_to(&*output).map_err(Error::Peer)? else { return Ok(()) };
        output.write_all(&left).map_err(Error::Output)?;
        self.receive(stream, output)
    }

    fn receive(&self, mut stream: &Stream, output: &mut impl Write) -> Result<(), Error> {
        let mut buf = vec![0; SEND_SIZE];
        loop {
            self.state().receiving = Receiving::Reading(Instant::now());
            let n = match stream.read(&mut buf) {
                Ok(0) => return Ok(()),
                Ok(n) => n,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => continue,
                Err(err) => return Err(Error::Peer(err)),
            };
            self.state().receiving = Receiving::Writing;
            output.write_all(&buf[..n]).and_then(|()| output.flush()).map_err(Error::Output)?;
        }
    }

    /// Nothing more will be.
    fn received(&self, ended: Result<(), Error>) {
        let mut state = self.state();
        (state.receiving, state.receive_error) = (Receiving::Ended, ended.err());
        self.changed.notify_all();
    }

    fn send(&self, mut input: impl Read) {
        let mut buf = vec![0; SEND_SIZE];
        let ended = loop {
            self.state().sending = Sending::Reading(Instant::now());
            match input.read(&mut buf) {
                Ok(0) => break None,
                Ok(n) => self.write(&buf[..n]),
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => break Some(err),
            }
        };
        let mut state = self.state();
        state.sending = Sending::Ended(Instant::now());
        state.input_error = ended;
        if let Some(peer) = &state.peer {
            peer.shutdown(Shutdown::Write);
        }
        self.changed.notify_all();
    }

    /// Sends `bytes` to whoever is connected, or to the next who will be.
    fn write(&self, bytes: &[u8]) {
        let nobody = |state: &mut State| state.peer.is_none();
        let mut state = threads::wait_while(&self.changed, self.state(), nobody);
        let Some(peer) = state.peer.clone() else { return };
        state.sending = Sending::Writing(Instant::now());
        drop(state);
        let sent = (&*peer).write_all(bytes);
        let mut state = self.state();
        state.sending = Sending::Reading(Instant::now());
        let is_connected = state.peer.as_ref().is_some_and(|now| Arc::ptr_eq(now, &peer));
        if let Err(err) = sent
            && is_connected
        {
            (state.peer, state.refused) = (None, Some(err));
        }
        if state.peer.is_none() || state.receiving == Receiving::Ended {
            self.changed.notify_all(); // else nobody has to know, and waking costs
        }
    }
}
