//! The store against sums that are made in the plainest way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proptest::prelude::*;

use super::record::{Batch, NONE, NodeKind, Record};
use super::store::{ROOT, Store, Sums};

/// A tree in which entry 0 is the root, and every other one is in a directory before it.
#[derive(Clone, Debug)]
struct Tree {
    records: Vec<Record>,
    order: Vec<usize>,
}

/// Sizes on both sides of what a node has room for.
fn size() -> impl Strategy<Value = u64> {
    prop_oneof![0..100u64, u64::from(u32::MAX) - 1..u64::from(u32::MAX) + 2]
}

fn tree() -> impl Strategy<Value = Tree> {
    let entry = (any::<prop::sample::Index>(), any::<bool>(), size(), size(), 0..8u64, 0..400u64);
    (prop::collection::vec(entry, 1..60), any::<u64>()).prop_map(|(entries, seed)| {
        let root = Record { dir: ROOT, n_blocks: 8, ..Record::new(NONE, NodeKind::Dir) };
        let (mut records, mut n_dirs) = (vec![root], 1);
        for (parent, is_dir, n_bytes, n_blocks, ino, dev) in entries {
            let parent = u32::try_from(parent.index(n_dirs)).unwrap();
            let kind = if is_dir { NodeKind::Dir } else { NodeKind::File };
            let record = Record { n_bytes, n_blocks, id: (dev, 0), ..Record::new(parent, kind) };
            if is_dir {
                records.push(Record { dir: u32::try_from(n_dirs).unwrap(), ..record });
                n_dirs += 1;
            } else if ino > 4 {
                // Three files have several links; all names of a file have its sizes.
                let id = (1, ino);
                records.push(Record { id, n_links: 9, n_bytes: ino, n_blocks: ino, ..record });
            } else {
                records.push(record);
            }
        }
        let mut order: Vec<usize> = (0..records.len()).collect();
        order.sort_by_key(|i| (*i as u64 + 1).wrapping_mul(seed | 1).rotate_left(17));
        Tree { records, order }
    })
}

/// The names of the entries are their numbers.
fn store(tree: &Tree) -> (Store, BTreeMap<usize, u32>) {
    let (mut store, mut nodes) = (Store::default(), BTreeMap::new());
    for (node, indices) in tree.order.chunks(3).enumerate() {
        let mut batch = Batch::default();
        for (i, index) in indices.iter().enumerate() {
            batch.push(tree.records[*index], index.to_string().as_bytes());
            nodes.insert(*index, u32::try_from(node * 3 + i).unwrap());
        }
        store.apply(&batch);
    }
    (store, nodes)
}

/// Whether an entry is below a directory, or is that directory.
fn is_below(tree: &Tree, mut index: usize, dir: u32) -> bool {
    loop {
        let Record { parent, dir: own, .. } = tree.records[index];
        if own == dir || parent == dir {
            return true;
        }
        match tree.records.iter().position(|record| record.dir == parent) {
            Some(next) if parent != NONE => index = next,
            _ => return false,
        }
    }
}

fn expected(tree: &Tree, dir: u32, removed: &BTreeSet<usize>) -> Sums {
    let mut sums = Sums::ZERO;
    let mut ids = BTreeSet::new();
    for (index, record) in tree.records.iter().enumerate() {
        if removed.contains(&index) || !is_below(tree, index, dir) {
            continue;
        }
        sums += Sums { n_items: u32::from(record.dir != dir), ..Sums::ZERO };
        if record.n_links == 1 || ids.insert(record.id) {
            let Record { n_bytes, n_blocks, .. } = *record;
            sums += Sums { n_bytes, n_blocks, ..Sums::ZERO };
        }
    }
    sums
}

fn check(tree: &Tree, store: &mut Store, removed: &BTreeSet<usize>) -> Result<(), TestCaseError> {
    store.add_up();
    for (index, record) in tree.records.iter().enumerate() {
        if record.dir != NONE && !removed.contains(&index) {
            prop_assert_eq!(store.total(record.dir), expected(tree, record.dir, removed));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn sums_are_right_in_any_order_and_after_removals(tree in tree(), n_removed in 0..20usize) {
        let (mut store, nodes) = store(&tree);
        check(&tree, &mut store, &BTreeSet::new())?;
        // From the last entry on, so that directories are empty when they go.
        let mut removed = BTreeSet::new();
        for index in (1..tree.records.len()).rev().take(n_removed) {
            store.remove(nodes[&index]);
            removed.insert(index);
        }
        check(&tree, &mut store, &removed)?;
    }

    #[test]
    fn metadata_is_kept_whole(tree in tree()) {
        let (store, nodes) = store(&tree);
        for (index, record) in tree.records.iter().enumerate() {
            let attributes = store.attributes(nodes[&index]);
            let stored = (attributes.id, attributes.n_bytes, attributes.n_blocks, attributes.mtime);
            prop_assert_eq!(stored, (record.id, record.n_bytes, record.n_blocks, record.mtime));
            let name = index.to_string();
            prop_assert_eq!(store.name(nodes[&index]), name.as_bytes());
        }
    }

    #[test]
    fn a_directory_can_be_scanned_again(tree in tree(), dir: prop::sample::Index) {
        let (mut store, _) = store(&tree);
        let dirs: Vec<&Record> = tree.records.iter().filter(|r| r.dir != NONE).collect();
        let dir = dirs[dir.index(dirs.len())];
        store.add_up();
        let before = (store.total(dir.dir), store.total(ROOT));
        store.clear(dir.dir);
        // The same entries once more, with new ids.
        let (mut batch, first) = (Batch::default(), store.next_dir());
        let new_id = |id: u32| if id == dir.dir || id == NONE { id } else { first + id };
        for (index, record) in tree.records.iter().enumerate() {
            if record.dir == dir.dir {
                batch.push(Record { parent: NONE, ..*record }, b"its path");
            } else if is_below(&tree, index, dir.dir) {
                let (parent, dir) = (new_id(record.parent), new_id(record.dir));
                batch.push(Record { parent, dir, ..*record }, index.to_string().as_bytes());
            }
        }
        store.apply(&batch);
        store.add_up();
        prop_assert_eq!((store.total(dir.dir), store.total(ROOT)), before);
    }
}

#[test]
fn errors_are_counted_where_they_happened() {
    let mut store = Store::default();
    let mut batch = Batch::default();
    batch.push(Record { dir: ROOT, ..Record::new(NONE, NodeKind::Dir) }, b"/r");
    batch.push(Record { dir: 1, ..Record::new(ROOT, NodeKind::Dir) }, b"closed");
    store.apply(&batch);
    for path in ["/r/closed", "/r/closed", "/r/gone", "/elsewhere", "/r/no/dir", "/r/gone/x"] {
        store.mark_failed(Path::new(path));
    }
    store.add_up();
    assert_eq!((store.total(1).n_errors, store.total(ROOT).n_errors), (1, 2));
    assert_eq!(store.total(ROOT).n_items, 2);
}
