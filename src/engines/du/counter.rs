//! What one thread finds, in a book of its own.

use std::collections::HashSet;
use std::mem;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam::channel::TryRecvError;

use super::largest::Largest;
use super::links::Link;
use super::tree::{Found, Kind};
use super::{Event, Id, Shared, Sum, id};
use crate::fs::walk::{Entry, Error, Follow, Visit};

/// How often a thread tells what it has found and asks whether to go on.
const REPORT_EVERY: Duration = Duration::from_millis(50);

/// Counts for one thread.
pub(super) struct Counter<'a> {
    shared: &'a Shared<'a>,
    book: Book,
    /// Found since the last report.
    found: Sum,
    reported: Instant,
    is_cancelled: bool,
    /// With links followed anything can be met again; then there is but one counter.
    met: HashSet<Id>,
}

/// What a thread has found below one root.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// What is told apart.
    pub(super) nodes: Vec<Found>,
    /// The names of `nodes`, end to end.
    pub(super) names: Vec<u8>,
    /// What belongs to nodes, wherever those are.
    pub(super) sums: Vec<(u32, Sum)>,
    /// Files with more than one name, not counted yet.
    pub(super) links: Vec<Link>,
    /// Files told apart because they are large.
    pub(super) largest: Largest,
    /// What later roots can meet again, other than links.
    pub(super) counted: Vec<Id>,
}

impl<'a> Counter<'a> {
    pub(super) fn new(shared: &'a Shared<'a>) -> Self {
        let largest = Largest::new(shared.options.n_files_told);
        Counter {
            shared,
            book: Book { largest, ..Book::default() },
            found: Sum::default(),
            reported: Instant::now(),
            is_cancelled: false,
            met: HashSet::new(),
        }
    }

    /// Reports what is left to report; says whether it was cancelled.
    pub(super) fn finish(&mut self) -> bool {
        self.report();
        self.is_cancelled
    }

    pub(super) fn into_book(self) -> Book {
        self.book
    }

    fn report(&mut self) {
        let found = mem::take(&mut self.found);
        let told = found == Sum::default()
            || self.shared.events.send(Event::Found(self.shared.number, found)).is_ok();
        let is_closed = self.shared.done.try_recv() == Err(TryRecvError::Disconnected);
        self.is_cancelled |= !told || is_closed;
    }

    /// Whether it is left out or has been counted before.
    fn is_skipped(&mut self, entry: &Entry<'_>) -> bool {
        let Shared { options, seen, .. } = self.shared;
        if options.one_file_system && entry.dir.is_some_and(|dir| dir.dev != entry.meta.dev) {
            return true;
        }
        if !options.exclude.is_empty() {
            let path = entry.path();
            if options.exclude.iter().any(|pattern| pattern.matches(&path)) {
                return true;
            }
        }
        let id = id(&entry.meta);
        let is_again = seen.with_dirs && entry.meta.is_dir && seen.ids.contains(&id);
        let follows = options.follow == Follow::Always && !options.count_links;
        is_again || follows && (seen.ids.contains(&id) || !self.met.insert(id))
    }

    /// Whether another name of it may be met, by another thread even.
    fn is_link(&self, entry: &Entry<'_>) -> bool {
        let Shared { options, seen, .. } = self.shared;
        !options.count_links
            && options.follow != Follow::Always
            && !entry.meta.is_dir
            && (entry.meta.n_links > 1 || seen.roots.contains(&id(&entry.meta)))
    }

    fn node(&mut self, entry: &Entry<'_>, kind: Kind, own: Sum) -> u32 {
        let number = self.shared.n_nodes.fetch_add(1, Ordering::Relaxed);
        let parent = entry.dir.map(|dir| dir.id);
        self.book.nodes.push(Found::new(number, parent, kind, entry.name, own));
        self.book.names.extend_from_slice(entry.name);
        number
    }
}

impl Visit for Counter<'_> {
    fn entry(&mut self, entry: &Entry<'_>) -> Option<u32> {
        if self.is_skipped(entry) {
            return None;
        }
        let Shared { options, seen, .. } = self.shared;
        let meta = &entry.meta;
        let n_files = u64::from(!meta.is_dir);
        let own = Sum { size: options.measure.of(meta), n_bytes: meta.n_bytes, n_files };
        let depth = entry.depth();
        let kind = if meta.is_dir { Kind::Dir } else { Kind::File };
        let is_told =
            depth == 0 || depth <= options.depth_max && (meta.is_dir || options.n_files_told > 0);
        if seen.with_dirs && (meta.is_dir || options.follow == Follow::Always) {
            self.book.counted.push(id(meta));
        }
        self.found += own;
        if self.is_link(entry) {
            let parent = entry.dir.map(|dir| dir.id);
            self.book.links.push(Link::new(id(meta), parent, entry.name, own, is_told));
            return None;
        }
        let number = match entry.dir {
            Some(dir) if !is_told => {
                self.book.add(dir.id, own);
                dir.id
            }
            Some(dir) if !meta.is_dir && options.n_files_told < usize::MAX => {
                if let Some((number, own)) = self.book.largest.offer(dir, entry.name, own) {
                    self.book.add(number, own);
                }
                dir.id
            }
            _ => self.node(entry, kind, own),
        };
        meta.is_dir.then_some(number)
    }

    fn failed(&mut self, error: Error) {
        self.is_cancelled |= self.shared.events.send(Event::Failed(error)).is_err();
    }

    fn goes_on(&mut self) -> bool {
        let now = Instant::now();
        if now.duration_since(self.reported) >= REPORT_EVERY {
            self.reported = now;
            self.report();
        }
        !self.is_cancelled
    }
}

impl Book {
    /// Entries of one directory come together: they make one line.
    fn add(&mut self, number: u32, sum: Sum) {
        match self.sums.last_mut() {
            Some((last, total)) if *last == number => *total += sum,
            _ => self.sums.push((number, sum)),
        }
    }
}
