//! The metadata of a file, as far as a walk needs it.

use std::ffi::CStr;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

#[cfg(target_os = "linux")]
use rustix::fs::{
    AtFlags, CWD, FileType, Statx, StatxAttributes, StatxFlags, StatxTimestamp, makedev, statx,
};

use super::file_kind::FileKind;
use super::times::{Time, Times};

/// Device and inode number: equal for two names of one file.
pub type FileId = (u64, u64);

/// The metadata that every backend reads for an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The device that the file is on.
    pub dev: u64,
    /// Its inode number on that device.
    pub ino: u64,
    /// Number of hard links (names) to the file.
    pub n_links: u64,
    /// Length in bytes of a regular file or symbolic link; 0 for anything else, whose length says
    /// nothing about its contents.
    pub n_bytes: u64,
    /// Allocated disk space in blocks of 512 bytes.
    pub n_blocks: u64,
    /// All times, with nanoseconds.
    pub times: Times,
    /// What it is.
    pub kind: FileKind,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Whether something is mounted there; `None` if the system does not say, or if a symbolic link
    /// was followed.
    pub is_mount_root: Option<bool>,
}

#[cfg(target_os = "linux")]
const FIELDS: StatxFlags = StatxFlags::TYPE
    .union(StatxFlags::NLINK)
    .union(StatxFlags::INO)
    .union(StatxFlags::SIZE)
    .union(StatxFlags::MTIME)
    .union(StatxFlags::ATIME)
    .union(StatxFlags::CTIME)
    .union(StatxFlags::BLOCKS);

impl Meta {
    /// Reads the metadata of `path`; of a symbolic link its own, or its target's if `follow`.
    ///
    /// # Errors
    /// The error of `statx`, or of `lstat` or `stat` where there is none.
    #[cfg(target_os = "linux")]
    pub fn read(path: &Path, follow: bool) -> io::Result<Self> {
        let link = if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        let stat = statx(CWD, path, link | AtFlags::NO_AUTOMOUNT, FIELDS)?;
        let meta = Meta::from_statx(&stat);
        Ok(Meta { is_mount_root: meta.is_mount_root.filter(|_| !follow), ..meta })
    }

    #[cfg(not(target_os = "linux"))]
    pub fn read(path: &Path, follow: bool) -> io::Result<Self> {
        use std::fs;

        let meta = if follow { fs::metadata(path) } else { fs::symlink_metadata(path) }?;
        Ok(Meta::from_std(&meta))
    }

    /// Reads the metadata of an open file or directory.
    ///
    /// # Errors
    /// The error of `statx`.
    #[cfg(target_os = "linux")]
    pub fn read_open(file: impl AsFd) -> io::Result<Self> {
        Ok(Meta::from_statx(&statx(file, "", AtFlags::EMPTY_PATH, FIELDS)?))
    }

    #[cfg(not(target_os = "linux"))]
    pub fn read_open(file: impl AsFd) -> io::Result<Self> {
        let file = std::fs::File::from(file.as_fd().try_clone_to_owned()?);
        Ok(Meta::from_std(&file.metadata()?))
    }

