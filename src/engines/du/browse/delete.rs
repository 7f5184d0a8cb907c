//! Deletes what was scanned, and nothing else: every name is looked up in an open directory, without
//! following links, and its device and inode are compared with the scan's before it is unlinked.

use std::ffi::{CString, OsStr};
use std::io;
use std::mem;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, TryRecvError};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, unlinkat};
use rustix::io::Errno;

use super::plan::{Action, DeletePlan, Step, Target};
use crate::fs::walk::{Error, FileId, Meta};

/// How often deleted nodes are sent, and cancelling is noticed.
const SEND_INTERVAL: Duration = Duration::from_millis(50);
/// Directories that are kept open; the parent of the outermost one is opened again by `..`.
const OPEN_DIRS_MAX: usize = 64;
/// A directory is opened to look up names in it; on Linux that needs no permission to read it.
const DIR: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC).union(LOOKUP);
#[cfg(target_os = "linux")]
const LOOKUP: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const LOOKUP: OFlags = OFlags::empty();

/// What a deletion sends.
#[derive(Debug)]
pub enum DeleteEvent {
    /// These nodes are gone.
    Removed(Vec<u32>),
    /// A file or directory was kept.
    Failed(Error),
}

/// Deletes what the plan names, and sends what is gone and what is kept to `events`.
///
/// A file is kept if it is not the one that was scanned, and a directory if it is a mount point or
/// has files that were not scanned. Ends early when the sender of `done` is dropped.
pub fn delete(plan: &DeletePlan, events: &Sender<DeleteEvent>, done: &Receiver<()>) {
    let (removed, sent_at) = (Vec::new(), Instant::now());
    let mut deleter = Deleter { plan, events, done, removed, sent_at, is_cancelled: false };
    for target in &plan.targets {
        deleter.delete(target);
    }
    deleter.send();
}

struct Deleter<'a> {
    plan: &'a DeletePlan,
    events: &'a Sender<DeleteEvent>,
    done: &'a Receiver<()>,
    removed: Vec<u32>,
    sent_at: Instant,
    is_cancelled: bool,
}

/// A directory on the way from the root to where the deletion is.
struct Level {
    name: PathBuf,
    id: FileId,
    /// `None` for outer directories of a long path.
    fd: Option<OwnedFd>,
    /// Whether something below was kept.
    has_kept: bool,
}

/// Why a directory was not entered.
enum Skipped {
    /// It is gone, with everything below.
    Gone,
    /// It is kept.
    Kept,
}

