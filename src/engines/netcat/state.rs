//! The state of the two threads of a netcat, and the decision when a connection ends.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::options::{Error, Options};
use super::peer_stream::PeerStream;

/// How long to wait for input after the peer has closed the connection.
const INPUT_TIMEOUT: Duration = Duration::from_millis(500);
/// How long to wait for the peer's end when nothing is received: closing earlier could reset the
/// connection before the peer has read everything.
const PEER_END_TIMEOUT: Duration = Duration::from_millis(500);

/// Pauses between two looks at what the peer has not acknowledged; they grow with the time waited.
const ACK_PAUSE: Duration = Duration::from_millis(1);
const ACK_PAUSE_MAX: Duration = Duration::from_millis(50);
/// With [`Options::quit_after`]: how long to wait for the peer to acknowledge anything more.
const QUIT_ACK_TIMEOUT: Duration = Duration::from_secs(5);
/// Pauses between two looks at whether the peer has closed the connection; they grow likewise.
const CLOSED_PAUSE: Duration = Duration::from_millis(50);
const CLOSED_PAUSE_MAX: Duration = Duration::from_secs(1);

/// What the two threads do now, and how they ended.
#[derive(Debug)]
pub(super) struct State {
    /// The connection to send to. `None` before it is made, after it has ended, and after a write to
    /// it has failed.
    pub(super) peer: Option<Arc<PeerStream>>,
    pub(super) sending: Sending,
    pub(super) receiving: Receiving,
    pub(super) input_error: Option<io::Error>,
    /// Why receiving failed; `None` if it ended with the peer's end of stream.
    pub(super) receive_error: Option<Error>,
    /// Why a write to the peer failed.
    pub(super) send_error: Option<io::Error>,
    /// Bytes of the input that were sent to this peer, or were to be sent when the write failed.
    n_sent: u64,
    /// Bytes received from this peer.
    n_received: u64,
    /// Bytes that the peer had not acknowledged when last looked at, and since when it is as many.
    unacknowledged: (u64, Instant),
    /// Whether the end of the input closes the write half: always, or when there was any input.
    is_half_closing: bool,
}

/// What the sending thread does, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    /// Nothing is sent.
    Never,
    /// Reads the input.
    Reading(Instant),
    /// Writes to the peer.
    Writing(Instant),
    /// The input has ended.
    Ended(Instant),
}

/// What the receiving thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Receiving {
    /// Reads from the peer, since this instant.
    Reading(Instant),
    /// Writes to the output.
    Writing,
    /// The peer has ended, or receiving has failed.
    Ended,
}

/// Whether the connection ends now.
#[derive(Debug)]
pub(super) enum Decision {
    /// It ends, with this result.
    End(Result<(), Error>),
    /// Decide again after a change of the state, or after this time.
    Wait(Option<Duration>),
}

impl State {
    pub(super) fn new(options: &Options, now: Instant) -> Self {
        State {
            peer: None,
            sending: if options.send { Sending::Reading(now) } else { Sending::Never },
            receiving: Receiving::Reading(now),
            input_error: None,
            receive_error: None,
            send_error: None,
            n_sent: 0,
            n_received: 0,
            unacknowledged: (0, now),
            is_half_closing: options.half_close_empty,
        }
    }

    /// Begins a new connection and forgets the errors of the last one.
    pub(super) fn connect(&mut self, peer: &Arc<PeerStream>, now: Instant) {
        self.peer = Some(Arc::clone(peer));
        self.receiving = Receiving::Reading(now);
        (self.receive_error, self.send_error) = (None, None);
        (self.n_sent, self.n_received, self.unacknowledged) = (0, 0, (0, now));
    }

    /// Counts bytes that are sent to the peer.
    pub(super) fn count_sent(&mut self, n: usize) {
        self.n_sent += n as u64;
        self.is_half_closing = true; // for every later peer, too
    }

    /// Counts bytes that were received from the peer.
    pub(super) fn count_received(&mut self, n: usize) {
        self.n_received += n as u64;
    }