    /// Reads the metadata of `name` in an open directory; of a symbolic link its own.
    ///
    /// # Errors
    /// The error of `statx`.
    #[cfg(target_os = "linux")]
    pub fn read_at(dir: impl AsFd, name: &CStr) -> rustix::io::Result<Self> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        statx(dir, name, flags, FIELDS).map(|stat| Meta::from_statx(&stat))
    }

    /// Without all times and the kind of a special file, which no caller reads there.
    #[cfg(not(target_os = "linux"))]
    #[allow(clippy::cast_sign_loss, clippy::cast_lossless, reason = "types differ between systems")]
    pub fn read_at(dir: impl AsFd, name: &CStr) -> rustix::io::Result<Self> {
        let stat = rustix::fs::statat(dir, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW)?;
        let is_dir = rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir();
        Ok(Meta {
            dev: stat.st_dev as u64,
            ino: stat.st_ino as u64,
            n_links: stat.st_nlink as u64,
            n_bytes: stat.st_size as u64,
            n_blocks: stat.st_blocks as u64,
            times: Times { modified: Time::EPOCH, accessed: Time::EPOCH, changed: Time::EPOCH },
            kind: if is_dir { FileKind::Dir } else { FileKind::Regular },
            is_dir,
            is_mount_root: None,
        })
    }

    #[cfg(not(target_os = "linux"))]
    fn from_std(meta: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;

        Meta {
            dev: meta.dev(),
            ino: meta.ino(),
            n_links: meta.nlink(),
            n_bytes: if meta.is_file() || meta.is_symlink() { meta.size() } else { 0 },
            n_blocks: meta.blocks(),
            times: times(meta),
            kind: kind(meta.file_type()),
            is_dir: meta.is_dir(),
            is_mount_root: None,
        }
    }

    #[cfg(target_os = "linux")]
    fn from_statx(stat: &Statx) -> Self {
        let mount_root = StatxAttributes::MOUNT_ROOT; // known since Linux 5.8
        let is_known = stat.stx_attributes_mask.contains(mount_root);
        let file_type = FileType::from_raw_mode(stat.stx_mode.into());
        let has_length = matches!(file_type, FileType::RegularFile | FileType::Symlink);
        Meta {
            dev: makedev(stat.stx_dev_major, stat.stx_dev_minor),
            ino: stat.stx_ino,
            n_links: stat.stx_nlink.into(),
            n_bytes: if has_length { stat.stx_size } else { 0 },
            n_blocks: stat.stx_blocks,
            times: Times {
                modified: time(stat.stx_mtime),
                accessed: time(stat.stx_atime),
                changed: time(stat.stx_ctime),
            },
            kind: kind(file_type),
            is_dir: file_type.is_dir(),
            is_mount_root: is_known.then(|| stat.stx_attributes.contains(mount_root)),
        }
    }

    /// The identity of the file, whatever its name.
    pub fn file_id(&self) -> FileId {
        (self.dev, self.ino)
    }
}

#[cfg(target_os = "linux")]
fn time(time: StatxTimestamp) -> Time {
    Time { secs: time.tv_sec, nanos: time.tv_nsec }
}

#[cfg(target_os = "linux")]
fn kind(file_type: FileType) -> FileKind {
    match file_type {
        FileType::Directory => FileKind::Dir,
        FileType::RegularFile => FileKind::Regular,
        FileType::Symlink => FileKind::Symlink,
        FileType::Fifo => FileKind::Fifo,
        FileType::Socket => FileKind::Socket,
        FileType::BlockDevice => FileKind::BlockDevice,
        FileType::CharacterDevice | FileType::Unknown => FileKind::CharDevice,
    }
}

#[cfg(not(target_os = "linux"))]
fn times(meta: &std::fs::Metadata) -> Times {
    use std::os::unix::fs::MetadataExt;

    let time = |secs, nanos: i64| Time { secs, nanos: u32::try_from(nanos).unwrap_or(0) };
    Times {
        modified: time(meta.mtime(), meta.mtime_nsec()),
        accessed: time(meta.atime(), meta.atime_nsec()),
        changed: time(meta.ctime(), meta.ctime_nsec()),
    }
}

#[cfg(not(target_os = "linux"))]
fn kind(file_type: std::fs::FileType) -> FileKind {
    use std::os::unix::fs::FileTypeExt;

    match () {
        () if file_type.is_dir() => FileKind::Dir,
        () if file_type.is_file() => FileKind::Regular,
        () if file_type.is_symlink() => FileKind::Symlink,
        () if file_type.is_fifo() => FileKind::Fifo,
        () if file_type.is_socket() => FileKind::Socket,
        () if file_type.is_block_device() => FileKind::BlockDevice,
        () => FileKind::CharDevice,
    }
}
