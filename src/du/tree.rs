//! What was found below a root, put together from the books of all threads.

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
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    parent: u32,
    name_len: u16,
    kind: Kind,
    name_at: usize,
    /// What is directly in it, and itself.
    own: Sum,
    /// That, and what is in its directories.
    total: Sum,
}

impl Node {
    pub(super) fn new(parent: Option<u32>, kind: Kind, at: usize, len: usize, own: Sum) -> Self {
        // The kernel takes no path longer than 4,096 bytes, so a name that was visited is shorter.
        let name_len = u16::try_from(len).unwrap_or(u16::MAX);
        let parent = parent.unwrap_or(NONE);
        Node { parent, name_len, kind, name_at: at, own, total: Sum::default() }
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
    /// Without its subdirectories.
    pub own: Sum,
    /// All of it.
    pub total: Sum,
}

/// Puts the books together. `None`: the root could not be visited.
pub(super) fn build(books: Vec<Book>, seen: &mut Seen) -> Option<Tree> {
    let n_nodes = books.iter().map(|book| book.nodes.len()).sum();
    let nothing = Node::new(None, Kind::File, 0, 0, Sum::default());
    let mut tree = Tree { nodes: vec![nothing; n_nodes], names: Vec::new() };
    let (mut links, mut sums) = (Vec::new(), Vec::new());
    for book in books {
        let names_at = tree.names.len();
        tree.names.extend(book.names);
        for (number, node) in book.nodes {
            tree.nodes[number as usize] = Node { name_at: names_at + node.name_at, ..node };
        }
        sums.push(book.sums);
        links.extend(book.links);
        seen.ids.extend(book.counted);
    }
    for (number, sum) in sums.into_iter().flatten() {
        tree.add(number, sum);
    }
    links::charge(links, &mut tree, seen);
    tree.roll_up();
    (!tree.nodes.is_empty()).then_some(tree)
}

impl Tree {
    /// All of it.
    pub fn total(&self) -> Sum {
        self.nodes[0].total
    }

    pub(super) fn name(&self, number: u32) -> &[u8] {
        let node = &self.nodes[number as usize];
        &self.names[node.name_at..][..usize::from(node.name_len)]
    }

    pub(super) fn parent(&self, number: u32) -> Option<u32> {
        Some(self.nodes[number as usize].parent).filter(|parent| *parent != NONE)
    }

    pub(super) fn add(&mut self, number: u32, sum: Sum) {
        self.nodes[number as usize].own += sum;
    }

    pub(super) fn push(&mut self, name: &[u8], node: impl FnOnce(usize) -> Node) {
        self.nodes.push(node(self.names.len()));
        self.names.extend_from_slice(name);
    }

    /// A directory's number is smaller than those of what is in it.
    fn roll_up(&mut self) {
        for number in (0..self.nodes.len()).rev() {
            let Node { kind, own, total, parent, .. } = self.nodes[number];
            let mut all = total;
            all += own;
            self.nodes[number].total = all;
            let Some(parent) = self.nodes.get_mut(parent as usize) else { continue };
            match kind {
                Kind::File => parent.own += own,
                Kind::Dir => parent.total += all,
            }
        }
    }

    /// Shows every node, in the order of the names, what is in a directory before itself.
    ///
    /// # Errors
    /// The first that `show` returns.
    pub fn lines(&self, mut show: impl FnMut(&Line<'_>) -> io::Result<()>) -> io::Result<()> {
        let order = Order::of(self);
        let mut path = self.name(0).to_vec();
        let mut above = vec![(0, order.children(0), path.len())];
        while let Some((number, children, path_len)) = above.last_mut() {
            path.truncate(*path_len);
            if let Some(child) = children.next().map(|at| order.sorted[at]) {
                if path.last() != Some(&b'/') {
                    path.push(b'/');
                }
                path.extend_from_slice(self.name(child));
                above.push((child, order.children(child), path.len()));
                continue;
            }
            let Node { kind, own, total, .. } = self.nodes[*number as usize];
            let depth = u32::try_from(above.len() - 1).unwrap_or(u32::MAX);
            show(&Line { path: &path, depth, kind, own, total })?;
            above.pop();
        }
        Ok(())
    }
}

/// The children of every node, sorted by name.
struct Order {
    /// All nodes but the root, those of one parent together.
    sorted: Vec<u32>,
    /// Where in `sorted` the children of each node end.
    ends: Vec<u32>,
}

impl Order {
    fn of(tree: &Tree) -> Self {
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

    fn children(&self, number: u32) -> Range<usize> {
        let number = number as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        start as usize..self.ends[number] as usize
    }
}
