//! The metadata of a file, as far as a walk needs it.

#[cfg(target_os = "linux")]
use std::ffi::CStr;
use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::AsFd;
use std::path::Path;

#[cfg(target_os = "linux")]
use rustix::fs::{AtFlags, CWD, FileType, Statx, StatxAttributes, StatxFlags, makedev, statx};

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
    /// When the contents were last changed, in seconds since 1970.
    pub mtime: i64,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Whether it is a regular file.
    pub is_regular: bool,
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
        use std::os::unix::fs::MetadataExt;

        let meta = if follow { fs::metadata(path) } else { fs::symlink_metadata(path) }?;
        Ok(Meta {
            dev: meta.dev(),
            ino: meta.ino(),
            n_links: meta.nlink(),
            n_bytes: if meta.is_file() || meta.is_symlink() { meta.size() } else { 0 },
            n_blocks: meta.blocks(),
            mtime: meta.mtime(),
            is_dir: meta.is_dir(),
            is_regular: meta.is_file(),
            is_mount_root: None,
        })
    }

    /// Reads the metadata of an open file or directory.
    ///
    /// # Errors
    /// The error of `statx`.
    #[cfg(target_os = "linux")]
    pub fn read_open(file: impl AsFd) -> rustix::io::Result<Self> {
        statx(file, "", AtFlags::EMPTY_PATH, FIELDS).map(|stat| Meta::from_statx(&stat))
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
            mtime: stat.stx_mtime.tv_sec,
            is_dir: file_type.is_dir(),
            is_regular: file_type.is_file(),
            is_mount_root: is_known.then(|| stat.stx_attributes.contains(mount_root)),
        }
    }

    /// The identity of the file, whatever its name.
    pub fn file_id(&self) -> FileId {
        (self.dev, self.ino)
    }
}
