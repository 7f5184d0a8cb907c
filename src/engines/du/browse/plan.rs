//! What is to be deleted, in the order in which it is done.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::node::Attributes;
use super::store::{Store, Sums};
use crate::fs::walk::FileId;

/// Files and directories to delete, as they were scanned.
#[derive(Debug, Default)]
pub struct DeletePlan {
    pub(super) targets: Vec<Target>,
    names: Vec<u8>,
}

/// A file or directory to delete with everything below it.
#[derive(Debug)]
pub(super) struct Target {
    /// The directories from the root to the one that contains the target.
    pub(super) parents: Vec<(PathBuf, FileId)>,
    pub(super) steps: Vec<Step>,
}

/// A step of a deletion.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) action: Action,
    pub(super) node: u32,
    pub(super) id: FileId,
    name_at: usize,
    name_len: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Open a directory.
    Enter,
    /// Unlink a file.
    Unlink,
    /// Close a directory and remove it.
    Leave,
}

impl DeletePlan {
    /// Plans to delete some nodes and everything below them.
    pub(super) fn new(store: &Store, nodes: &[u32]) -> Self {
        let mut plan = DeletePlan::default();
        for node in nodes {
            plan.push(store, *node);
        }
        plan
    }

    fn push(&mut self, store: &Store, node: u32) {
        let chain = store.chain(node);
        let parent = |node: &u32| {
            let name = OsStr::from_bytes(store.name(*node));
            (PathBuf::from(name), store.attributes(*node).id)
        };
        let parents = chain[..chain.len() - 1].iter().map(parent).collect();
        let mut steps = Vec::new();
        let mut stack = vec![(node, Action::Enter)];
        while let Some((node, action)) = stack.pop() {
            let action = match store.dir(node) {
                None => Action::Unlink,
                Some(dir) if action == Action::Enter => {
                    stack.push((node, Action::Leave));
                    stack.extend(store.children(dir).map(|child| (child, Action::Enter)));
                    Action::Enter
                }
                Some(_) => Action::Leave,
            };
            steps.push(self.step(store, node, action));
        }
        self.targets.push(Target { parents, steps });
    }

    fn step(&mut self, store: &Store, node: u32, action: Action) -> Step {
        let name = if action == Action::Leave { &[] } else { store.name(node) };
        let name_at = self.names.len();
        self.names.extend_from_slice(name);
        let Attributes { id, .. } = store.attributes(node);
        Step { action, node, id, name_at, name_len: name.len() }
    }

    /// The name of what a step enters or unlinks.
    pub(super) fn name(&self, step: &Step) -> &[u8] {
        &self.names[step.name_at..][..step.name_len]
    }

    /// What all targets take up together, and the disk space that becomes free: a file with links
    /// elsewhere keeps its own.
    pub(super) fn amount(&self, store: &Store) -> (Sums, u64) {
        let (mut sums, mut n_free_blocks) = (Sums::ZERO, 0u64);
        let mut n_links_gone: HashMap<u32, u32> = HashMap::new();
        let steps = self.targets.iter().flat_map(|target| &target.steps);
        for Step { node, .. } in steps.filter(|step| step.action != Action::Leave) {
            let Attributes { n_bytes, n_blocks, .. } = store.attributes(*node);
            sums += Sums { n_items: 1, ..Sums::ZERO };
            let mut is_first = true;
            let mut is_last = true;
            if let Some((group, n_links)) = store.link_group(*node) {
                let n_gone = n_links_gone.entry(group).or_default();
                *n_gone += 1;
                (is_first, is_last) = (*n_gone == 1, *n_gone == n_links);
            }
            if is_first {
                sums += Sums { n_bytes, n_blocks, ..Sums::ZERO };
            }
            if is_last {
                n_free_blocks = n_free_blocks.saturating_add(n_blocks);
            }
        }
        (sums, n_free_blocks.saturating_mul(512))
    }
}
