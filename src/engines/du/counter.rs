//! Counts what one thread visits.

use std::collections::HashSet;
use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, TryRecvError};

use super::counted::CountedFiles;
use super::events::Event;
use super::options::Options;
use super::records::{HardLink, MountPoint, ThreadTally};
use super::tree::Kind;
use super::usage::Usage;
use crate::fs::walk::{Dir, Entry, Error, FileId, Follow, Visitor, path_in};

/// How often a thread sends its progress and checks for cancellation.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(50);

/// What all threads share while they count one root.
pub(super) struct Shared<'a> {
    pub(super) options: &'a Options,
    pub(super) counted: &'a CountedFiles,
    /// The next node id.
    pub(super) next_node: &'a AtomicU32,
    /// Index of the root.
    pub(super) root: usize,
    /// The mount point at which the walk starts, unless it starts at the root.
    pub(super) start_at: Option<&'a MountPoint>,
    pub(super) events: &'a Sender<Event>,
    /// Closed to cancel.
    pub(super) done: &'a Receiver<()>,
}

impl Shared<'_> {
    fn is_done(&self) -> bool {
        self.done.try_recv() == Err(TryRecvError::Disconnected)
    }
}

/// The visitor of one thread.
pub(super) struct Counter<'a> {
    shared: &'a Shared<'a>,
    tally: ThreadTally,
    /// Counted since the last [`Event::Progress`].
    unsent: Usage,
    sent_at: Instant,
    is_cancelled: bool,
    /// Files visited so far. Used only while all links are followed: any file may then be reached
    /// again, and there is a single thread.
    visited: HashSet<FileId>,
}

impl<'a> Counter<'a> {
    pub(super) fn new(shared: &'a Shared<'a>) -> Self {
        Counter {
            shared,
            tally: ThreadTally::new(shared.options.n_largest_files),
            unsent: Usage::default(),
            sent_at: Instant::now(),
            is_cancelled: false,
            visited: HashSet::new(),
        }
    }

    /// Sends what has been counted since the last time, if anything. Without a receiver, counting
    /// is cancelled.
    pub(super) fn send_progress(&mut self) {
        let usage = mem::take(&mut self.unsent);
        if usage != Usage::default() {
            let event = Event::Progress { root: self.shared.root, usage };
            self.is_cancelled |= self.shared.events.send(event).is_err();
        }
    }

    /// Whether the receiver of events is gone or `done` is closed.
    pub(super) fn is_cancelled(&self) -> bool {
        self.is_cancelled || self.shared.is_done()
    }

    pub(super) fn into_tally(self) -> ThreadTally {
        self.tally
    }

    /// Whether the entry is on another file system than the directory it is in, which is not asked
    /// for.
    fn is_foreign(&self, entry: &Entry<'_>) -> bool {
        let is_on_other = |dir: &Arc<Dir>| dir.dev != entry.meta.dev;
        self.shared.options.one_file_system && entry.dir.is_some_and(is_on_other)
    }

    /// Whether an earlier root has counted the entry. Hard links are looked up when the root is
    /// finished.
    fn was_counted(&self, entry: &Entry<'_>) -> bool {
        let counted = self.shared.counted;
        let is_recorded = counted.has_dirs && entry.meta.is_dir || self.tracks_visits();
        is_recorded && counted.ids.contains(&entry.meta.file_id())
    }

    /// Whether the entry is left for a walk of its own. With several roots every directory counts
    /// once, and only a mount makes one appear twice below a root.
    fn is_postponed(&self, entry: &Entry<'_>) -> bool {
        let Shared { counted, start_at, .. } = self.shared;
        counted.has_dirs
            && entry.meta.is_dir
            && entry.meta.is_mount_root == Some(true)
            && entry.dir.is_some()
            && !start_at.is_some_and(|start| start.is_entry(entry))
    }

    /// Whether a file may be reached by several paths that are not hard links.
    fn tracks_visits(&self) -> bool {
        let options = self.shared.options;
        options.follow == Follow::Always && !options.count_links
    }

