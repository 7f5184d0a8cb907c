//! A scan in memory: nodes in one list, their names in another, directories with their sums.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::iter;
use std::ops::AddAssign;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::links::Links;
use super::node::{Attributes, FAILED, LINKED, MOUNT, Node, REMOVED, Wide};
use super::record::{Batch, NONE, NodeKind, Record};

/// The id of the root directory.
pub(super) const ROOT: u32 = 0;

/// The files below one root. Nodes are files and directories; a directory also has an id, and that
/// of a directory is smaller than those of the directories in it.
#[derive(Debug, Default)]
pub(super) struct Store {
    nodes: Vec<Node>,
    names: Vec<u8>,
    dirs: Vec<DirNode>,
    wide: HashMap<u32, Wide>,
    devs: Vec<u64>,
    links: Links,
    /// Records that were dropped because the names would take more than 4 GiB.
    n_dropped: u64,
}

#[derive(Clone, Copy, Debug)]
struct DirNode {
    node: u32,
    parent: u32,
    /// Its first entry.
    first: u32,
    /// The last group of hard links that was added.
    last_group: u32,
    /// Itself and the entries in it, without files of several links.
    direct: Sums,
    total: Sums,
}

const NEW_DIR: DirNode = DirNode {
    node: NONE,
    parent: NONE,
    first: NONE,
    last_group: NONE,
    direct: Sums::ZERO,
    total: Sums::ZERO,
};

/// A batch is dropped if there are more nodes than this.
const NODES_MAX: usize = NONE as usize / 2;

/// An index that fits, because the number of nodes is bounded.
fn index(n: usize) -> u32 {
    u32::try_from(n).expect("there are fewer nodes and directories")
}

/// Sums over the files below a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_field_names, reason = "numbers of different things")]
pub(super) struct Sums {
    pub(super) n_bytes: u64,
    /// Disk space in blocks of 512 bytes.
    pub(super) n_blocks: u64,
    /// Number of entries, directories included.
    pub(super) n_items: u32,
    /// Number of files and directories that could not be read.
    pub(super) n_errors: u32,
}

impl Sums {
    pub(super) const ZERO: Sums = Sums { n_bytes: 0, n_blocks: 0, n_items: 0, n_errors: 0 };

    /// Allocated disk space in bytes.
    pub(super) fn disk_bytes(&self) -> u64 {
        self.n_blocks.saturating_mul(512)
    }
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Sums) {
        self.n_bytes = self.n_bytes.saturating_add(other.n_bytes);
        self.n_blocks = self.n_blocks.saturating_add(other.n_blocks);
        self.n_items = self.n_items.saturating_add(other.n_items);
        self.n_errors = self.n_errors.saturating_add(other.n_errors);
    }
}

impl Store {
    /// Adds what a scan has found. A directory may follow its entries.
    pub(super) fn apply(&mut self, batch: &Batch) {
        let mut at = self.names.len();
        if at + batch.names.len() > NONE as usize || self.nodes.len() > NODES_MAX {
            self.n_dropped += batch.records.len() as u64;
            return;
        }
        self.names.extend_from_slice(&batch.names);
        for record in &batch.records {
            self.insert(record, u32::try_from(at).expect("checked above"));
            at += usize::from(record.name_len);
        }
    }

    fn insert(&mut self, record: &Record, name_at: u32) {
        if own_dir(record) == NONE {
            return; // a root that is no directory any more
        }
        let (mut node, wide) = Node::new(record, name_at, self.dev_index(record.id.0));
        if record.dir != NONE && self.dir_mut(record.dir).node != NONE {
            return self.update_dir(record, node, wide);
        }
        let index = index(self.nodes.len());
        self.wide.extend(wide.map(|wide| (index, wide)));
        if record.parent != NONE {
            let dir = self.dir_mut(record.parent);
            node.next = dir.first;
            dir.first = index;
            dir.direct.n_items += 1;
        }
        if record.dir != NONE {
            let dir = self.dir_mut(record.dir);
            (dir.node, dir.parent) = (index, record.parent);
        }
        if record.is_failed {
            self.dir_mut(own_dir(record)).direct.n_errors += 1;
        }
        let is_linked = record.n_links > 1 && record.kind != NodeKind::Dir;
        if is_linked {
            node.extra = self.links.insert(record.id, record.n_links, index);
            node.set(LINKED);
        } else {
            self.add_sizes(record);
        }
        self.nodes.push(node);
    }

    /// Replaces the metadata of a directory that is scanned again.
    fn update_dir(&mut self, record: &Record, new: Node, wide: Option<Wide>) {
        let index = self.dirs[record.dir as usize].node;
        let node = &mut self.nodes[index as usize];
        *node = node.with_metadata_of(new);
        self.wide.remove(&index);
        self.wide.extend(wide.map(|wide| (index, wide)));
        self.add_sizes(record);
    }

    fn add_sizes(&mut self, record: &Record) {
        let Record { n_bytes, n_blocks, .. } = *record;
        self.dir_mut(own_dir(record)).direct += Sums { n_bytes, n_blocks, ..Sums::ZERO };
    }

