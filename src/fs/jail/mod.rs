//! A directory that no path leads out of: not by `..`, not by a link, not by one swapped in while
//! we look.
//!
//! Every path is resolved by the kernel, beneath the root's descriptor; what is done to a name is
//! done relative to its directory's. No path is ever compared with a prefix.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_OMIT, fchmod,
    fstat, ftruncate, futimens, mkdirat, openat, readlinkat, renameat, statat, unlinkat,
};

mod upload;

#[cfg(target_os = "linux")]
#[path = "openat2.rs"]
mod beneath;
#[cfg(not(target_os = "linux"))]
#[path = "portable.rs"]
mod beneath;

pub use upload::Upload;

/// Neither a FIFO without a writer nor a device may hold up who opens it.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
const WRITE: OFlags = OFlags::WRONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);
/// What new files may be before the umask has its say.
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);
const DIR_MODE: Mode = Mode::from_raw_mode(0o777);

/// A directory and everything in it. Paths are relative to it; links may lead anywhere within.
#[derive(Debug)]
pub struct Jail {
    root: OwnedFd,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Link,
    /// A FIFO, a socket or a device.
    Other,
}

/// What is known about a file.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// File, directory or something else.
    pub kind: Kind,
    /// Size in bytes.
    pub len: u64,
    /// When it was last written, in seconds since 1970.
    pub modified: i64,
    /// Permission bits.
    pub mode: u32,
    /// Names it has.
    pub n_links: u64,
}

impl Info {
    #[allow(
        clippy::cast_sign_loss,
        clippy::unnecessary_cast,
        clippy::useless_conversion,
        reason = "these fields have other types elsewhere"
    )]
    fn of(stat: &Stat) -> Self {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Dir,
            FileType::Symlink => Kind::Link,
            _ => Kind::Other,
        };
        Info {
            kind,
            len: stat.st_size as u64,
            modified: stat.st_mtime as i64,
            mode: u32::from(stat.st_mode) & 0o7777,
            n_links: stat.st_nlink as u64,
        }
    }
}

impl Jail {
    /// The jail whose root is `dir`.
    ///
    /// # Errors
    /// When `dir` cannot be opened as a directory.
    pub fn new(dir: &Path) -> io::Result<Self> {
        let root = openat(CWD, dir, DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Jail { root })
    }

    /// Opens a regular file for reading.
    ///
    /// # Errors
    /// When `path` leads out, or to something else than a regular file.
    pub fn read(&self, path: &Path) -> io::Result<File> {
        regular(self.open(path, READ)?)
    }

    /// Opens a regular file to write to it from `offset` on; what was there is cut off.
    ///
    /// # Errors
    /// As [`read`](Self::read), and when the file is shorter than `offset`.
    pub fn write_from(&self, path: &Path, offset: u64) -> io::Result<File> {
        let file = regular(self.open(path, WRITE)?)?;
        if file.metadata()?.len() < offset {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        ftruncate(&file, offset)?;
        io::Seek::seek(&mut &file, io::SeekFrom::Start(offset))?;
        Ok(file)
    }

    /// Opens a regular file to write at its end, or a new one.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn append(&self, path: &Path) -> io::Result<File> {
        let flags = WRITE | OFlags::APPEND | OFlags::CREATE;
        regular(beneath::open(&self.root, path, flags, FILE_MODE)?)
    }

    /// Starts a file that will be at `path` when it is whole.
    ///
    /// # Errors
    /// When there is no such directory, or something at `path` that no file may replace.
    pub fn upload(&self, path: &Path) -> io::Result<Upload> {
        let (dir, name) = self.place(path)?;
        Upload::new(dir, name)
    }

    /// What is at `path`, following links.
    ///
    /// # Errors
    /// When nothing is, or it is outside.
    pub fn info(&self, path: &Path) -> io::Result<Info> {
        Ok(Info::of(&fstat(self.open(path, beneath::LOOK)?)?))
    }

    /// Opens a directory to list it.
    ///
    /// # Errors
    /// When `path` leads out, or to no directory.
    pub fn folder(&self, path: &Path) -> io::Result<Folder> {
        Ok(Folder { dir: self.open(path, DIRECTORY)? })
    }

