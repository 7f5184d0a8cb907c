//! Scans a directory: the threads of a walk send what they find in batches.

use std::mem;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, TryRecvError};

use super::record::{Batch, NONE, NodeKind, Record};
use super::store::ROOT;
use crate::engines::du::options::Options;
use crate::fs::walk::{Dir, Entry, Error, FileKind, Follow, Visitor, Walker, path_in};

/// A thread sends its batch when it has so many records, or after this time.
const BATCH_RECORDS: usize = 512;
const BATCH_INTERVAL: Duration = Duration::from_millis(50);

/// What a scan sends.
#[derive(Debug)]
pub enum ScanEvent {
    /// Files were found.
    Batch(Batch),
    /// A path could not be read.
    Failed(Error),
    /// The scan has ended; `false` if it was cancelled before it was complete.
    Done(bool),
}

/// The directory that is scanned.
#[derive(Clone, Debug)]
pub struct ScanTarget {
    /// Its path.
    pub path: PathBuf,
    /// Its id, and the first one that is free for directories below it.
    pub(super) dir: u32,
    pub(super) next_dir: u32,
}

impl ScanTarget {
    /// The root of a new scan.
    pub fn root(path: &Path) -> Self {
        ScanTarget { path: path.to_owned(), dir: ROOT, next_dir: ROOT + 1 }
    }
}

/// Scans the directory and sends what it finds to `events`. Of the options, those that say what is
/// skipped and how to walk apply.
///
/// The scan ends early when the sender of `done` or the receiver of `events` is dropped.
pub fn scan(
    target: &ScanTarget,
    options: &Options,
    events: &Sender<ScanEvent>,
    done: &Receiver<()>,
) {
    let Options { backend, n_threads, max_open_fds, .. } = *options;
    let walker = Walker::new(backend, Follow::Roots, n_threads, max_open_fds);
    let shared = Shared {
        options,
        root: target.dir,
        next_dir: AtomicU32::new(target.next_dir),
        is_first: AtomicBool::new(true),
        events,
        done,
    };
    let mut collectors: Vec<_> = (0..walker.n_threads()).map(|_| Collector::new(&shared)).collect();
    walker.run(&target.path, &mut collectors);
    collectors.iter_mut().for_each(Collector::send);
    let is_cancelled = collectors.iter().any(|collector| collector.is_cancelled);
    _ = events.send(ScanEvent::Done(!is_cancelled)); // without a receiver nobody waits for it
}

/// What all threads of a scan share.
struct Shared<'a> {
    options: &'a Options,
    /// The id of the directory at which the scan starts.
    root: u32,
    next_dir: AtomicU32,
    /// Whether nothing has been sent yet: the first batch is not held back.
    is_first: AtomicBool,
    events: &'a Sender<ScanEvent>,
    /// Closed to cancel.
    done: &'a Receiver<()>,
}

/// The visitor of one thread.
struct Collector<'a> {
    shared: &'a Shared<'a>,
    batch: Batch,
    sent_at: Instant,
    is_cancelled: bool,
}

impl<'a> Collector<'a> {
    fn new(shared: &'a Shared<'a>) -> Self {
        let (batch, sent_at) = (Batch::default(), Instant::now());
        Collector { shared, batch, sent_at, is_cancelled: false }
    }

    fn send(&mut self) {
        let batch = mem::take(&mut self.batch);
        if !batch.records.is_empty() {
            self.is_cancelled |= self.shared.events.send(ScanEvent::Batch(batch)).is_err();
        }
        self.is_cancelled |= self.shared.done.try_recv() == Err(TryRecvError::Disconnected);
    }

    fn is_due(&mut self) -> bool {
        let is_first = &self.shared.is_first;
        if self.batch.records.len() >= BATCH_RECORDS
            || is_first.load(Ordering::Relaxed) && is_first.swap(false, Ordering::Relaxed)
        {
            return true;
        }
        self.sent_at.elapsed() >= BATCH_INTERVAL
    }

    /// The kind of an entry; a directory that is entered gets an id.
    fn kind(&self, entry: &Entry<'_>) -> (NodeKind, u32) {
        let Shared { options, root, next_dir, .. } = self.shared;
        let is_on_other = |dir: &Arc<Dir>| dir.dev != entry.meta.dev;
        match (entry.dir, entry.meta.is_dir) {
            (Some(dir), true) if options.one_file_system && is_on_other(dir) => {
                (NodeKind::OtherDevice, NONE)
            }
            (Some(_), true) => (NodeKind::Dir, next_dir.fetch_add(1, Ordering::Relaxed)),
            (None, true) => (NodeKind::Dir, *root),
            _ if entry.meta.kind == FileKind::Regular => (NodeKind::File, NONE),
            _ => (NodeKind::Special, NONE),
        }
    }
}

impl Visitor for Collector<'_> {
    fn skips(&mut self, dir: Option<&Arc<Dir>>, name: &[u8]) -> bool {
        let exclude = &self.shared.options.exclude;
        if exclude.is_empty() {
            return false;
        }
        let path = path_in(dir, name);
        exclude.iter().any(|pattern| pattern.matches(&path))
    }

    fn visit_entry(&mut self, entry: &Entry<'_>) -> Option<u32> {
        let (kind, dir) = self.kind(entry);
        let meta = &entry.meta;
        let is_counted = kind != NodeKind::OtherDevice;
        let record = Record {
            parent: entry.dir.map_or(NONE, |dir| dir.id),
            dir,
            kind,
            is_mount: meta.is_mount_root == Some(true),
            is_failed: false,
            name_len: 0,
            n_links: u32::try_from(meta.n_links).unwrap_or(u32::MAX),
            id: meta.file_id(),
            n_bytes: if is_counted { meta.n_bytes } else { 0 },
            n_blocks: if is_counted { meta.n_blocks } else { 0 },
            mtime: Some(meta.times.modified.secs),
        };
        self.batch.push(record, entry.name);
        (dir != NONE).then_some(dir)
    }

    fn visit_error(&mut self, error: Error) {
        self.is_cancelled |= self.shared.events.send(ScanEvent::Failed(error)).is_err();
    }

    fn after_batch(&mut self) -> ControlFlow<()> {
        if self.is_due() {
            self.send();
            self.sent_at = Instant::now();
        }
        if self.is_cancelled { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
