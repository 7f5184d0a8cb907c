//! A task a directory on rayon's pool; every system call is relative to an open directory.

use std::ffi::CStr;
use std::mem;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use rayon::{Scope, current_thread_index};
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RawDir, Statx, StatxFlags, makedev, openat, statx,
};

use super::{Dir, Entry, Error, Follow, Meta, Visit, Walk, bytes, path_in};
use crate::threads::lock;

/// Bytes of names one call brings from the kernel.
const BUFFER_BYTES: usize = 64 << 10;
/// A directory with more entries is shared out in parts of as many.
const NAMES_PER_PART: usize = 512;
/// Parts of one directory that wait at once; then whoever reads it visits the next one itself.
const PARTS_PER_THREAD: usize = 2;
/// What the kernel takes as one path, with its NUL.
const PATH_MAX: usize = 4096;
const DIR: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const STAT: AtFlags = AtFlags::SYMLINK_NOFOLLOW.union(AtFlags::NO_AUTOMOUNT);
const FIELDS: StatxFlags = StatxFlags::TYPE
    .union(StatxFlags::NLINK)
    .union(StatxFlags::INO)
    .union(StatxFlags::SIZE)
    .union(StatxFlags::BLOCKS);

/// What all workers of one walk share.
struct Shared<'v, V> {
    workers: Vec<Mutex<Worker<'v, V>>>,
    /// What paths are opened from when the parent is not kept open.
    root: OwnedFd,
    n_open: AtomicUsize,
    n_kept: usize,
    is_stopped: AtomicBool,
}

struct Worker<'v, V> {
    visitor: &'v mut V,
    buffer: Vec<u8>,
    subdirs: Vec<Arc<Dir>>,
}

/// An open directory, counted as long as it is open.
struct Open<'s> {
    dir: Arc<Dir>,
    fd: OwnedFd,
    counter: &'s AtomicUsize,
    n_parts_waiting: AtomicUsize,
}

impl<'s> Open<'s> {
    fn new(dir: Arc<Dir>, fd: OwnedFd, counter: &'s AtomicUsize) -> Arc<Self> {
        counter.fetch_add(1, Ordering::Relaxed);
        Arc::new(Open { dir, fd, counter, n_parts_waiting: AtomicUsize::new(0) })
    }
}

