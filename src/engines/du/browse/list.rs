//! The list of one directory: which entries are shown, and in what order.

use std::cmp::{Ordering, Reverse};
use std::path::Path;

use super::record::NONE;
use super::store::Store;
use crate::engines::du::exclude::Pattern;

/// What entries are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SortKey {
    Size,
    Count,
    Name,
    Time,
}

/// How a list is made.
#[derive(Clone, Debug)]
pub(super) struct ListOptions {
    pub(super) sort: SortKey,
    pub(super) is_reversed: bool,
    pub(super) dirs_first: bool,
    /// Whether sizes are lengths instead of disk space.
    pub(super) is_apparent: bool,
    pub(super) filter: String,
}

impl ListOptions {
    /// The size of a node in bytes.
    pub(super) fn size(&self, store: &Store, node: u32) -> u64 {
        let sums = store.sums(node);
        if self.is_apparent { sums.n_bytes } else { sums.disk_bytes() }
    }
}

/// The entries of a directory that the filter lets through, sorted.
pub(super) fn list(store: &Store, dir: u32, options: &ListOptions) -> Vec<u32> {
    let filter = Filter::new(&options.filter);
    let nodes = store.children(dir).filter(|node| filter.matches(store.name(*node)));
    let mut rows: Vec<(i64, u32)> = nodes.map(|node| (rank(store, node, options), node)).collect();
    let in_order = |a: &(i64, u32), b: &(i64, u32)| compare(store, options, *a, *b);
    rows.sort_unstable_by(in_order);
    rows.into_iter().map(|(_, node)| node).collect()
}

/// The number that a node is sorted by; largest first.
fn rank(store: &Store, node: u32, options: &ListOptions) -> i64 {
    match options.sort {
        SortKey::Size => i64::try_from(options.size(store, node)).unwrap_or(i64::MAX),
        SortKey::Count => store.sums(node).n_items.into(),
        SortKey::Name => 0,
        SortKey::Time => store.attributes(node).mtime.unwrap_or(i64::MIN),
    }
}

fn compare(store: &Store, options: &ListOptions, a: (i64, u32), b: (i64, u32)) -> Ordering {
    let is_file = |node: u32| options.dirs_first && store.dir(node).is_none();
    let by_key = || {
        let ranks = Reverse(a.0).cmp(&Reverse(b.0));
        let order = ranks.then_with(|| store.name(a.1).cmp(store.name(b.1)));
        if options.is_reversed { order.reverse() } else { order }
    };
    is_file(a.1).cmp(&is_file(b.1)).then_with(by_key)
}

/// Chooses names: by a shell pattern if the text has a wildcard, else by a part of the name. Capitals
/// differ from small letters only if the text has capitals.
struct Filter {
    text: String,
    pattern: Option<Pattern>,
    has_capitals: bool,
}

impl Filter {
    fn new(text: &str) -> Self {
        let has_capitals = text.chars().any(char::is_uppercase);
        let pattern = text.contains(['*', '?', '[']).then(|| Pattern::new(text.as_bytes()));
        Filter { text: text.to_owned(), pattern, has_capitals }
    }

    fn matches(&self, name: &[u8]) -> bool {
        if self.text.is_empty() {
            return true;
        }
        let name = String::from_utf8_lossy(name);
        let name = if self.has_capitals { name.into_owned() } else { name.to_lowercase() };
        match &self.pattern {
            Some(pattern) => pattern.matches(Path::new(&name)),
            None => name.contains(&self.text),
        }
    }
}

/// The position of a node in a list.
pub(super) fn position(rows: &[u32], node: u32) -> Option<usize> {
    if node == NONE { None } else { rows.iter().position(|row| *row == node) }
}