    /// Opens the directory that `path` is in, and gives its name there.
    ///
    /// # Errors
    /// When there is no such directory, or `path` is the root.
    pub fn folder_of<'p>(&self, path: &'p Path) -> io::Result<(Folder, &'p OsStr)> {
        let (dir, name) = self.place(path)?;
        Ok((Folder { dir }, name))
    }

    /// Removes a file, or whatever is no directory.
    ///
    /// # Errors
    /// What the system says.
    pub fn remove_file(&self, path: &Path) -> io::Result<()> {
        let (dir, name) = self.place(path)?;
        Ok(unlinkat(dir, name, AtFlags::empty())?)
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// What the system says.
    pub fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let (dir, name) = self.place(path)?;
        Ok(unlinkat(dir, name, AtFlags::REMOVEDIR)?)
    }

    /// Makes a directory.
    ///
    /// # Errors
    /// What the system says.
    pub fn create_dir(&self, path: &Path) -> io::Result<()> {
        let (dir, name) = self.place(path)?;
        Ok(mkdirat(dir, name, DIR_MODE)?)
    }

    /// Gives `from` the name `to`.
    ///
    /// # Errors
    /// What the system says.
    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let ((old_dir, old), (new_dir, new)) = (self.place(from)?, self.place(to)?);
        Ok(renameat(old_dir, old, new_dir, new)?)
    }

    /// Sets when a file or directory was last written, in seconds since 1970.
    ///
    /// # Errors
    /// When it cannot be opened, or is not ours.
    pub fn set_modified(&self, path: &Path, seconds: i64) -> io::Result<()> {
        let fd = self.file_or_dir(path)?;
        let keep = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
        let modified = Timespec { tv_sec: seconds, tv_nsec: 0 };
        let times = Timestamps { last_access: keep, last_modification: modified };
        Ok(futimens(fd, &times)?)
    }

    /// Sets the permission bits of a file or directory, without set-uid and its kin.
    ///
    /// # Errors
    /// When it cannot be opened, or is not ours.
    pub fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        let fd = self.file_or_dir(path)?;
        Ok(fchmod(fd, Mode::from_bits_truncate((mode & 0o777) as _))?)
    }

    fn file_or_dir(&self, path: &Path) -> io::Result<OwnedFd> {
        let fd = self.open(path, READ)?;
        match Info::of(&fstat(&fd)?).kind {
            Kind::File | Kind::Dir => Ok(fd),
            _ => Err(not_regular()),
        }
    }

    /// The directory that `path` is in, and its name there.
    fn place<'p>(&self, path: &'p Path) -> io::Result<(OwnedFd, &'p OsStr)> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        Ok((self.open(parent, beneath::LOOK | OFlags::DIRECTORY)?, name))
    }

    fn open(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        beneath::open(&self.root, path, flags, Mode::empty())
    }
}

/// An open directory.
#[derive(Debug)]
pub struct Folder {
    dir: OwnedFd,
}

impl Folder {
    /// Its names, sorted, at most `n_max` of them; and whether these are all.
    ///
    /// # Errors
    /// What reading the directory reports.
    pub fn names(&self, n_max: usize) -> io::Result<(Vec<CString>, bool)> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if names.len() == n_max {
                names.sort_unstable();
                return Ok((names, false));
            }
            names.push(name.to_owned());
        }
        names.sort_unstable();
        Ok((names, true))
    }

    /// What is under a name here; a link is a link.
    ///
    /// # Errors
    /// When it has gone.
    pub fn info(&self, name: &OsStr) -> io::Result<Info> {
        Ok(Info::of(&statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    /// Where a link says it leads.
    ///
    /// # Errors
    /// When it is none.
    pub fn target(&self, name: &OsStr) -> io::Result<CString> {
        Ok(readlinkat(&self.dir, name, Vec::new())?)
    }
}

/// Opened without waiting for a FIFO's other end; if it is a file indeed, reads may wait again.
fn regular(fd: OwnedFd) -> io::Result<File> {
    match Info::of(&fstat(fd.as_fd())?).kind {
        Kind::File => Ok(fd.into()),
        Kind::Dir => Err(io::ErrorKind::IsADirectory.into()),
        _ => Err(not_regular()),
    }
}

fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")
}

/// As a path below the root, from the bytes of one that starts with a slash.
#[must_use]
pub fn below(path: &[u8]) -> &Path {
    let below = path.strip_prefix(b"/").unwrap_or(path);
    Path::new(OsStr::from_bytes(if below.is_empty() { b"." } else { below }))
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
    fn nothing_leads_out() {
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
            assert!(jail.upload(Path::new(path)).is_err() || path == "passwd", "{path}");
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
    fn a_hundred_thousand_opens_under_a_swap() {
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