    /// Bytes sent to the last peer, and received from it.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.n_sent, self.n_received)
    }

    /// The peer whose write half the end of the input closes.
    pub(super) fn to_half_close(&self) -> Option<Arc<PeerStream>> {
        self.peer.clone().filter(|_| self.is_half_closing)
    }

    /// Decides whether the connection ends at `now`.
    pub(super) fn decide(&mut self, options: &Options, now: Instant) -> Decision {
        if let Some(err) = self.failure() {
            return Decision::End(Err(err));
        }
        let (end, idle) = (self.end(options, now), self.idle_end(options, now));
        if let Some(end) = end.filter(|end| *end <= now) {
            return match self.end_of_unsent(options, now - end) {
                Some(decision) => decision,
                None => self.end_delivered(options, now, now - end),
            };
        }
        if idle.is_some_and(|idle| idle <= now) {
            return Decision::End(self.stalled().map_or(Ok(()), Err));
        }
        let next = [end, idle].into_iter().flatten().min();
        Decision::Wait(next.map(|next| next - now))
    }

    /// Takes the error that ends the connection, if there is one.
    fn failure(&mut self) -> Option<Error> {
        // After a reset or an end, a write says only that the pipe is broken; the receiving thread
        // finds out which it was.
        let is_decided = self.receiving == Receiving::Ended;
        match self.receive_error.take() {
            Some(Error::Peer(err)) => return Some(self.undelivered(err)),
            Some(err) => return Some(err),
            None => {}
        }
        let err = self.send_error.take_if(|err| is_decided || !is_broken_pipe(err))?;
        Some(self.undelivered(err))
    }

    /// When the connection ends in order, as far as the two threads are concerned; `None` while that
    /// is not foreseeable.
    fn end(&self, options: &Options, now: Instant) -> Option<Instant> {
        match (self.receiving, self.sending) {
            (Receiving::Ended, Sending::Never) => Some(now),
            (Receiving::Ended, Sending::Ended(since)) => Some(since.min(now)),
            (Receiving::Ended, Sending::Reading(since)) if options.receive => {
                (options.peer_ends || self.n_sent == 0).then_some(since + INPUT_TIMEOUT)
            }
            (_, Sending::Ended(since)) if options.quit_after.is_some() => {
                options.quit_after.map(|delay| since + delay)
            }
            (_, Sending::Ended(since)) if !options.receive => Some(since + PEER_END_TIMEOUT),
            _ => None,
        }
    }

    /// Decides what it means that the peer has ended while the input goes on and nothing of it was
    /// sent. `None` if that is not so, or the connection may end in order.
    ///
    /// A peer that has sent nothing either and has ended only its half wants the input, the first of
    /// which may be late. One that has sent something and closed has done what it was asked for, as
    /// daytime servers have. Whatever else may lose the input is no success.
    fn end_of_unsent(&mut self, options: &Options, waited: Duration) -> Option<Decision> {
        let is_unsent = matches!(self.sending, Sending::Reading(_)) && self.n_sent == 0;
        let peer = self.peer.as_ref().filter(|_| is_unsent && !options.peer_ends)?;
        let cause = match (peer.is_peer_closed(), self.n_received > 0) {
            (true, true) => return None,
            (false, true) if options.is_listening => return None,
            (false, false) => {
                let pause = waited.clamp(CLOSED_PAUSE, CLOSED_PAUSE_MAX);
                return Some(Decision::Wait(Some(pause)));
            }
            (true, false) => "the peer closed before anything was sent",
            (false, true) => "the peer ended before stdin, of which nothing was sent",
        };
        let text = format!("{}: {cause}", peer.peer());
        let err = io::Error::new(io::ErrorKind::ConnectionAborted, text);
        Some(Decision::End(Err(Error::Peer(err))))
    }

    /// Ends the connection if the peer has acknowledged all that was sent. `waited` is the time since
    /// the connection could have ended.
    fn end_delivered(&mut self, options: &Options, now: Instant, waited: Duration) -> Decision {
        if let Some(peer) = self.peer.clone().filter(|_| self.n_sent > 0) {
            let n_left = peer.n_unacknowledged();
            // In this order: a reset leaves nothing to acknowledge.
            if let Some(err) = peer.take_error() {
                return Decision::End(Err(self.undelivered(err)));
            }
            if n_left != self.unacknowledged.0 {
                self.unacknowledged = (n_left, now);
            }
            let limit = options.idle.or(options.quit_after.map(|_| QUIT_ACK_TIMEOUT));
            let is_idle = |limit| now.saturating_duration_since(self.unacknowledged.1) >= limit;
            if n_left > 0 && limit.is_some_and(is_idle) {
                return Decision::End(Err(self.stopped_reading(&peer)));
            }
            if n_left > 0 {
                return Decision::Wait(Some(waited.clamp(ACK_PAUSE, ACK_PAUSE_MAX)));
            }
        }
        Decision::End(self.input_error.take().map_or(Ok(()), |err| Err(Error::Input(err))))
    }

    /// When the idle timeout ends the connection.
    fn idle_end(&self, options: &Options, now: Instant) -> Option<Instant> {
        let last = match (self.sending, self.receiving) {
            (_, Receiving::Writing) => now, // the reader of our output is slow, not the peer
            (Sending::Never | Sending::Ended(_), Receiving::Reading(received)) => received,
            (Sending::Reading(sent) | Sending::Writing(sent), Receiving::Reading(received)) => {
                sent.max(received)
            }
            (Sending::Reading(sent) | Sending::Writing(sent), Receiving::Ended) => sent,
            (Sending::Never | Sending::Ended(_), Receiving::Ended) => return None,
        };
        options.idle.map(|idle| last + idle)
    }

    /// The error of a connection that is idle because the peer has stopped reading.
    fn stalled(&self) -> Option<Error> {
        let Sending::Writing(_) = self.sending else { return None };
        Some(self.stopped_reading(self.peer.as_ref()?))
    }

    fn stopped_reading(&self, peer: &PeerStream) -> Error {
        let text = format!("{}: the peer stopped reading", peer.peer());
        self.undelivered(io::Error::new(io::ErrorKind::TimedOut, text))
    }

    /// The error of the peer, with how much of the input may be lost.
    fn undelivered(&self, err: io::Error) -> Error {
        Error::Peer(match self.n_sent {
            0 => err,
            n => io::Error::new(err.kind(), format!("{err}; up to {n} bytes were not delivered")),
        })
    }
}

/// Whether a write failed because the peer closed the connection, with or without a reset.
fn is_broken_pipe(err: &io::Error) -> bool {
    err.kind() == io::ErrorKind::BrokenPipe
}