impl Deleter<'_> {
    fn delete(&mut self, target: &Target) {
        let Some(mut levels) = self.open_parents(target) else { return };
        let (mut skipped, mut n_skipped) = (Skipped::Kept, 0);
        for step in &target.steps {
            self.send_if_due();
            if self.is_cancelled {
                return;
            }
            match step.action {
                Action::Enter if n_skipped > 0 => n_skipped += 1,
                Action::Enter => match self.enter(&mut levels, step) {
                    Ok(()) => {}
                    Err(reason) => (skipped, n_skipped) = (reason, 1),
                },
                Action::Unlink | Action::Leave if n_skipped > 0 => {
                    n_skipped -= u32::from(step.action == Action::Leave);
                    if matches!(skipped, Skipped::Gone) {
                        self.removed.push(step.node);
                    }
                }
                Action::Unlink => self.unlink(&mut levels, step),
                Action::Leave => {
                    if !self.leave(&mut levels, step) {
                        return;
                    }
                }
            }
        }
    }

    /// Opens the directories from the root to the one that contains the target.
    fn open_parents(&mut self, target: &Target) -> Option<Vec<Level>> {
        let mut levels: Vec<Level> = Vec::new();
        for (name, id) in &target.parents {
            let opened = match levels.last().and_then(|level| level.fd.as_ref()) {
                Some(dir) => openat(dir, name, DIR, Mode::empty()),
                None => openat(CWD, name, DIR, Mode::empty()),
            };
            let opened = opened.map_err(io::Error::from).and_then(|fd| same(fd, *id));
            levels.push(Level { name: name.clone(), id: *id, fd: None, has_kept: false });
            match opened {
                Ok((fd, _)) => set_fd(&mut levels, fd),
                Err(cause) => {
                    self.fail(path(&levels), cause);
                    return None;
                }
            }
        }
        Some(levels)
    }

    fn enter(&mut self, levels: &mut Vec<Level>, step: &Step) -> Result<(), Skipped> {
        let name = PathBuf::from(OsStr::from_bytes(self.plan.name(step)));
        let parent = levels.last().expect("a target has a parent");
        let dir = parent.fd.as_ref().expect("the innermost directory is open");
        let opened = openat(dir, &name, DIR, Mode::empty()).map_err(io::Error::from);
        let opened = opened.and_then(|fd| same(fd, step.id)).and_then(|(fd, meta)| {
            let is_mount = meta.is_mount_root.unwrap_or(meta.dev != parent.id.0);
            if is_mount { Err(io::Error::other("a file system is mounted there")) } else { Ok(fd) }
        });
        match opened {
            Ok(fd) => {
                levels.push(Level { name, id: step.id, fd: None, has_kept: false });
                set_fd(levels, fd);
                Ok(())
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Err(Skipped::Gone),
            Err(cause) => {
                self.keep(levels, &name, cause);
                Err(Skipped::Kept)
            }
        }
    }

    fn unlink(&mut self, levels: &mut [Level], step: &Step) {
        let name = OsStr::from_bytes(self.plan.name(step));
        let dir = levels.last().and_then(|level| level.fd.as_ref());
        let dir = dir.expect("the innermost directory is open");
        match unlink_same(dir, name, step.id) {
            Ok(()) => self.removed.push(step.node),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => self.removed.push(step.node),
            Err(cause) => self.keep(levels, Path::new(name), cause),
        }
    }

    /// Removes the innermost directory. Returns whether the deletion can go on.
    fn leave(&mut self, levels: &mut Vec<Level>, step: &Step) -> bool {
        let left = levels.pop().expect("it was entered");
        let parent = levels.last_mut().expect("a target has a parent");
        if parent.fd.is_none() {
            let inner = left.fd.as_ref().expect("the innermost directory is open");
            let opened = openat(inner, "..", DIR, Mode::empty()).map_err(io::Error::from);
            match opened.and_then(|fd| same(fd, parent.id)) {
                Ok((fd, _)) => parent.fd = Some(fd),
                Err(cause) => {
                    self.keep(levels, &left.name, cause);
                    return false;
                }
            }
        }
        let parent = levels.last_mut().expect("a target has a parent");
        let dir = parent.fd.as_ref().expect("it was opened again");
        match unlinkat(dir, &left.name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => self.removed.push(step.node),
            Err(Errno::NOTEMPTY | Errno::EXIST) if left.has_kept => parent.has_kept = true,
            Err(Errno::NOTEMPTY | Errno::EXIST) => {
                let cause = io::Error::other("it has files that were not scanned");
                self.keep(levels, &left.name, cause);
            }
            Err(cause) => self.keep(levels, &left.name, cause.into()),
        }
        true
    }

    /// Reports that an entry of the innermost directory is kept.
    fn keep(&mut self, levels: &mut [Level], name: &Path, cause: io::Error) {
        self.fail(path(levels).join(name), cause);
        if let Some(level) = levels.last_mut() {
            level.has_kept = true;
        }
    }

    fn fail(&mut self, path: PathBuf, cause: io::Error) {
        let event = DeleteEvent::Failed(Error { path, cause });
        self.is_cancelled |= self.events.send(event).is_err();
    }

    fn send_if_due(&mut self) {
        if self.sent_at.elapsed() >= SEND_INTERVAL {
            self.send();
        }
    }

    fn send(&mut self) {
        self.sent_at = Instant::now();
        if !self.removed.is_empty() {
            let event = DeleteEvent::Removed(mem::take(&mut self.removed));
            self.is_cancelled |= self.events.send(event).is_err();
        }
        self.is_cancelled |= self.done.try_recv() == Err(TryRecvError::Disconnected);
    }
}

/// Returns an open directory and its metadata if it is the one that was scanned.
fn same(fd: OwnedFd, id: FileId) -> io::Result<(OwnedFd, Meta)> {
    let meta = Meta::read_open(&fd)?;
    if meta.file_id() == id { Ok((fd, meta)) } else { Err(changed()) }
}

fn changed() -> io::Error {
    io::Error::other("it has changed since the scan")
}

/// Unlinks a file if it is the one that was scanned. The kernel has no call that does both at once,
/// so a file that replaces it in between is unlinked instead.
fn unlink_same(dir: &OwnedFd, name: &OsStr, id: FileId) -> io::Result<()> {
    let c_name = CString::new(name.as_bytes())?;
    let meta = Meta::read_at(dir, &c_name)?;
    if meta.file_id() != id || meta.is_dir {
        return Err(changed());
    }
    Ok(unlinkat(dir, &*c_name, AtFlags::empty())?)
}

/// Stores the descriptor of the innermost directory, and closes the outermost one of many.
fn set_fd(levels: &mut [Level], fd: OwnedFd) {
    if let Some(level) = levels.last_mut() {
        level.fd = Some(fd);
    }
    if let Some(outer) = levels.len().checked_sub(OPEN_DIRS_MAX + 1) {
        levels[outer].fd = None;
    }
}

fn path(levels: &[Level]) -> PathBuf {
    levels.iter().map(|level| &level.name).collect()
}
