//! The state of the two threads of a netcat, and the decision when a connection ends.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::options::{Error, Options};
use crate::net::Stream;

/// How long to wait for input after the peer has ended its half.
const INPUT_TIMEOUT: Duration = Duration::from_millis(500);
/// How long to wait for the peer's end when nothing is received: closing earlier could reset the
/// connection before the peer has read everything.
const PEER_END_TIMEOUT: Duration = Duration::from_millis(500);

/// What the two threads do now, and how they ended.
#[derive(Debug)]
pub(super) struct State {
    /// The connection to send to. `None` before it is made, after it has ended, and after a write to
    /// it has failed.
    pub(super) peer: Option<Arc<Stream>>,
    pub(super) sending: Sending,
    pub(super) receiving: Receiving,
    pub(super) input_error: Option<io::Error>,
    /// Why receiving failed; `None` if it ended with the peer's end of stream.
    pub(super) receive_error: Option<Error>,
    /// Why a write to the peer failed.
    pub(super) send_error: Option<io::Error>,
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
    pub(super) fn new(is_sending: bool, now: Instant) -> Self {
        State {
            peer: None,
            sending: if is_sending { Sending::Reading(now) } else { Sending::Never },
            receiving: Receiving::Reading(now),
            input_error: None,
            receive_error: None,
            send_error: None,
        }
    }

    /// Begins a new connection and forgets the errors of the last one.
    pub(super) fn connect(&mut self, peer: &Arc<Stream>, now: Instant) {
        self.peer = Some(Arc::clone(peer));
        self.receiving = Receiving::Reading(now);
        (self.receive_error, self.send_error) = (None, None);
    }

    /// Decides whether the connection ends at `now`.
    pub(super) fn decide(&mut self, options: &Options, now: Instant) -> Decision {
        if let Some(err) = self.failure(options) {
            return Decision::End(Err(err));
        }
        let (end, idle) = (self.end(options, now), self.idle_end(options, now));
        if end.is_some_and(|end| end <= now) {
            return Decision::End(
                self.input_error.take().map_or(Ok(()), |err| Err(Error::Input(err))),
            );
        }
        if idle.is_some_and(|idle| idle <= now) {
            return Decision::End(self.stalled().map_or(Ok(()), Err));
        }
        let next = [end, idle].into_iter().flatten().min();
        Decision::Wait(next.map(|next| next - now))
    }

    /// Takes the error that ends the connection, if there is one.
    fn failure(&mut self, options: &Options) -> Option<Error> {
        // A peer that closed in order makes writes fail, too; the receiving thread reads its end.
        let is_failure = |err: &mut io::Error| !options.receive || !is_orderly(err);
        let failed_send = |state: &mut State| state.send_error.take_if(is_failure);
        self.receive_error.take().or_else(|| failed_send(self).map(Error::Peer))
    }

    /// When the connection ends in order; `None` while that is not foreseeable.
    fn end(&self, options: &Options, now: Instant) -> Option<Instant> {
        match (self.receiving, self.sending) {
            (Receiving::Ended, Sending::Never | Sending::Ended(_)) => Some(now),
            (Receiving::Ended, _) if self.send_error.is_some() => Some(now),
            (Receiving::Ended, Sending::Reading(since)) if options.receive => {
                Some(since + INPUT_TIMEOUT)
            }
            (_, Sending::Ended(since)) if !options.receive => Some(since + PEER_END_TIMEOUT),
            _ => None,
        }
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
        let text = format!("{}: the peer stopped reading", self.peer.as_ref()?.peer());
        Some(Error::Peer(io::Error::new(io::ErrorKind::TimedOut, text)))
    }
}

/// Whether a write failed because the peer closed the connection without a reset.
fn is_orderly(err: &io::Error) -> bool {
    err.kind() == io::ErrorKind::BrokenPipe
}
