//! Walks on a thread pool, one task per directory; every system call is relative to an open
//! directory.

use std::ffi::CStr;
use std::mem;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use rayon::ThreadPool;
use rustix::fs::{CWD, Mode, OFlags, RawDir, openat};
use rustix::io::fcntl_dupfd_cloexec;

use super::entry::{Dir, Entry, path_in};
use super::meta::Meta;
use super::options::Follow;
use super::root::Root;
use super::tasks::{self, Tasks};
use super::visitor::{Visitor, report, visit};
use crate::threads::lock;

/// Size of the buffer that one `getdents64` fills with names.
const BUFFER_BYTES: usize = 64 << 10;
/// A directory with more entries than this is shared among the threads in batches of this size.
pub(super) const NAMES_PER_BATCH: usize = 512;
/// Batches of one directory that may be queued per thread; beyond that, the thread that reads the
/// directory visits the next batch itself.
const QUEUED_BATCHES_PER_THREAD: usize = 2;
/// The longest path that the kernel accepts in one call, with its NUL.
pub(super) const PATH_MAX: usize = 4096;
const DIR: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// What all threads of one walk share.
struct Shared<'v, V> {
    workers: Vec<Mutex<Worker<'v, V>>>,
    /// Where paths start when a directory's parent is not kept open.
    root: OwnedFd,
    root_depth: u32,
    n_open_fds: AtomicUsize,
    max_kept_fds: usize,
    is_stopped: AtomicBool,
}

/// The state of one thread.
struct Worker<'v, V> {
    visitor: &'v mut V,
    buffer: Vec<u8>,
    /// Directories found in the current batch, to be entered after it.
    subdirs: Vec<Arc<Dir>>,
}

/// An open directory, counted in `n_open_fds` for as long as it is open.
struct OpenDir<'s> {
    dir: Arc<Dir>,
    fd: OwnedFd,
    n_open_fds: &'s AtomicUsize,
    n_queued_batches: AtomicUsize,
}

impl<'s> OpenDir<'s> {
    fn new(dir: Arc<Dir>, fd: OwnedFd, n_open_fds: &'s AtomicUsize) -> Arc<Self> {
        n_open_fds.fetch_add(1, Ordering::Relaxed);
        Arc::new(OpenDir { dir, fd, n_open_fds, n_queued_batches: AtomicUsize::new(0) })
    }
}

impl OpenDir<'_> {
    /// Visits the entry `name`; if it is a directory to enter, it is added to `subdirs`.
    fn visit<V: Visitor>(&self, name: &CStr, visitor: &mut V, subdirs: &mut Vec<Arc<Dir>>) {
        let dir = Some(&self.dir);
        if visitor.skips(dir, name.to_bytes()) {
            return;
        }
        match Meta::read_at(&self.fd, name) {
            Ok(meta) => subdirs.extend(visit(&Entry { dir, name: name.to_bytes(), meta }, visitor)),
            Err(err) => report(path_in(dir, name.to_bytes()), err, visitor),
        }
    }
}

