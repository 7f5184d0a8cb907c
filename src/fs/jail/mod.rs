//! File access confined to one directory: no path leads out of it, not by `..`, not by a symbolic
//! link, not by a link that replaces a directory while the path is being resolved.
//!
//! The kernel resolves every path beneath the root's descriptor (openat2(2), `RESOLVE_BENEATH`), and
//! every name is acted on relative to its directory's descriptor. No path is ever compared with a
//! prefix.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{
    Access, AtFlags, CWD, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, accessat, fstat, mkdirat,
    openat, renameat, unlinkat,
};

mod attributes;
mod destination;
mod info;
mod open_dir;
mod upload;

#[cfg(target_os = "linux")]
#[path = "openat2.rs"]
mod beneath;
#[cfg(not(target_os = "linux"))]
#[path = "portable.rs"]
mod beneath;

pub use destination::{Destination, truncate};
pub use info::{Info, Kind};
pub use open_dir::OpenDir;
pub use upload::Upload;

use info::{FILE_MODE, not_regular};

/// NONBLOCK: opening a FIFO without a writer, or a device, must not block.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
const WRITE: OFlags = OFlags::WRONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);
/// Permission bits of new directories, before the umask is applied.
const DIR_MODE: Mode = Mode::from_raw_mode(0o777);

/// A directory tree that no operation leaves. Paths are relative to its root; symbolic links are
/// followed as long as they stay within. Clones share one descriptor.
#[derive(Clone, Debug)]
pub struct Jail {
    root: Arc<OwnedFd>,
}

impl Jail {
    /// Opens `dir` as the root of a jail.
    ///
    /// # Errors
    /// When `dir` cannot be opened as a directory.
    pub fn new(dir: &Path) -> io::Result<Self> {
        let root = openat(CWD, dir, DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Jail { root: Arc::new(root) })
    }

    /// Opens the directory `path` as the root of a smaller jail. It need not be readable.
    ///
    /// # Errors
    /// When `path` leads out of this jail, or is not a directory.
    pub fn beneath(&self, path: &Path) -> io::Result<Self> {
        Ok(Jail { root: Arc::new(self.open(path, beneath::PATH_ONLY | DIRECTORY)?) })
    }

    /// Opens a regular file for reading.
    ///
    /// # Errors
    /// When `path` leads out of the jail, or is not a regular file.
    pub fn read(&self, path: &Path) -> io::Result<File> {
        regular(self.open(path, READ)?)
    }

    /// Opens a regular file for writing from `offset` on, in bytes, once it was
    /// [truncated](truncate) there.
    ///
    /// # Errors
    /// Those of [`read`](Self::read), and when the file is shorter than `offset`.
    pub fn write_from(&self, path: &Path, offset: u64) -> io::Result<File> {
        let file = regular(self.open(path, WRITE)?)?;
        if file.metadata()?.len() < offset {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(file)
    }

    /// Opens a regular file for appending, and creates it if there is none.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn append(&self, path: &Path) -> io::Result<File> {
        let flags = WRITE | OFlags::APPEND | OFlags::CREATE;
        regular(beneath::open(&self.root, path, flags, FILE_MODE)?)
    }

    /// Starts writing the file at `path`: a new one that appears there when it is committed, or the
    /// existing one in place where a new file would lose something of it. A symbolic link is
    /// followed.
    ///
    /// # Errors
    /// When the directory does not exist, when a directory, FIFO, socket or device is at `path`, or
    /// the file there may not be written.
    pub fn upload(&self, path: &Path) -> io::Result<Destination> {
        let (dir, name) = destination::follow_links(path, |path| {
            self.parent(path).map(|(dir, name)| (dir, name.to_owned()))
        })?;
        Destination::new(&dir, &name)
    }

    /// Starts writing a file that appears at `path` when it is committed, if nothing is there then.
    ///
    /// # Errors
    /// When the directory does not exist, or anything is at `path`.
    pub fn upload_new(&self, path: &Path) -> io::Result<Upload> {
        let (dir, name) = self.parent(path)?;
        Upload::new_name(&dir, name)
    }

