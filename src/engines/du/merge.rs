//! Merges the tallies of all threads into the tree of a root.

use std::cmp::Ordering;

use super::counted::CountedFiles;
use super::largest::LargestFiles;
use super::records::{HardLink, NodeRecord, ThreadTally};
use super::tree::{Kind, Node, Tree};

/// Builds the tree of a root and adds its files to `counted`. Returns `None` if nothing was
/// counted: the root could not be read, is excluded or was counted before.
pub(super) fn merge(
    tallies: Vec<ThreadTally>,
    separate: bool,
    is_partial: bool,
    counted: &mut CountedFiles,
) -> Option<Tree> {
    let n_nodes = tallies.iter().map(|tally| tally.nodes.len()).sum();
    let mut tree = Tree::with_nodes(n_nodes, is_partial);
    let (mut hard_links, mut sums, mut largest) = (Vec::new(), Vec::new(), Vec::new());
    for tally in tallies {
        set_nodes(&mut tree, &tally.nodes, &tally.names);
        sums.push(tally.sums);
        hard_links.extend(tally.hard_links);
        largest.push(tally.largest);
        counted.ids.extend(tally.counted);
    }
    for (node, usage) in sums.into_iter().flatten() {
        tree.add(node, usage);
    }
    for file in largest.into_iter().flat_map(LargestFiles::into_files) {
        tree.push(Some(file.parent), Kind::File, file.name(), file.usage);
    }
    add_hard_links(hard_links, &mut tree, counted);
    tree.add_up(separate);
    (!tree.is_empty()).then_some(tree)
}

/// Sets the nodes that one thread has recorded; `names` are their names, one after another.
fn set_nodes(tree: &mut Tree, records: &[NodeRecord], names: &[u8]) {
    let mut name_at = tree.append_names(names);
    for &NodeRecord { id, parent, name_len, kind, usage } in records {
        tree.set(id, Node { parent, name_len, kind, name_at, usage });
        name_at += usize::from(name_len);
    }
}

/// Adds every file with several hard links once, at its smallest path, unless an earlier root has
/// counted it.
fn add_hard_links(mut links: Vec<HardLink>, tree: &mut Tree, counted: &mut CountedFiles) {
    links.sort_unstable_by(|a, b| a.id.cmp(&b.id).then_with(|| cmp_paths(a, b, tree)));
    for link in links {
        if !counted.ids.insert(link.id) {
            continue;
        }
        match link.parent {
            Some(parent) if !link.is_listed => tree.add(parent, link.usage),
            parent => tree.push(parent, Kind::File, &link.name, link.usage),
        }
    }
}

/// Compares paths down to the directories that are listed; below those it makes no difference.
fn cmp_paths(a: &HardLink, b: &HardLink, tree: &Tree) -> Ordering {
    if a.parent == b.parent {
        return a.name.cmp(&b.name);
    }
    names_from_root(a, tree).cmp(&names_from_root(b, tree))
}

fn names_from_root<'a>(link: &'a HardLink, tree: &'a Tree) -> Vec<&'a [u8]> {
    let mut names = vec![&*link.name];
    let mut next = link.parent;
    while let Some(node) = next {
        names.push(tree.name(node));
        next = tree.parent(node);
    }
    names.reverse();
    names
}