impl Drop for OpenDir<'_> {
    fn drop(&mut self) {
        self.n_open_fds.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Walks below `root`; thread number `i` of the pool calls `visitors[i]`. Without a pool the calling
/// thread does everything.
pub(super) fn run<V: Visitor>(
    root: Root,
    follow: Follow,
    pool: Option<&ThreadPool>,
    max_kept_fds: usize,
    visitors: &mut [V],
) {
    let is_followed = follow != Follow::Never && root.dir.depth == 0;
    let nofollow = if is_followed { OFlags::empty() } else { OFlags::NOFOLLOW };
    let fd = match openat(CWD, &root.path, DIR | nofollow, Mode::empty()) {
        Ok(fd) => fd,
        Err(err) => return report(root.path, err, &mut visitors[0]),
    };
    let shared = Shared {
        workers: visitors.iter_mut().map(|visitor| Mutex::new(Worker::new(visitor))).collect(),
        root: fd,
        root_depth: root.dir.depth,
        n_open_fds: AtomicUsize::new(1),
        max_kept_fds,
        is_stopped: AtomicBool::new(false),
    };
    tasks::run(pool, |tasks| shared.enter(tasks, root.dir, None));
}

impl<'v, V> Worker<'v, V> {
    fn new(visitor: &'v mut V) -> Self {
        Worker { visitor, buffer: Vec::new(), subdirs: Vec::new() }
    }
}

impl<'v, V: Visitor> Shared<'v, V> {
    /// Opens and reads `dir`, relative to `parent` if that is still open.
    fn enter<'s>(&'s self, tasks: &Tasks<'_, 's>, dir: Arc<Dir>, parent: Option<Arc<OpenDir<'s>>>) {
        if self.is_stopped.load(Ordering::Relaxed) {
            return;
        }
        let mut worker = self.worker(tasks);
        let opened = match parent {
            Some(parent) => openat(&parent.fd, &*dir.name, DIR | OFlags::NOFOLLOW, Mode::empty()),
            None => self.open_by_path(&dir),
        };
        match opened {
            Ok(fd) => self.read(tasks, &mut worker, &OpenDir::new(dir, fd, &self.n_open_fds)),
            Err(err) => report(dir.path(), err, worker.visitor),
        }
    }

    /// The state of the current thread. Only its own tasks lock it, and they do not nest.
    fn worker(&self, tasks: &Tasks<'_, '_>) -> MutexGuard<'_, Worker<'v, V>> {
        lock(&self.workers[tasks.thread_index()])
    }

    /// Opens `dir` by its path from the root, in steps of at most [`PATH_MAX`] bytes.
    fn open_by_path(&self, dir: &Dir) -> rustix::io::Result<OwnedFd> {
        let mut chain = Vec::new();
        let mut next = Some(dir);
        while let Some(dir) = next.filter(|dir| dir.depth > self.root_depth) {
            chain.push(&*dir.name);
            next = dir.parent.as_deref();
        }
        let mut fd = fcntl_dupfd_cloexec(&self.root, 0)?; // `.` would need the permission to search it
        let mut step = Vec::new();
        while let Some(name) = chain.pop() {
            step.extend_from_slice(name);
            if chain.last().is_none_or(|next| step.len() + next.len() + 2 > PATH_MAX) {
                fd = openat(&fd, &*step, DIR | OFlags::NOFOLLOW, Mode::empty())?;
                step.clear();
            } else {
                step.push(b'/');
            }
        }
        Ok(fd)
    }

    /// Visits the entries of a directory while it is read. Of a large directory, batches of names
    /// are queued for other threads.
    fn read<'s>(
        &'s self,
        tasks: &Tasks<'_, 's>,
        worker: &mut Worker<'v, V>,
        open: &Arc<OpenDir<'s>>,
    ) {
        let Worker { visitor, buffer, subdirs } = worker;
        let (mut batch, mut n_names, mut is_shared) = (Vec::new(), 0, false);
        buffer.reserve_exact(BUFFER_BYTES);
        let mut entries = RawDir::new(&open.fd, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let name = match &entry {
                Ok(entry) => entry.file_name(),
                Err(err) => {
                    report(open.dir.path(), *err, *visitor);
                    break;
                }
            };
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if is_shared {
                batch.extend_from_slice(name.to_bytes_with_nul());
            } else {
                open.visit(name, *visitor, subdirs);
            }
            n_names += 1;
            if n_names % NAMES_PER_BATCH == 0 {
                if is_shared {
                    self.queue_batch(tasks, mem::take(&mut batch), Arc::clone(open));
                }
                if visitor.after_batch().is_break() {
                    break;
                }
                let n_queued = open.n_queued_batches.load(Ordering::Relaxed);
                is_shared = n_queued < self.workers.len() * QUEUED_BATCHES_PER_THREAD;
            }
        }
        self.visit_batch(tasks, worker, &batch, open);
    }

    fn queue_batch<'s>(&'s self, tasks: &Tasks<'_, 's>, batch: Vec<u8>, open: Arc<OpenDir<'s>>) {
        open.n_queued_batches.fetch_add(1, Ordering::Relaxed);
        tasks.spawn(move |tasks| {
            open.n_queued_batches.fetch_sub(1, Ordering::Relaxed);
            if !self.is_stopped.load(Ordering::Relaxed) {
                self.visit_batch(tasks, &mut self.worker(tasks), &batch, &open);
            }
        });
    }

    /// Visits the entries of `batch`, NUL-terminated names, then queues the directories among all
    /// entries that this thread has visited since the last batch.
    fn visit_batch<'s>(
        &'s self,
        tasks: &Tasks<'_, 's>,
        worker: &mut Worker<'v, V>,
        mut batch: &[u8],
        open: &Arc<OpenDir<'s>>,
    ) {
        while let Ok(name) = CStr::from_bytes_until_nul(batch) {
            batch = &batch[name.count_bytes() + 1..];
            open.visit(name, worker.visitor, &mut worker.subdirs);
        }
        if worker.visitor.after_batch().is_break() {
            self.is_stopped.store(true, Ordering::Relaxed);
        }
        let is_kept = self.n_open_fds.load(Ordering::Relaxed) <= self.max_kept_fds;
        for subdir in worker.subdirs.drain(..) {
            let parent = is_kept.then(|| Arc::clone(open));
            tasks.spawn(move |tasks| self.enter(tasks, subdir, parent));
        }
    }
}
