//! Files with many names: each is charged once, to the smallest path.

use std::cmp::Ordering;

use super::tree::{Kind, Tree};
use super::{Id, Seen, Sum};

/// One name of a file that has others.
#[derive(Debug)]
pub(super) struct Link {
    id: Id,
    /// The node it is in; a root is in none.
    parent: Option<u32>,
    name: Box<[u8]>,
    own: Sum,
    /// Whether it is a node of its own.
    is_told: bool,
}

impl Link {
    pub(super) fn new(id: Id, parent: Option<u32>, name: &[u8], own: Sum, is_told: bool) -> Self {
        Link { id, parent, name: name.into(), own, is_told }
    }

    /// Compares paths as far as the tree tells them apart; beyond that it makes no difference.
    fn cmp_path(&self, other: &Link, tree: &Tree) -> Ordering {
        if self.parent == other.parent {
            return self.name.cmp(&other.name);
        }
        self.chain(tree).cmp(&other.chain(tree))
    }

    fn chain<'a>(&'a self, tree: &'a Tree) -> Vec<&'a [u8]> {
        let mut chain = vec![&*self.name];
        let mut next = self.parent;
        while let Some(number) = next {
            chain.push(tree.name(number));
            next = tree.parent(number);
        }
        chain.reverse();
        chain
    }
}

/// Adds to the tree what no root before has counted.
pub(super) fn charge(mut links: Vec<Link>, tree: &mut Tree, seen: &mut Seen) {
    links.sort_unstable_by(|a, b| a.id.cmp(&b.id).then_with(|| a.cmp_path(b, tree)));
    for link in links {
        if !seen.ids.insert(link.id) {
            continue;
        }
        match link.parent {
            Some(parent) if !link.is_told => tree.add(parent, link.own),
            parent => tree.push(parent, Kind::File, &link.name, link.own),
        }
    }
}
