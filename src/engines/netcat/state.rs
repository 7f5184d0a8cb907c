//! What the two threads of a netcat were last seen doing, and what follows.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Error, Options};
use crate::net::Stream;

/// How long an input may have had nothing while the peer has ended.
const GRACE: Duration = Duration::from_millis(500);
/// How long a peer that was only sent to may take to end: closing earlier could reset it.
const FAREWELL: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) struct State {
    /// Who is sent to: nobody once the connection has ended, or does not take any more.
    pub(super) peer: Option<Arc<Stream>>,
    pub(super) sending: Sending,
    pub(super) receiving: Receiving,
    pub(super) input_error: Option<io::Error>,
    /// Why nothing more is received, if not for the peer's end.
    pub(super) receive_error: Option<Error>,
    /// Why the peer does not take any more.
    pub(super) refused: Option<io::Error>,
}

/// Each since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    Never,
    Reading(Instant),
    Writing(Instant),
    Ended(Instant),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Receiving {
    Reading(Instant),
    Writing,
    Ended,
}

#[derive(Debug)]
pub(super) enum Verdict {
    End(Result<(), Error>),
    /// For an event, or for so long.
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
            refused: None,
        }
    }

    /// A new connection; what the last one left is forgotten.
    pub(super) fn connect(&mut self, peer: &Arc<Stream>, now: Instant) {
        self.peer = Some(Arc::clone(peer));
        self.receiving = Receiving::Reading(now);
        (self.receive_error, self.refused) = (None, None);
    }

    pub(super) fn verdict(&mut self, options: &Options, now: Instant) -> Verdict {
        if let Some(err) = self.failure(options) {
            return Verdict::End(Err(err));
        }
        let (end, idle) = (self.end(options, now), self.idle(options, now));
        if end.is_some_and(|end| end <= now) {
            return Verdict::End(
                self.input_error.take().map_or(Ok(()), |err| Err(Error::Input(err))),
            );
        }
        if idle.is_some_and(|idle| idle <= now) {
            return Verdict::End(self.stalled().map_or(Ok(()), Err));
        }
        let next = [end, idle].into_iter().flatten().min();
        Verdict::Wait(next.map(|next| next - now))
    }

    fn failure(&mut self, options: &Options) -> Option<Error> {
        // How a peer left that hung up in order, receiving tells; unless nobody asks for it.
        let is_failure = |err: &mut io::Error| !options.receive || !is_orderly(err);
        let refused = |state: &mut State| state.refused.take_if(is_failure).map(Error::Peer);
        self.receive_error.take().or_else(|| refused(self))
    }

    /// When both have ended, as far as they will.
    fn end(&self, options: &Options, now: Instant) -> Option<Instant> {
        match (self.receiving, self.sending) {
            (Receiving::Ended, Sending::Never | Sending::Ended(_)) => Some(now),
            (Receiving::Ended, _) if self.refused.is_some() => Some(now),
            (Receiving::Ended, Sending::Reading(since)) if options.receive => Some(since + GRACE),
            (_, Sending::Ended(since)) if !options.receive => Some(since + FAREWELL),
            _ => None,
        }
    }

    /// When nothing will have passed for too long.
    fn idle(&self, options: &Options, now: Instant) -> Option<Instant> {
        let last = match (self.sending, self.receiving) {
            (_, Receiving::Writing) => now, // whoever reads our output is slow, not the peer
            (Sending::Never | Sending::Ended(_), Receiving::Reading(received)) => received,
            (Sending::Reading(sent) | Sending::Writing(sent), Receiving::Reading(received)) => {
                sent.max(received)
            }
            (Sending::Reading(sent) | Sending::Writing(sent), Receiving::Ended) => sent,
            (Sending::Never | Sending::Ended(_), Receiving::Ended) => return None,
        };
        options.idle.map(|idle| last + idle)
    }

    /// Nothing passes because the peer does not read: what it was to get is lost.
    fn stalled(&self) -> Option<Error> {
        let Sending::Writing(_) = self.sending else { return None };
        let text = format!("{}: it took nothing for too long", self.peer.as_ref()?.peer());
        Some(Error::Peer(io::Error::new(io::ErrorKind::TimedOut, text)))
    }
}

/// The peer has hung up, and not by a reset.
fn is_orderly(err: &io::Error) -> bool {
    err.kind() == io::ErrorKind::BrokenPipe
}
