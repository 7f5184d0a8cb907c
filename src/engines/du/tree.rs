//! What is below a root, put together from the books of all threads.

use std::io;
use std::ops::Range;

use super::count::Book;
use super::links;
use super::{Seen, Sum};

/// No node has this number.
const NONE: u32 = u32::MAX;

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Dir,
    /// Anything else.
    File,
}

/// A root and what of it is told apart.
#[derive(Debug)]
pub struct Tree {
    nodes: Vec<Node>,
    names: Vec<u8>,
    total: Sum,
    is_partial: bool,
}

/// What a thread has found, to become a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    number: u32,
    parent: u32,
    name_len: u16,
    kind: Kind,
    own: Sum,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    parent: u32,
    name_len: u16,
    kind: Kind,
    name_at: usize,
    sum: Sum,
}

impl Found {
    pub(super) fn new(number: u32, parent: Option<u32>, kind: Kind, name: &[u8], own: Sum) -> Self {
        // The kernel takes no path longer than 4,096 bytes, so a name that was visited is shorter.
        let name_len = u16::try_from(name.len()).unwrap_or(u16::MAX);
        Found { number, parent: parent.unwrap_or(NONE), name_len, kind, own }
    }
}

/// A directory or file with what it takes up.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Its path, beginning with the root as it was given.
    pub path: &'a [u8],
    /// Steps from the root.
    pub depth: u32,
    /// What it is.
    pub kind: Kind,
    /// All of it, or, where directories are separate, what is directly in it.
    pub sum: Sum,
}

impl Tree {
    /// Puts the books together. `None`: the root could not be visited.
    pub(super) fn build(
        books: Vec<Book>,
        separate: bool,
        is_partial: bool,
        seen: &mut Seen,
    ) -> Option<Self> {
        let n_nodes = books.iter().map(|book| book.nodes.len()).sum();
        let nothing =
            Node { parent: NONE, name_len: 0, kind: Kind::File, name_at: 0, sum: Sum::default() };
        let (nodes, total) = (vec![nothing; n_nodes], Sum::default());
        let mut tree = Tree { nodes, names: Vec::new(), total, is_partial };
        let (mut links, mut sums, mut largest) = (Vec::new(), Vec::new(), Vec::new());
        for book in books {
            tree.take(&book.nodes);
            tree.names.extend(book.names);
            sums.push(book.sums);
            links.extend(book.links);
            largest.push(book.largest);
            seen.ids.extend(book.counted);
        }
        for (number, sum) in sums.into_iter().flatten() {
            tree.add(number, sum);
        }
        for files in largest {
            files.tell(&mut tree);
        }
        links::charge(links, &mut tree, seen);
        tree.roll_up(separate);
        (!tree.nodes.is_empty()).then_some(tree)
    }

    /// Takes what one thread has found; its names, end to end, come next.
    fn take(&mut self, found: &[Found]) {
        let mut name_at = self.names.len();
        for &Found { number, parent, name_len, kind, own } in found {
            self.nodes[number as usize] = Node { parent, name_len, kind, name_at, sum: own };
            name_at += usize::from(name_len);
        }
    }

    pub(super) fn add(&mut self, number: u32, sum: Sum) {
        self.nodes[number as usize].sum += sum;
    }

    pub(super) fn push(&mut self, parent: Option<u32>, kind: Kind, name: &[u8], own: Sum) {
        let Found { parent, name_len, .. } = Found::new(NONE, parent, kind, name, own);
        self.nodes.push(Node { parent, name_len, kind, name_at: self.names.len(), sum: own });
        self.names.extend_from_slice(name);
    }

    /// A directory's number is smaller than those of what is in it.
    fn roll_up(&mut self, separate: bool) {
        for number in (0..self.nodes.len()).rev() {
            let Node { kind, sum, parent, .. } = self.nodes[number];
            match self.nodes.get_mut(parent as usize) {
                Some(_) if separate && kind == Kind::Dir => self.total += sum,
                Some(parent) => parent.sum += sum,
                None => self.total += sum,
            }
        }
    }

    /// All of it.
    pub fn total(&self) -> Sum {
        self.total
    }

    /// Whether counting was cancelled before its end.
    pub fn is_partial(&self) -> bool {
        self.is_partial
    }

    /// The root's path, as it was given.
    pub fn root(&self) -> &[u8] {
        self.name(0)
    }

    pub(super) fn name(&self, number: u32) -> &[u8] {
        let node = &self.nodes[number as usize];
        &self.names[node.name_at..][..usize::from(node.name_len)]
    }

    pub(super) fn parent(&self, number: u32) -> Option<u32> {
        Some(self.nodes[number as usize].parent).filter(|parent| *parent != NONE)
    }

    pub(super) fn kind(&self, number: u32) -> Kind {
        self.nodes[number as usize].kind
    }

    pub(super) fn sum(&self, number: u32) -> Sum {
        self.nodes[number as usize].sum
    }

    /// Shows every node, in the order of the names, what is in a directory before itself.
    ///
    /// # Errors
    /// The first that `show` returns.
    pub fn lines(&self, mut show: impl FnMut(&Line<'_>) -> io::Result<()>) -> io::Result<()> {
        let order = Order::of(self);
        let mut path = self.root().to_vec();
        let mut above = vec![(0, order.range(0), path.len())];
        while let Some((number, children, path_len)) = above.last_mut() {
            path.truncate(*path_len);
            if let Some(child) = children.next().map(|at| order.sorted[at]) {
                if path.last() != Some(&b'/') {
                    path.push(b'/');
                }
                path.extend_from_slice(self.name(child));
                above.push((child, order.range(child), path.len()));
                continue;
            }
            let (kind, sum) = (self.kind(*number), self.sum(*number));
            let depth = u32::try_from(above.len() - 1).unwrap_or(u32::MAX);
            show(&Line { path: &path, depth, kind, sum })?;
            above.pop();
        }
        Ok(())
    }
}

/// The children of every node, sorted by name.
pub(super) struct Order {
    /// All nodes but the root, those of one parent together.
    sorted: Vec<u32>,
    /// Where in `sorted` the children of each node end.
    ends: Vec<u32>,
}

impl Order {
    pub(super) fn of(tree: &Tree) -> Self {
        let mut ends = vec![0; tree.nodes.len()];
        for node in &tree.nodes[1..] {
            ends[node.parent as usize] += 1;
        }
        let mut sum = 0;
        for end in &mut ends {
            sum += *end;
            *end = sum;
        }
        let mut sorted: Vec<u32> = (1..).take(tree.nodes.len() - 1).collect();
        sorted.sort_unstable_by(|&a, &b| {
            let parents = tree.parent(a).cmp(&tree.parent(b));
            parents.then_with(|| tree.name(a).cmp(tree.name(b)))
        });
        Order { sorted, ends }
    }

    pub(super) fn children(&self, number: u32) -> &[u32] {
        &self.sorted[self.range(number)]
    }

    fn range(&self, number: u32) -> Range<usize> {
        let number = number as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        start as usize..self.ends[number] as usize
    }
}