    fn dir_mut(&mut self, dir: u32) -> &mut DirNode {
        let dir = dir as usize;
        if dir >= self.dirs.len() {
            self.dirs.resize(dir + 1, NEW_DIR);
        }
        &mut self.dirs[dir]
    }

    /// The index of a device, if there are few enough.
    fn dev_index(&mut self, dev: u64) -> Option<u8> {
        let known = self.devs.iter().rposition(|known| *known == dev);
        let index = known.unwrap_or_else(|| {
            if self.devs.len() <= u8::MAX.into() {
                self.devs.push(dev);
            }
            self.devs.len() - 1
        });
        u8::try_from(index).ok().filter(|index| self.devs[usize::from(*index)] == dev)
    }

    /// Adds up all directories from their entries.
    pub(super) fn add_up(&mut self) {
        for dir in &mut self.dirs {
            (dir.total, dir.last_group) = (dir.direct, NONE);
        }
        for dir in (0..self.dirs.len()).rev() {
            let DirNode { parent, total, .. } = self.dirs[dir];
            if parent != NONE {
                self.dirs[parent as usize].total += total;
            }
        }
        self.add_links();
    }

    /// Adds files with several links to each directory that one of their names is below.
    fn add_links(&mut self) {
        for &(group, node) in self.links.sorted_members() {
            let index = node;
            let node = &self.nodes[index as usize];
            let Attributes { n_bytes, n_blocks, .. } =
                attributes(node, self.wide.get(&index), &self.devs);
            let mut next = if node.has(REMOVED) { NONE } else { node.parent };
            while next != NONE && self.dirs[next as usize].last_group != group {
                let dir = &mut self.dirs[next as usize];
                dir.last_group = group;
                dir.total += Sums { n_bytes, n_blocks, ..Sums::ZERO };
                next = dir.parent;
            }
        }
    }

    /// Whether the root has been found.
    pub(super) fn has_root(&self) -> bool {
        self.dirs.first().is_some_and(|root| root.node != NONE)
    }

    /// The id for the next directory.
    pub(super) fn next_dir(&self) -> u32 {
        index(self.dirs.len())
    }

    /// Number of nodes, those that were removed included.
    pub(super) fn n_nodes(&self) -> u64 {
        self.nodes.len() as u64
    }

    /// Records that found no room.
    pub(super) fn n_dropped(&self) -> u64 {
        self.n_dropped
    }

    /// The sums of a directory, of the last [`Store::add_up`].
    pub(super) fn total(&self, dir: u32) -> Sums {
        self.dirs.get(dir as usize).map_or(Sums::ZERO, |dir| dir.total)
    }

    /// The node of a directory.
    pub(super) fn dir_node(&self, dir: u32) -> u32 {
        self.dirs[dir as usize].node
    }

    /// The directory that contains a directory.
    pub(super) fn dir_parent(&self, dir: u32) -> Option<u32> {
        Some(self.dirs[dir as usize].parent).filter(|parent| *parent != NONE)
    }

    /// The entries of a directory, in no particular order.
    pub(super) fn children(&self, dir: u32) -> impl Iterator<Item = u32> {
        let first = self.dirs.get(dir as usize).map_or(NONE, |dir| dir.first);
        let present = |node: u32| Some(node).filter(|node| *node != NONE);
        let nodes =
            iter::successors(present(first), move |node| present(self.nodes[*node as usize].next));
        nodes.filter(|node| !self.has(*node, REMOVED))
    }

    pub(super) fn name(&self, node: u32) -> &[u8] {
        let node = &self.nodes[node as usize];
        &self.names[node.name_at as usize..][..usize::from(node.name_len)]
    }

    pub(super) fn has(&self, node: u32, flag: u8) -> bool {
        self.nodes[node as usize].has(flag)
    }

    pub(super) fn is_mount(&self, node: u32) -> bool {
        self.has(node, MOUNT)
    }

    pub(super) fn kind(&self, node: u32) -> NodeKind {
        self.nodes[node as usize].kind()
    }

    /// The id of a directory that was entered.
    pub(super) fn dir(&self, node: u32) -> Option<u32> {
        let node = &self.nodes[node as usize];
        (node.kind() == NodeKind::Dir).then_some(node.extra)
    }

    /// The directory that contains a node, by its id.
    pub(super) fn parent(&self, node: u32) -> Option<u32> {
        Some(self.nodes[node as usize].parent).filter(|parent| *parent != NONE)
    }

    /// The group of a file with several links, and the number of links it has anywhere.
    pub(super) fn link_group(&self, node: u32) -> Option<(u32, u32)> {
        let node = &self.nodes[node as usize];
        node.has(LINKED).then(|| (node.extra, self.links.n_links(node.extra)))
    }

    pub(super) fn attributes(&self, node: u32) -> Attributes {
        attributes(&self.nodes[node as usize], self.wide.get(&node), &self.devs)
    }

