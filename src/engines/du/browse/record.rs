//! What a scan sends to the browser: records of files, in batches.

use crate::fs::walk::FileId;

/// No node, or no directory.
pub(super) const NONE: u32 = u32::MAX;

/// The kind of a file in a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum NodeKind {
    /// A directory that was entered.
    Dir,
    /// A regular file.
    File,
    /// A symbolic link, socket, pipe or device.
    Special,
    /// A directory on another file system, which was not entered.
    OtherDevice,
    /// A file left out by a pattern; only scans of other programs list these.
    Excluded,
    /// A file whose metadata could not be read.
    Unreadable,
}

impl NodeKind {
    pub(super) const ALL: [NodeKind; 8] = [
        NodeKind::Dir,
        NodeKind::File,
        NodeKind::Special,
        NodeKind::OtherDevice,
        NodeKind::Excluded,
        NodeKind::Unreadable,
        NodeKind::Unreadable,
        NodeKind::Unreadable,
    ];
}

/// A file as a scan finds it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    /// The id of the directory that contains it; [`NONE`] for the root.
    pub(super) parent: u32,
    /// Its own id if it is a directory that is entered, else [`NONE`].
    pub(super) dir: u32,
    pub(super) kind: NodeKind,
    pub(super) is_mount: bool,
    /// Whether it could not be read.
    pub(super) is_failed: bool,
    pub(super) name_len: u16,
    /// Number of hard links.
    pub(super) n_links: u32,
    pub(super) id: FileId,
    pub(super) n_bytes: u64,
    pub(super) n_blocks: u64,
    /// Seconds since 1970, if known.
    pub(super) mtime: Option<i64>,
}

impl Record {
    /// A file of which nothing is known but its kind and where it is.
    pub(super) fn new(parent: u32, kind: NodeKind) -> Self {
        Record {
            parent,
            dir: NONE,
            kind,
            is_mount: false,
            is_failed: false,
            name_len: 0,
            n_links: 1,
            id: (0, 0),
            n_bytes: 0,
            n_blocks: 0,
            mtime: None,
        }
    }
}

/// Records and their names, one after another.
#[derive(Debug, Default)]
pub struct Batch {
    pub(super) records: Vec<Record>,
    pub(super) names: Vec<u8>,
}

impl Batch {
    /// Appends a record. A name longer than a path may be is cut off.
    pub(super) fn push(&mut self, mut record: Record, name: &[u8]) {
        record.name_len = u16::try_from(name.len()).unwrap_or(u16::MAX);
        self.names.extend_from_slice(&name[..record.name_len.into()]);
        self.records.push(record);
    }
}
