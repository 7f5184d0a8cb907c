//! Files with several hard links, each of which counts once in every directory.

use std::collections::HashMap;

use crate::fs::walk::FileId;

/// The groups of nodes that are names of one file.
#[derive(Debug, Default)]
pub(super) struct Links {
    groups: HashMap<FileId, u32>,
    /// For every group, the number of links that the file has anywhere.
    counts: Vec<u32>,
    /// Groups and their nodes, sorted when they are read.
    members: Vec<(u32, u32)>,
}

impl Links {
    /// Adds a name of a file. Returns the group.
    pub(super) fn insert(&mut self, id: FileId, n_links: u32, node: u32) -> u32 {
        let next = u32::try_from(self.counts.len()).expect("fewer groups than nodes");
        let group = *self.groups.entry(id).or_insert(next);
        if group == next {
            self.counts.push(n_links);
        }
        self.members.push((group, node));
        group
    }

    pub(super) fn n_links(&self, group: u32) -> u32 {
        self.counts[group as usize]
    }

    /// Groups and their nodes, those of a group next to each other.
    pub(super) fn sorted_members(&mut self) -> &[(u32, u32)] {
        if !self.members.is_sorted() {
            self.members.sort_unstable();
        }
        &self.members
    }

    /// Forgets nodes that are no longer there.
    pub(super) fn retain(&mut self, is_there: impl Fn(u32) -> bool) {
        self.members.retain(|(_, node)| is_there(*node));
    }
}
