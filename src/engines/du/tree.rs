//! The result for one root: its listed directories and files with their usage.

use std::io;
use std::ops::Range;

use super::usage::Usage;

/// The parent of a root.
pub(super) const NO_PARENT: u32 = u32::MAX;

/// The kind of a listed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Dir,
    /// Anything else.
    File,
}

/// A root with the directories and files listed below it. Node 0 is the root; the id of a directory
/// is smaller than the ids of the entries in it.
#[derive(Debug)]
pub struct Tree {
    nodes: Vec<Node>,
    names: Vec<u8>,
    total: Usage,
    is_partial: bool,
}

/// A listed directory or file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) parent: u32,
    pub(super) name_len: u16,
    pub(super) kind: Kind,
    /// Where in `names` the name starts.
    pub(super) name_at: usize,
    pub(super) usage: Usage,
}

/// The length of a name as a node stores it. The kernel accepts no path longer than 4,096 bytes, so
/// neither the name of an entry nor the path of a root is longer.
pub(super) fn name_len(name: &[u8]) -> u16 {
    u16::try_from(name.len()).unwrap_or(u16::MAX)
}

/// A listed directory or file, as [`Tree::try_for_each`] passes it on.
#[derive(Clone, Copy, Debug)]
pub struct TreeEntry<'a> {
    /// The path, beginning with the root as it was given.
    pub path: &'a [u8],
    /// Number of steps from the root; 0 for the root.
    pub depth: u32,
    /// Directory or file.
    pub kind: Kind,
    /// The usage of the file, or of the directory and everything below it (without subdirectories
    /// if [`Options::separate`](super::Options::separate) was set).
    pub usage: Usage,
}

impl Tree {
    /// A tree whose nodes are still to be set.
    pub(super) fn with_nodes(n_nodes: usize, is_partial: bool) -> Self {
        let usage = Usage::default();
        let unset = Node { parent: NO_PARENT, name_len: 0, kind: Kind::File, name_at: 0, usage };
        Tree { nodes: vec![unset; n_nodes], names: Vec::new(), total: usage, is_partial }
    }

    /// Appends names and returns where they start.
    pub(super) fn append_names(&mut self, names: &[u8]) -> usize {
        let start = self.names.len();
        self.names.extend_from_slice(names);
        start
    }

    pub(super) fn set(&mut self, id: u32, node: Node) {
        self.nodes[id as usize] = node;
    }

    pub(super) fn add(&mut self, node: u32, usage: Usage) {
        self.nodes[node as usize].usage += usage;
    }

    pub(super) fn push(&mut self, parent: Option<u32>, kind: Kind, name: &[u8], usage: Usage) {
        let (parent, name_len) = (parent.unwrap_or(NO_PARENT), name_len(name));
        let name_at = self.append_names(name);
        self.nodes.push(Node { parent, name_len, kind, name_at, usage });
    }

    /// Adds every node to its parent and to the total; called once, when all nodes are there.
    pub(super) fn add_up(&mut self, separate: bool) {
        for id in (0..self.nodes.len()).rev() {
            let Node { kind, usage, parent, .. } = self.nodes[id];
            match self.nodes.get_mut(parent as usize) {
                Some(_) if separate && kind == Kind::Dir => self.total += usage,
                Some(parent) => parent.usage += usage,
                None => self.total += usage,
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The usage of everything below the root, and of the root itself.
    pub fn total(&self) -> Usage {
        self.total
    }

    /// Whether counting was cancelled before the root was finished.
    pub fn is_partial(&self) -> bool {
        self.is_partial
    }

    /// The path of the root, as it was given.
    pub fn root(&self) -> &[u8] {
        self.name(0)
    }

    pub(super) fn name(&self, node: u32) -> &[u8] {
        let node = &self.nodes[node as usize];
        &self.names[node.name_at..][..usize::from(node.name_len)]
    }

    pub(super) fn parent(&self, node: u32) -> Option<u32> {
        Some(self.nodes[node as usize].parent).filter(|parent| *parent != NO_PARENT)
    }

    pub(super) fn kind(&self, node: u32) -> Kind {
        self.nodes[node as usize].kind
    }

    pub(super) fn usage(&self, node: u32) -> Usage {
        self.nodes[node as usize].usage
    }

    /// Calls `f` for every listed directory and file, sorted by name, the entries of a directory
    /// before the directory itself.
    ///
    /// # Errors
    /// Stops at the first error that `f` returns, and returns it.
    pub fn try_for_each(
        &self,
        mut f: impl FnMut(&TreeEntry<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let children = SortedChildren::new(self);
        let mut path = self.root().to_vec();
        let mut levels = vec![(0, children.range(0), path.len())];
        while let Some((node, range, path_len)) = levels.last_mut() {
            path.truncate(*path_len);
            if let Some(child) = range.next().map(|at| children.sorted[at]) {
                if path.last() != Some(&b'/') {
                    path.push(b'/');
                }
                path.extend_from_slice(self.name(child));
                levels.push((child, children.range(child), path.len()));
                continue;
            }
            let (kind, usage) = (self.kind(*node), self.usage(*node));
            let depth = u32::try_from(levels.len() - 1).unwrap_or(u32::MAX);
            f(&TreeEntry { path: &path, depth, kind, usage })?;
            levels.pop();
        }
        Ok(())
    }
}

/// The children of every node, sorted by name.
pub(super) struct SortedChildren {
    /// All nodes but the root, those of one parent next to each other.
    sorted: Vec<u32>,
    /// For every node, where in `sorted` its children end.
    ends: Vec<u32>,
}

impl SortedChildren {
    pub(super) fn new(tree: &Tree) -> Self {
        let mut ends = vec![0; tree.nodes.len()];
        for node in &tree.nodes[1..] {
            ends[node.parent as usize] += 1;
        }
        let mut n_children = 0;
        for end in &mut ends {
            n_children += *end;
            *end = n_children;
        }
        let mut sorted: Vec<u32> = (1..).take(tree.nodes.len() - 1).collect();
        sorted.sort_unstable_by(|&a, &b| {
            let parents = tree.parent(a).cmp(&tree.parent(b));
            parents.then_with(|| tree.name(a).cmp(tree.name(b)))
        });
        SortedChildren { sorted, ends }
    }

    pub(super) fn children(&self, node: u32) -> &[u32] {
        &self.sorted[self.range(node)]
    }

    fn range(&self, node: u32) -> Range<usize> {
        let node = node as usize;
        let start = node.checked_sub(1).map_or(0, |before| self.ends[before]);
        start as usize..self.ends[node] as usize
    }
}