    /// The metadata of `path`; symbolic links are followed.
    ///
    /// # Errors
    /// When `path` does not exist, or leads out of the jail.
    pub fn info(&self, path: &Path) -> io::Result<Info> {
        Ok(Info::of(&fstat(self.open(path, beneath::PATH_ONLY)?)?))
    }

    /// Opens a directory to list it.
    ///
    /// # Errors
    /// When `path` leads out of the jail, or is not a directory.
    pub fn open_dir(&self, path: &Path) -> io::Result<OpenDir> {
        Ok(OpenDir { dir: self.open(path, DIRECTORY)? })
    }

    /// Checks that `path` is a directory that may be entered; it need not be readable.
    ///
    /// # Errors
    /// When it is not, or leads out of the jail.
    pub fn check_dir(&self, path: &Path) -> io::Result<()> {
        let dir = self.open(path, beneath::PATH_ONLY | OFlags::DIRECTORY)?;
        Ok(accessat(dir, ".", Access::EXEC_OK, AtFlags::EACCESS)?)
    }

    /// Opens the parent directory of `path`. Returns the last name of `path` too.
    ///
    /// # Errors
    /// When the parent does not exist, or `path` is the root.
    pub fn open_parent<'p>(&self, path: &'p Path) -> io::Result<(OpenDir, &'p OsStr)> {
        let (dir, name) = self.parent(path)?;
        Ok((OpenDir { dir }, name))
    }

    /// Removes a file, a symbolic link or anything else but a directory.
    ///
    /// # Errors
    /// Those of unlinkat(2).
    pub fn remove_file(&self, path: &Path) -> io::Result<()> {
        let (dir, name) = self.parent(path)?;
        Ok(unlinkat(dir, name, AtFlags::empty())?)
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// Those of unlinkat(2).
    pub fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let (dir, name) = self.parent(path)?;
        Ok(unlinkat(dir, name, AtFlags::REMOVEDIR)?)
    }

    /// Creates a directory.
    ///
    /// # Errors
    /// Those of mkdirat(2).
    pub fn create_dir(&self, path: &Path) -> io::Result<()> {
        let (dir, name) = self.parent(path)?;
        Ok(mkdirat(dir, name, DIR_MODE)?)
    }

    /// Renames `from` to `to`, replacing a file there.
    ///
    /// # Errors
    /// Those of renameat(2).
    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let ((old_dir, old), (new_dir, new)) = (self.parent(from)?, self.parent(to)?);
        Ok(renameat(old_dir, old, new_dir, new)?)
    }

    /// Sets the modification time of a file or directory, in seconds since 1970. It need not be
    /// readable.
    ///
    /// # Errors
    /// When it belongs to another user.
    pub fn set_modified(&self, path: &Path, seconds: i64) -> io::Result<()> {
        let fd = self.file_or_dir(path)?;
        let keep = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
        let modified = Timespec { tv_sec: seconds, tv_nsec: 0 };
        beneath::set_times(&fd, &Timestamps { last_access: keep, last_modification: modified })
    }

    /// Sets the permission bits of a file or directory; set-uid and its like are ignored. It need not
    /// be readable.
    ///
    /// # Errors
    /// When it belongs to another user.
    pub fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        let fd = self.file_or_dir(path)?;
        beneath::set_mode(&fd, Mode::from_bits_truncate((mode & 0o777) as _))
    }

    fn file_or_dir(&self, path: &Path) -> io::Result<OwnedFd> {
        let fd = self.open(path, beneath::PATH_ONLY)?;
        match Info::of(&fstat(&fd)?).kind {
            Kind::File | Kind::Dir => Ok(fd),
            _ => Err(not_regular()),
        }
    }

    /// The parent directory of `path`, and the last name of `path`.
    fn parent<'p>(&self, path: &'p Path) -> io::Result<(OwnedFd, &'p OsStr)> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let dir = dir.unwrap_or(Path::new("."));
        Ok((self.open(dir, beneath::PATH_ONLY | OFlags::DIRECTORY)?, name))
    }

    fn open(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        beneath::open(&self.root, path, flags, Mode::empty())
    }
}