    /// Whether the file may have another hard link in a directory of any thread.
    fn is_hard_link(&self, entry: &Entry<'_>) -> bool {
        let Shared { options, counted, .. } = self.shared;
        !options.count_links
            && options.follow != Follow::Always
            && !entry.meta.is_dir
            && (entry.meta.n_links > 1 || counted.other_names.contains(&entry.meta.file_id()))
    }

    /// What the entry adds to the sums; `None` for a file that does not count.
    fn usage(&self, entry: &Entry<'_>) -> Option<Usage> {
        let Options { measure, time, filter, .. } = self.shared.options;
        let mut usage = measure.usage(&entry.meta);
        if let Some(time) = time {
            usage.newest = time.time(&entry.meta);
        }
        match () {
            () if !filter.is_active() || filter.lets_count(entry, &usage) => Some(usage),
            () if entry.meta.is_dir => Some(Usage::default()),
            () => None,
        }
    }

    fn is_listed(&self, entry: &Entry<'_>) -> bool {
        let (options, depth) = (self.shared.options, entry.depth());
        let has_kind = entry.meta.is_dir || options.n_largest_files > 0;
        depth == 0 || depth <= options.depth_max && has_kind
    }

    /// Counts an entry as a node of its own, or as part of the directory it is in. Returns the id
    /// of that node.
    fn count(&mut self, entry: &Entry<'_>, usage: Usage) -> u32 {
        let n_largest_files = self.shared.options.n_largest_files;
        match entry.dir {
            Some(dir) if !self.is_listed(entry) => {
                self.tally.add(dir.id, usage);
                dir.id
            }
            Some(dir) if !entry.meta.is_dir && n_largest_files < usize::MAX => {
                if let Some((node, usage)) = self.tally.largest.push(dir, entry.name, usage) {
                    self.tally.add(node, usage);
                }
                dir.id
            }
            dir => {
                let id = self.shared.next_node.fetch_add(1, Ordering::Relaxed);
                let kind = if entry.meta.is_dir { Kind::Dir } else { Kind::File };
                self.tally.push_node(id, dir.map(|dir| dir.id), kind, entry.name, usage);
                id
            }
        }
    }

    fn record_hard_link(&mut self, entry: &Entry<'_>, usage: Usage) {
        self.tally.hard_links.push(HardLink {
            id: entry.meta.file_id(),
            parent: entry.dir.map(|dir| dir.id),
            name: entry.name.into(),
            usage,
            is_listed: self.is_listed(entry),
        });
    }
}

impl Visitor for Counter<'_> {
    fn skips(&mut self, dir: Option<&Arc<Dir>>, name: &[u8]) -> bool {
        let exclude = &self.shared.options.exclude;
        if exclude.is_empty() {
            return false;
        }
        let path = path_in(dir, name);
        exclude.iter().any(|pattern| pattern.matches(&path))
    }

    fn visit_entry(&mut self, entry: &Entry<'_>) -> Option<u32> {
        if self.is_foreign(entry) || self.was_counted(entry) {
            return None;
        }
        if let Some(dir) = entry.dir.filter(|_| self.is_postponed(entry)) {
            self.tally.mount_points.push(MountPoint::new(dir, entry));
            return None;
        }
        let Shared { options, counted, .. } = self.shared;
        let meta = &entry.meta;
        if self.tracks_visits() && !self.visited.insert(meta.file_id()) {
            return None;
        }
        if counted.has_dirs && (meta.is_dir || options.follow == Follow::Always) {
            self.tally.counted.push(meta.file_id());
        }
        let usage = self.usage(entry)?;
        self.unsent += usage;
        if self.is_hard_link(entry) {
            self.record_hard_link(entry, usage);
            return None;
        }
        let node = self.count(entry, usage);
        meta.is_dir.then_some(node)
    }

    fn visit_error(&mut self, error: Error) {
        self.is_cancelled |= self.shared.events.send(Event::Failed(error)).is_err();
    }

    fn after_batch(&mut self) -> ControlFlow<()> {
        let now = Instant::now();
        if now.duration_since(self.sent_at) >= PROGRESS_INTERVAL {
            self.sent_at = now;
            self.send_progress();
            self.is_cancelled |= self.shared.is_done();
        }
        if self.is_cancelled { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