    /// The sums of a node: of a directory with everything below it, of a file its own.
    pub(super) fn sums(&self, node: u32) -> Sums {
        if let Some(dir) = self.dir(node) {
            return self.total(dir);
        }
        let Attributes { n_bytes, n_blocks, .. } = self.attributes(node);
        Sums { n_bytes, n_blocks, ..Sums::ZERO }
    }

    /// The nodes from the root down to this one.
    pub(super) fn chain(&self, node: u32) -> Vec<u32> {
        let mut chain: Vec<u32> = iter::once(node).chain(self.ancestors(node)).collect();
        chain.reverse();
        chain
    }

    pub(super) fn path(&self, node: u32) -> PathBuf {
        let names = self.chain(node);
        names.iter().map(|node| OsStr::from_bytes(self.name(*node))).collect()
    }

    /// The directories that a node is in, as nodes, from the innermost to the root.
    pub(super) fn ancestors(&self, node: u32) -> impl Iterator<Item = u32> {
        let up = |node: &u32| self.parent(*node).map(|dir| self.dir_node(dir));
        iter::successors(Some(node), up).skip(1)
    }

    /// The node at a path that begins with the root's, or the directory that would contain it.
    fn find(&self, path: &Path) -> Option<Result<u32, (u32, Vec<u8>)>> {
        let root = self.dirs.first()?.node;
        if root == NONE {
            return None;
        }
        let below = path.strip_prefix(OsStr::from_bytes(self.name(root))).ok()?;
        let mut node = root;
        let mut names = below.iter().map(OsStr::as_bytes);
        while let Some(name) = names.next() {
            let dir = self.dir(node)?;
            match self.children(dir).find(|child| self.name(*child) == name) {
                Some(child) => node = child,
                None if names.next().is_none() => return Some(Err((dir, name.to_vec()))),
                None => return None,
            }
        }
        Some(Ok(node))
    }

    /// Marks the file at `path` as one that could not be read.
    pub(super) fn mark_failed(&mut self, path: &Path) {
        match self.find(path) {
            Some(Ok(node)) => self.fail_node(node),
            Some(Err((dir, name))) => {
                let mut batch = Batch::default();
                batch.push(Record::new(dir, NodeKind::Unreadable), &name);
                let node = self.nodes.len();
                self.apply(&batch);
                if node < self.nodes.len() {
                    self.fail_node(index(node));
                }
            }
            None => {}
        }
    }

    /// Marks a node as one that could not be read.
    pub(super) fn fail_node(&mut self, node: u32) {
        if !self.has(node, FAILED) {
            self.nodes[node as usize].set(FAILED);
            let dir = self.dir(node).or(self.parent(node)).expect("a root is a directory");
            self.dirs[dir as usize].direct.n_errors += 1;
        }
    }

    /// Takes a file or an empty directory out of the scan.
    pub(super) fn remove(&mut self, node: u32) {
        if self.has(node, REMOVED) {
            return;
        }
        let Attributes { n_bytes, n_blocks, .. } = self.attributes(node);
        self.nodes[node as usize].set(REMOVED);
        let is_linked = self.has(node, LINKED);
        let is_dir = self.dir(node).inspect(|dir| self.dir_mut(*dir).direct = Sums::ZERO).is_some();
        let n_errors = u32::from(self.has(node, FAILED) && !is_dir);
        if let Some(parent) = self.parent(node) {
            let direct = &mut self.dir_mut(parent).direct;
            direct.n_items -= 1;
            direct.n_errors -= n_errors;
            if !is_dir && !is_linked {
                direct.n_bytes = direct.n_bytes.saturating_sub(n_bytes);
                direct.n_blocks = direct.n_blocks.saturating_sub(n_blocks);
            }
        }
    }

    /// Takes everything below a directory out of the scan, so that it can be scanned again.
    pub(super) fn clear(&mut self, dir: u32) {
        let mut dirs = vec![dir];
        while let Some(dir) = dirs.pop() {
            let mut next = self.dirs[dir as usize].first;
            while next != NONE {
                let node = &mut self.nodes[next as usize];
                node.set(REMOVED);
                next = node.next;
                if node.kind() == NodeKind::Dir {
                    dirs.push(node.extra);
                }
            }
            let dir = &mut self.dirs[dir as usize];
            (dir.first, dir.direct) = (NONE, Sums::ZERO);
        }
        let nodes = &self.nodes;
        self.links.retain(|node| !nodes[node as usize].has(REMOVED));
    }
}

/// The directory to whose sums a record belongs: itself, or the one that contains it. A root is a
/// directory.
fn own_dir(record: &Record) -> u32 {
    if record.dir == NONE { record.parent } else { record.dir }
}

/// The metadata of a node; `wide` are its numbers if they are kept apart.
fn attributes(node: &Node, wide: Option<&Wide>, devs: &[u64]) -> Attributes {
    match wide {
        Some(wide) if node.is_wide() => wide.attributes(node),
        _ => node.attributes(devs),
    }
}
