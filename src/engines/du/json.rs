//! JSON Lines output: one JSON object per line, for other programs.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use serde::Serialize;

use super::lines::LineOptions;
use super::tree::{Kind, Tree, TreeEntry};
use crate::fs::walk::Error;

/// A path in JSON. If it is not UTF-8, `path` has replacement characters and `path_bytes` has its
/// bytes.
#[derive(Serialize)]
pub(super) struct PathRecord<'a> {
    path: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<&'a [u8]>,
}

#[derive(Serialize)]
struct EntryRecord<'a> {
    #[serde(flatten)]
    path: PathRecord<'a>,
    depth: u32,
    dir: bool,
    bytes: u64,
    disk_bytes: u64,
    files: u64,
    errors: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    partial: bool,
}

#[derive(Serialize)]
struct ErrorRecord<'a> {
    #[serde(flatten)]
    path: PathRecord<'a>,
    error: String,
}

impl<'a> PathRecord<'a> {
    pub(super) fn new(path: &'a [u8]) -> Self {
        let text = String::from_utf8_lossy(path);
        let path_bytes = matches!(text, Cow::Owned(_)).then_some(path);
        PathRecord { path: text, path_bytes }
    }
}

/// Writes one JSON object per line: first one per error, then one per listed entry of the tree, in
/// the order of [`write_lines`](super::write_lines). `disk_bytes` is [`Usage::size`], so count with
/// [`Measure::Disk`].
///
/// [`Measure::Disk`]: super::Measure::Disk
/// [`Usage::size`]: super::Usage::size
///
/// # Errors
/// The errors of `out`.
pub fn write_json(
    out: &mut impl Write,
    tree: Option<&Tree>,
    errors: &[Error],
    options: &LineOptions,
) -> io::Result<()> {
    for error in errors {
        let path = PathRecord::new(error.path.as_os_str().as_bytes());
        write_record(out, &ErrorRecord { path, error: error.cause.to_string() })?;
    }
    let Some(tree) = tree else { return Ok(()) };
    let n_errors = count_by_dir(errors, tree.root());
    tree.try_for_each(|entry| {
        if !options.is_shown(entry) {
            return Ok(());
        }
        let &TreeEntry { path, depth, kind, usage } = entry;
        let errors = n_errors.get(path).copied().unwrap_or(0);
        write_record(
            out,
            &EntryRecord {
                path: PathRecord::new(path),
                depth,
                dir: kind == Kind::Dir,
                bytes: usage.n_bytes,
                disk_bytes: usage.size,
                files: usage.n_files,
                errors,
                partial: tree.is_partial(),
            },
        )
    })
}

pub(super) fn write_record(out: &mut impl Write, record: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, record)?;
    out.write_all(b"\n")
}

/// The number of errors at or below each path from the root down, for paths that have any.
fn count_by_dir<'a>(errors: &'a [Error], root: &[u8]) -> HashMap<&'a [u8], u64> {
    let mut n_errors = HashMap::new();
    for error in errors {
        let path = error.path.as_os_str().as_bytes();
        let ends = (root.len()..path.len()).filter(|end| path[*end] == b'/' || *end == root.len());
        for end in ends.chain([path.len()]) {
            *n_errors.entry(&path[..end]).or_default() += 1;
        }
    }
    n_errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_count_for_every_directory_above() {
        let errors: Vec<Error> = ["r/a/b", "r/a/c", "r/x", "r"]
            .map(|path| Error { path: path.into(), cause: io::Error::other("no") })
            .into();
        let check = |path: &str, expected: Option<u64>| {
            assert_eq!(
                count_by_dir(&errors, b"r").get(path.as_bytes()).copied(),
                expected,
                "{path}"
            );
        };
        check("r", Some(4));
        check("r/a", Some(2));
        check("r/a/b", Some(1));
        check("r/x", Some(1));
        check("r/y", None);
        let root = [Error { path: "/x/y".into(), cause: io::Error::other("no") }];
        assert_eq!(count_by_dir(&root, b"/")[&b"/"[..]], 1);
        assert_eq!(count_by_dir(&root, b"/")[&b"/x"[..]], 1);
    }

    #[test]
    fn a_path_that_is_not_utf8_keeps_its_bytes() {
        let json = |path: &[u8]| serde_json::to_string(&PathRecord::new(path)).unwrap();
        assert_eq!(json("ä\n\"".as_bytes()), r#"{"path":"ä\n\""}"#);
        assert_eq!(json(b"a\xff"), "{\"path\":\"a\u{fffd}\",\"path_bytes\":[97,255]}");
    }
}
