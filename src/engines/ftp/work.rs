//! What a transfer moves: a file, an upload or a listing; and its record in the audit log.

use std::fs::File;
use std::io;
use std::time::Duration;

use super::audit::{AuditLog, Client, Event};
use super::listing::{Listing, Target};
use super::reply::Reply;
use crate::fs::jail::{self, Destination, Jail, Upload};

/// What is transferred, and by whom, for the audit log.
pub(super) struct Subject {
    pub(super) verb: &'static str,
    /// The absolute path.
    pub(super) path: Vec<u8>,
    pub(super) client: Client,
}

/// What to transfer.
pub(super) enum Work {
    /// If it `waits_for_close`, the last reply is sent when the client has closed the data connection.
    Send {
        file: File,
        is_ascii: bool,
        waits_for_close: bool,
    },
    Receive {
        sink: Sink,
        is_ascii: bool,
    },
    List {
        listing: Listing,
        target: Target,
        jail: Jail,
    },
}

impl Work {
    pub(super) fn is_upload(&self) -> bool {
        matches!(self, Work::Receive { .. })
    }

    /// Whether a transfer that breaks off leaves neither the old file nor the new one.
    pub(super) fn replaces_in_place(&self) -> bool {
        matches!(self, Work::Receive { sink: Sink::InPlace(_, 0), .. })
    }

    pub(super) fn is_listing(&self) -> bool {
        matches!(self, Work::List { .. })
    }

    pub(super) fn is_ascii(&self) -> bool {
        matches!(self, Work::Send { is_ascii: true, .. } | Work::Receive { is_ascii: true, .. })
    }
}

impl From<Destination> for Sink {
    fn from(destination: Destination) -> Self {
        match destination {
            Destination::Whole(upload) => Sink::Whole(upload),
            Destination::InPlace(file) => Sink::InPlace(file, 0),
        }
    }
}

/// Where an upload is written.
pub(super) enum Sink {
    /// A file that appears under its name when it is complete.
    Whole(Upload),
    /// An existing file, from this offset on. It is truncated when the data connection is open.
    InPlace(File, u64),
    /// The end of a file.
    Append(File),
}

impl Sink {
    /// Prepares an existing file. Until then, a client that never connects has changed nothing.
    pub(super) fn begin(&self) -> io::Result<()> {
        match self {
            Sink::Whole(_) => Ok(()),
            Sink::InPlace(file, offset) => jail::truncate(file, Some(*offset)),
            Sink::Append(file) => jail::truncate(file, None),
        }
    }

    pub(super) fn file(&self) -> &File {
        match self {
            Sink::Whole(upload) => upload.file(),
            Sink::InPlace(file, _) | Sink::Append(file) => file,
        }
    }

    /// Does what can be done before the decision to [`commit`](Self::commit).
    pub(super) fn prepare(&mut self) -> io::Result<()> {
        match self {
            Sink::Whole(upload) => upload.prepare(),
            Sink::InPlace(..) | Sink::Append(_) => Ok(()),
        }
    }

    pub(super) fn commit(self) -> io::Result<()> {
        match self {
            Sink::Whole(upload) => upload.commit(),
            Sink::InPlace(..) | Sink::Append(_) => Ok(()),
        }
    }
}

impl Subject {
    /// Writes the end of the transfer to the audit log.
    pub(super) fn record(
        &self,
        log: &AuditLog,
        reply: &Reply,
        n_bytes: u64,
        is_ascii: bool,
        elapsed: Duration,
    ) {
        let ok = !reply.is_error();
        let event = Event {
            command: self.verb,
            path: Some(&self.path),
            bytes: Some(n_bytes),
            seconds: Some((elapsed.as_secs_f64() * 1e6).round() / 1e6),
            is_ascii,
            ok,
            reply: (!ok).then(|| reply.last_line()),
            to: None,
        };
        log.write(&self.client, &event);
    }
}