/// The descriptor as a file, if it is a regular one.
fn regular(fd: OwnedFd) -> io::Result<File> {
    match Info::of(&fstat(fd.as_fd())?).kind {
        Kind::File => Ok(fd.into()),
        Kind::Dir => Err(io::ErrorKind::IsADirectory.into()),
        _ => Err(not_regular()),
    }
}

/// The bytes of an absolute path as a path relative to the root: `/a` is `a`, `/` is `.`.
#[must_use]
pub fn relative(path: &[u8]) -> &Path {
    let names = path.strip_prefix(b"/").unwrap_or(path);
    Path::new(OsStr::from_bytes(if names.is_empty() { b"." } else { names }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    fn jail() -> (tempfile::TempDir, Jail) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/file"), "inside").unwrap();
        fs::write(dir.path().join("secret"), "outside").unwrap();
        let jail = Jail::new(&root).unwrap();
        (dir, jail)
    }

    fn contents(jail: &Jail, path: &str) -> Option<String> {
        let mut text = String::new();
        jail.read(Path::new(path)).ok()?.read_to_string(&mut text).ok()?;
        Some(text)
    }

    #[test]
    fn no_path_leads_out() {
        let (dir, jail) = jail();
        let root = dir.path().join("root");
        symlink(dir.path(), root.join("out")).unwrap();
        symlink("../..", root.join("a/up")).unwrap();
        symlink("/etc/passwd", root.join("passwd")).unwrap();
        symlink("a/file", root.join("link")).unwrap();
        assert_eq!(contents(&jail, "link").as_deref(), Some("inside"));
        for path in
            ["../secret", "out/secret", "a/up/secret", "passwd", "/etc/passwd", "a/../../secret"]
        {
            assert_eq!(contents(&jail, path), None, "{path}");
            assert!(jail.info(Path::new(path)).is_err(), "{path}");
            assert!(jail.upload(Path::new(path)).is_err(), "{path}");
        }
        assert!(jail.remove_file(Path::new("out/secret")).is_err());
        assert!(jail.create_dir(Path::new("out/new")).is_err());
        assert!(jail.rename(Path::new("a/file"), Path::new("out/file")).is_err());
        assert_eq!(fs::read_to_string(dir.path().join("secret")).unwrap(), "outside");
    }

    #[test]
    fn only_regular_files_are_opened() {
        let (dir, jail) = jail();
        let fifo = dir.path().join("root/fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
        assert!(made.success());
        let path = Path::new("fifo");
        assert!(jail.read(path).is_err() && jail.append(path).is_err());
        assert!(jail.write_from(path, 0).is_err() && jail.upload(path).is_err());
        assert!(jail.read(Path::new("a")).is_err() && jail.upload(Path::new("a/b")).is_err());
        assert!(jail.upload(Path::new(".")).is_err());
    }

    #[test]
    fn opens_while_a_directory_is_swapped_for_a_link() {
        let (dir, jail) = jail();
        let root = dir.path().join("root");
        let (real, link, name) = (root.join("real"), root.join("link"), root.join("swapped"));
        fs::create_dir(&real).unwrap();
        fs::write(real.join("passwd"), "inside").unwrap();
        symlink("/etc", &link).unwrap();
        let is_over = AtomicBool::new(false);
        let (mut n_read, mut n_refused) = (0, 0);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    for end in [&real, &link] {
                        fs::rename(end, &name).unwrap();
                        fs::rename(&name, end).unwrap();
                    }
                }
            });
            for _ in 0..100_000 {
                match contents(&jail, "swapped/passwd") {
                    Some(text) => {
                        assert_eq!(text, "inside");
                        n_read += 1;
                    }
                    None => n_refused += 1,
                }
            }
            is_over.store(true, Ordering::Relaxed);
        });
        assert!(n_read > 0 && n_refused > 0, "{n_read} read, {n_refused} refused");
    }
}