impl Open<'_> {
    /// Visits an entry of this directory; one to be entered joins `subdirs`.
    fn visit<V: Visit>(&self, name: &CStr, visitor: &mut V, subdirs: &mut Vec<Arc<Dir>>) {
        let dir = Some(&self.dir);
        match statx(&self.fd, name, STAT, FIELDS) {
            Ok(stat) => {
                let entry = Entry { dir, name: name.to_bytes(), meta: meta(&stat) };
                let id = visitor.entry(&entry);
                subdirs.extend(id.map(|id| Dir::new(&entry, id)));
            }
            Err(err) => {
                let path = path_in(dir, name.to_bytes());
                visitor.failed(Error { path, cause: err.into() });
            }
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.counter.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) fn run<V: Visit>(walk: &Walk, root: &Path, visitors: &mut [V]) {
    let first = visitors.first_mut().expect("a walk has a thread");
    let meta = match walk.root_meta(root) {
        Ok(meta) => meta,
        Err(cause) => return first.failed(Error { path: root.to_owned(), cause }),
    };
    let entry = Entry { dir: None, name: bytes(root), meta };
    let Some(id) = first.entry(&entry) else { return };
    let nofollow = if walk.follow == Follow::Never { OFlags::NOFOLLOW } else { OFlags::empty() };
    let root = match openat(CWD, root, DIR | nofollow, Mode::empty()) {
        Ok(fd) => fd,
        Err(err) => return first.failed(Error { path: root.to_owned(), cause: err.into() }),
    };
    let dir = Dir::new(&entry, id);
    let shared = Shared {
        workers: visitors.iter_mut().map(|visitor| Mutex::new(Worker::new(visitor))).collect(),
        root,
        n_open: AtomicUsize::new(1),
        n_kept: walk.n_files_kept,
        is_stopped: AtomicBool::new(false),
    };
    walk.pool.scope(|scope| shared.enter(scope, dir, None));
}

impl<'v, V> Worker<'v, V> {
    fn new(visitor: &'v mut V) -> Self {
        Worker { visitor, buffer: Vec::new(), subdirs: Vec::new() }
    }
}

impl<'v, V: Visit> Shared<'v, V> {
    /// Visits what is in `dir`, whose parent may still be open.
    fn enter<'s>(&'s self, scope: &Scope<'s>, dir: Arc<Dir>, parent: Option<Arc<Open<'s>>>) {
        if self.is_stopped.load(Ordering::Relaxed) {
            return;
        }
        let mut worker = self.worker();
        let opened = match parent {
            Some(parent) => openat(&parent.fd, &*dir.name, DIR | OFlags::NOFOLLOW, Mode::empty()),
            None => self.open_by_path(&dir),
        };
        match opened {
            Ok(fd) => self.read(scope, &mut worker, &Open::new(dir, fd, &self.n_open)),
            Err(err) => worker.visitor.failed(Error { path: dir.path(), cause: err.into() }),
        }
    }

    /// The state of the thread we are on. Only its own tasks lock it, and they do not nest.
    fn worker(&self) -> MutexGuard<'_, Worker<'v, V>> {
        let index = current_thread_index().expect("tasks run on the pool");
        lock(&self.workers[index])
    }

    /// Opens `dir` from the root, in steps of as many names as the kernel takes at once.
    fn open_by_path(&self, dir: &Dir) -> rustix::io::Result<OwnedFd> {
        let mut chain = Vec::new();
        let mut next = Some(dir);
        while let Some(dir) = next.filter(|dir| dir.parent.is_some()) {
            chain.push(&*dir.name);
            next = dir.parent.as_deref();
        }
        let mut fd = openat(&self.root, c".", DIR, Mode::empty())?;
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

    /// Visits what is in a directory as its names are read; of many names some in parts, on
    /// whatever thread is free.
    fn read<'s>(&'s self, scope: &Scope<'s>, worker: &mut Worker<'v, V>, open: &Arc<Open<'s>>) {
        let Worker { visitor, buffer, subdirs } = worker;
        let (mut names, mut n_names, mut is_shared) = (Vec::new(), 0, false);
        buffer.reserve_exact(BUFFER_BYTES);
        let mut found = RawDir::new(&open.fd, buffer.spare_capacity_mut());
        while let Some(next) = found.next() {
            let name = match &next {
                Ok(entry) => entry.file_name(),
                Err(err) => {
                    visitor.failed(Error { path: open.dir.path(), cause: (*err).into() });
                    break;
                }
            };
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if is_shared {
                names.extend_from_slice(name.to_bytes_with_nul());
            } else {
                open.visit(name, *visitor, subdirs);
            }
            n_names += 1;
            if n_names % NAMES_PER_PART == 0 {
                if is_shared {
                    self.spawn_part(scope, mem::take(&mut names), Arc::clone(open));
                }
                if !visitor.goes_on() {
                    break;
                }
                let n_waiting = open.n_parts_waiting.load(Ordering::Relaxed);
                is_shared = n_waiting < self.workers.len() * PARTS_PER_THREAD;
            }
        }
        self.visit_part(scope, worker, &names, open);
    }

    fn spawn_part<'s>(&'s self, scope: &Scope<'s>, names: Vec<u8>, open: Arc<Open<'s>>) {
        open.n_parts_waiting.fetch_add(1, Ordering::Relaxed);
        scope.spawn(move |scope| {
            open.n_parts_waiting.fetch_sub(1, Ordering::Relaxed);
            if !self.is_stopped.load(Ordering::Relaxed) {
                self.visit_part(scope, &mut self.worker(), &names, &open);
            }
        });
    }

    /// Visits the entries of these names, then sees to it that the directories found are entered.
    fn visit_part<'s>(
        &'s self,
        scope: &Scope<'s>,
        worker: &mut Worker<'v, V>,
        mut names: &[u8],
        open: &Arc<Open<'s>>,
    ) {
        while let Ok(name) = CStr::from_bytes_until_nul(names) {
            names = &names[name.count_bytes() + 1..];
            open.visit(name, worker.visitor, &mut worker.subdirs);
        }
        if !worker.visitor.goes_on() {
            self.is_stopped.store(true, Ordering::Relaxed);
        }
        let is_kept = self.n_open.load(Ordering::Relaxed) <= self.n_kept;
        for subdir in worker.subdirs.drain(..) {
            let parent = is_kept.then(|| Arc::clone(open));
            scope.spawn(move |scope| self.enter(scope, subdir, parent));
        }
    }
}

fn meta(stat: &Statx) -> Meta {
    Meta {
        dev: makedev(stat.stx_dev_major, stat.stx_dev_minor),
        ino: stat.stx_ino,
        n_links: stat.stx_nlink.into(),
        n_bytes: stat.stx_size,
        n_blocks: stat.stx_blocks,
        is_dir: FileType::from_raw_mode(stat.stx_mode.into()).is_dir(),
    }
}
