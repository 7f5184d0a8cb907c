//! Lines of JSON, for programs.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use serde::Serialize;

use super::lines::Lines;
use super::tree::{Kind, Line, Tree};
use crate::fs::walk::Error;

/// A path in JSON. One that is not UTF-8 has replacement characters there, and its bytes besides.
#[derive(Serialize)]
struct PathRecord<'a> {
    path: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<&'a [u8]>,
}

#[derive(Serialize)]
struct LineRecord<'a> {
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
    fn new(path: &'a [u8]) -> Self {
        let text = String::from_utf8_lossy(path);
        let path_bytes = matches!(text, Cow::Owned(_)).then_some(path);
        PathRecord { path: text, path_bytes }
    }
}

/// Writes an object a line: first for every error, then for everything that the tree tells apart,
/// sorted as [`write_lines`](super::write_lines) does. Sizes are what [`Measure::Disk`] counts.
///
/// [`Measure::Disk`]: super::Measure::Disk
///
/// # Errors
/// Those of `out`.
pub fn write_json(
    out: &mut impl Write,
    tree: Option<&Tree>,
    errors: &[Error],
    lines: &Lines,
) -> io::Result<()> {
    for error in errors {
        let path = PathRecord::new(error.path.as_os_str().as_bytes());
        write(out, &ErrorRecord { path, error: error.cause.to_string() })?;
    }
    let Some(tree) = tree else { return Ok(()) };
    let n_errors = below(errors, tree.root());
    tree.lines(|line| {
        if !lines.is_shown(line) {
            return Ok(());
        }
        let &Line { path, depth, kind, sum } = line;
        let errors = n_errors.get(path).copied().unwrap_or(0);
        write(
            out,
            &LineRecord {
                path: PathRecord::new(path),
                depth,
                dir: kind == Kind::Dir,
                bytes: sum.n_bytes,
                disk_bytes: sum.size,
                files: sum.n_files,
                errors,
                partial: tree.is_partial(),
            },
        )
    })
}

fn write(out: &mut impl Write, record: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, record)?;
    out.write_all(b"\n")
}

/// How many of the errors are in each directory, at any depth; only where there are any.
fn below<'a>(errors: &'a [Error], root: &[u8]) -> HashMap<&'a [u8], u64> {
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
            assert_eq!(below(&errors, b"r").get(path.as_bytes()).copied(), expected, "{path}");
        };
        check("r", Some(4));
        check("r/a", Some(2));
        check("r/a/b", Some(1));
        check("r/x", Some(1));
        check("r/y", None);
        let root = [Error { path: "/x/y".into(), cause: io::Error::other("no") }];
        assert_eq!(below(&root, b"/")[&b"/"[..]], 1);
        assert_eq!(below(&root, b"/")[&b"/x"[..]], 1);
    }

    #[test]
    fn a_path_that_is_no_text_survives() {
        let json = |path: &[u8]| serde_json::to_string(&PathRecord::new(path)).unwrap();
        assert_eq!(json("ä\n\"".as_bytes()), r#"{"path":"ä\n\""}"#);
        assert_eq!(json(b"a\xff"), "{\"path\":\"a\u{fffd}\",\"path_bytes\":[97,255]}");
    }
}
