//! Files as a scan keeps them: forty bytes each, and their names elsewhere.

use super::record::{NONE, NodeKind, Record};
use crate::fs::walk::FileId;

/// The stored form of a file whose numbers are small; those of others are in [`Wide`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) ino: u64,
    n_bytes: u32,
    n_blocks: u32,
    mtime: u32,
    /// Where the name starts.
    pub(super) name_at: u32,
    /// The directory that contains it, by its id.
    pub(super) parent: u32,
    /// The next node in the same directory.
    pub(super) next: u32,
    /// The id of a directory, or the group of a file with several links.
    pub(super) extra: u32,
    pub(super) name_len: u16,
    flags: u8,
    dev: u8,
}

/// The numbers of a file of which one is too large for a [`Node`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Wide {
    n_bytes: u64,
    n_blocks: u64,
    mtime: Option<i64>,
    dev: u64,
}

/// The metadata of a file, in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) kind: NodeKind,
    pub(super) id: FileId,
    pub(super) n_bytes: u64,
    pub(super) n_blocks: u64,
    pub(super) mtime: Option<i64>,
}

const KIND_MASK: u8 = 0b111;
/// Something is mounted there.
pub(super) const MOUNT: u8 = 1 << 3;
/// A file with several hard links.
pub(super) const LINKED: u8 = 1 << 4;
const WIDE: u8 = 1 << 5;
/// It was deleted, or is replaced by a later scan.
pub(super) const REMOVED: u8 = 1 << 6;
/// It could not be read.
pub(super) const FAILED: u8 = 1 << 7;
/// Time stamps from here on, and unknown ones, are kept in [`Wide`].
const MTIME_END: u32 = u32::MAX;

impl Node {
    /// Packs a record. Returns the numbers too if one does not fit. `dev` is the index of its device,
    /// if that is small enough.
    pub(super) fn new(record: &Record, name_at: u32, dev: Option<u8>) -> (Self, Option<Wide>) {
        let n_bytes = u32::try_from(record.n_bytes).ok();
        let n_blocks = u32::try_from(record.n_blocks).ok();
        let mtime = record.mtime.and_then(|mtime| u32::try_from(mtime).ok());
        let mtime = mtime.filter(|mtime| *mtime < MTIME_END);
        let wide = Wide {
            n_bytes: record.n_bytes,
            n_blocks: record.n_blocks,
            mtime: record.mtime,
            dev: record.id.0,
        };
        let fits = n_bytes.is_some() && n_blocks.is_some() && mtime.is_some() && dev.is_some();
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let flags = flag(record.is_mount, MOUNT) | flag(record.is_failed, FAILED);
        let node = Node {
            ino: record.id.1,
            n_bytes: n_bytes.unwrap_or(0),
            n_blocks: n_blocks.unwrap_or(0),
            mtime: mtime.unwrap_or(0),
            name_at,
            parent: record.parent,
            next: NONE,
            extra: record.dir,
            name_len: record.name_len,
            flags: record.kind as u8 | flags | flag(!fits, WIDE),
            dev: dev.unwrap_or(0),
        };
        (node, (!fits).then_some(wide))
    }

    /// The node with the metadata of another one; its name and place stay.
    pub(super) fn with_metadata_of(self, new: Node) -> Self {
        let Node { name_at, name_len, parent, next, flags, .. } = self;
        Node { name_at, name_len, parent, next, flags: new.flags | flags & MOUNT, ..new }
    }

    pub(super) fn kind(&self) -> NodeKind {
        NodeKind::ALL[usize::from(self.flags & KIND_MASK)]
    }

    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub(super) fn set(&mut self, flag: u8) {
        self.flags |= flag;
    }

    pub(super) fn is_wide(&self) -> bool {
        self.has(WIDE)
    }

    /// The metadata, unless it is [`Wide`]; `devs` are the devices by their index.
    pub(super) fn attributes(&self, devs: &[u64]) -> Attributes {
        Attributes {
            kind: self.kind(),
            id: (devs[usize::from(self.dev)], self.ino),
            n_bytes: self.n_bytes.into(),
            n_blocks: self.n_blocks.into(),
            mtime: Some(self.mtime.into()),
        }
    }
}

impl Wide {
    pub(super) fn attributes(&self, node: &Node) -> Attributes {
        let Wide { n_bytes, n_blocks, mtime, dev } = *self;
        Attributes { kind: node.kind(), id: (dev, node.ino), n_bytes, n_blocks, mtime }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_takes_forty_bytes() {
        assert_eq!(size_of::<Node>(), 40);
    }
}
