//! Counts a tree on one thread with the necessary system calls only: one openat per directory,
//! getdents64, and one statx per name.

use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, StatxFlags, openat, statx};

const DIR: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const FIELDS: StatxFlags = StatxFlags::TYPE.union(StatxFlags::BLOCKS);

/// Returns the number of files below `root` and the disk space of files and directories in bytes.
/// A file counts once for each of its hard links.
pub(crate) fn count(root: &Path) -> io::Result<(u64, u64)> {
    let stat = statx(CWD, root, AtFlags::SYMLINK_NOFOLLOW, FIELDS)?;
    let mut sum = (0, stat.stx_blocks * 512);
    let mut buffer = Vec::with_capacity(64 << 10);
    walk(&openat(CWD, root, DIR, Mode::empty())?, &mut buffer, &mut sum)?;
    Ok(sum)
}

fn walk(dir: &OwnedFd, buffer: &mut Vec<u8>, sum: &mut (u64, u64)) -> io::Result<()> {
    let mut subdirs: Vec<CString> = Vec::new();
    let mut entries = RawDir::new(dir, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let stat = statx(dir, name, AtFlags::SYMLINK_NOFOLLOW, FIELDS)?;
        sum.1 += stat.stx_blocks * 512;
        if FileType::from_raw_mode(stat.stx_mode.into()).is_dir() {
            subdirs.push(name.to_owned());
        } else {
            sum.0 += 1;
        }
    }
    for name in subdirs {
        walk(&openat(dir, name, DIR | OFlags::NOFOLLOW, Mode::empty())?, buffer, sum)?;
    }
    Ok(())
}
