//! Files, not directories, on which others are mounted (`mount --bind file file`).

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::meta::{FileId, Meta};

/// The identities of all files that are mounted onto another file: with one hard link each, they can
/// be reached by several paths. Without `/proc`, none.
pub fn mounted_files() -> impl Iterator<Item = FileId> {
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let points: Vec<PathBuf> = table.split(|byte| *byte == b'\n').filter_map(mount_point).collect();
    let metas = points.into_iter().filter_map(|path| Meta::read(&path, false).ok());
    metas.filter(|meta| !meta.is_dir).map(|meta| meta.file_id())
}

/// The mount point in a line of the table, unless the root of a file system is mounted there, which
/// is a directory (proc(5): field 4 is what is mounted, field 5 where).
fn mount_point(line: &[u8]) -> Option<PathBuf> {
    let mut fields = line.split(|byte| *byte == b' ').skip(3);
    let (mounted, point) = (fields.next()?, fields.next()?);
    (mounted != b"/").then(|| OsString::from_vec(unescaped(point)).into())
}

/// Replaces `\040` and the other octal escapes of the table by their bytes.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), field);
    while let [first, tail @ ..] = rest {
        let octal = tail.get(..3).filter(|_| *first == b'\\');
        let code = octal.and_then(|digits| std::str::from_utf8(digits).ok());
        let code = code.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[3..] } else { tail };
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_mounts_is_parsed() {
        let line = |mounted: &str, point: &str| {
            let line = format!("36 35 98:0 {mounted} {point} rw shared:1 - ext4 /dev/sda rw");
            mount_point(line.as_bytes())
        };
        assert_eq!(line("/", "/mnt"), None);
        assert_eq!(line("/a", "/mnt"), Some("/mnt".into()));
        assert_eq!(line("/a", "/m\\040n\\134t\\"), Some("/m n\\t\\".into()));
        assert_eq!(mount_point(b""), None);
    }
}
