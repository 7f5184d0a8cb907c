//! Writes scans: du's JSON lines, and the export that ncdu reads.

use std::io::{self, Write};

use serde::Serialize;

use super::node::{Attributes, FAILED};
use super::record::NodeKind;
use super::store::{ROOT, Store};
use crate::engines::du::json::{PathRecord, write_record};

/// A format for scans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// The lines of `du -a --json` with every link of a file, and with its inode and time.
    Json,
    /// The export of ncdu, version 1.2.
    Ncdu,
}

/// A line of JSON. A directory has its own size besides the sum.
#[derive(Serialize)]
struct EntryRecord<'a> {
    #[serde(flatten)]
    path: PathRecord<'a>,
    depth: usize,
    dir: bool,
    bytes: u64,
    disk_bytes: u64,
    files: u64,
    errors: u32,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    partial: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    own_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    own_disk_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mtime: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dev: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ino: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    links: Option<u32>,
}

/// A directory that is being written.
struct Level {
    node: u32,
    /// The entries still to come, from the last to the first.
    entries: Vec<u32>,
    path_len: usize,
    n_files: u64,
}

impl Level {
    fn new(store: &Store, node: u32, path_len: usize) -> Self {
        let dir = store.dir(node).expect("it is a directory");
        let mut entries: Vec<u32> = store.children(dir).collect();
        entries.sort_unstable_by(|a, b| store.name(*b).cmp(store.name(*a)));
        Level { node, entries, path_len, n_files: 0 }
    }
}

/// Writes JSON lines, the entries of a directory before the directory.
pub(super) fn write_json(out: &mut impl Write, store: &Store, is_partial: bool) -> io::Result<()> {
    let root = store.dir_node(ROOT);
    let mut path = store.name(root).to_vec();
    let mut levels = vec![Level::new(store, root, path.len())];
    while let Some(level) = levels.last_mut() {
        path.truncate(level.path_len);
        let Some(node) = level.entries.pop() else {
            let (node, n_files) = (level.node, level.n_files);
            levels.pop();
            let depth = levels.len();
            write_record(out, &entry(store, node, &path, depth, n_files, is_partial))?;
            if let Some(parent) = levels.last_mut() {
                parent.n_files += n_files;
            }
            continue;
        };
        if !matches!(path.last(), None | Some(b'/')) {
            path.push(b'/');
        }
        path.extend_from_slice(store.name(node));
        if store.dir(node).is_some() {
            levels.push(Level::new(store, node, path.len()));
        } else {
            level.n_files += 1;
            let depth = levels.len();
            write_record(out, &entry(store, node, &path, depth, 1, is_partial))?;
        }
    }
    Ok(())
}

fn entry<'a>(
    store: &Store,
    node: u32,
    path: &'a [u8],
    depth: usize,
    files: u64,
    partial: bool,
) -> EntryRecord<'a> {
    let Attributes { kind, id, n_bytes, n_blocks, mtime } = store.attributes(node);
    let (sums, dir) = (store.sums(node), kind == NodeKind::Dir);
    EntryRecord {
        path: PathRecord::new(path),
        depth,
        dir,
        bytes: sums.n_bytes,
        disk_bytes: sums.disk_bytes(),
        files,
        errors: sums.n_errors,
        partial,
        own_bytes: dir.then_some(n_bytes),
        own_disk_bytes: dir.then_some(n_blocks.saturating_mul(512)),
        kind: match kind {
            NodeKind::Dir | NodeKind::File => None,
            NodeKind::Special => Some("special"),
            NodeKind::OtherDevice => Some("other_device"),
            NodeKind::Excluded => Some("excluded"),
            NodeKind::Unreadable => Some("unreadable"),
        },
        mtime,
        dev: (id != (0, 0)).then_some(id.0),
        ino: (id != (0, 0)).then_some(id.1),
        links: store.link_group(node).map(|(_, n_links)| n_links),
    }
}

/// Writes an export of ncdu; `timestamp` is the time of the scan in seconds since 1970.
///
/// Source: <https://dev.yorhel.nl/ncdu/jsonfmt>.
pub(super) fn write_ncdu(out: &mut impl Write, store: &Store, timestamp: u64) -> io::Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    write!(out, "[1,2,{{\"progname\":\"threadbare du\",\"progver\":\"{version}\",")?;
    write!(out, "\"timestamp\":{timestamp}}}")?;
    let root = store.dir_node(ROOT);
    write!(out, ",\n[")?;
    write_item(out, store, root, None)?;
    let mut levels = vec![Level::new(store, root, 0)];
    while let Some(level) = levels.last_mut() {
        let Some(node) = level.entries.pop() else {
            write!(out, "]")?;
            levels.pop();
            continue;
        };
        let is_dir = store.dir(node).is_some();
        write!(out, ",\n{}", if is_dir { "[" } else { "" })?;
        write_item(out, store, node, Some(level.node))?;
        if is_dir {
            levels.push(Level::new(store, node, 0));
        }
    }
    writeln!(out, "]")
}

/// Writes a file, or a directory without its entries. The device is that of the directory around it
/// unless it says otherwise.
fn write_item(
    out: &mut impl Write,
    store: &Store,
    node: u32,
    parent: Option<u32>,
) -> io::Result<()> {
    let Attributes { kind, id, n_bytes, n_blocks, mtime } = store.attributes(node);
    write!(out, "{{\"name\":\"")?;
    write_name(out, store.name(node))?;
    write!(out, "\"")?;
    let mut field = |name: &str, n: u64| match n {
        0 => Ok(()),
        n => write!(out, ",\"{name}\":{n}"),
    };
    field("asize", n_bytes)?;
    field("dsize", n_blocks.saturating_mul(512))?;
    if parent.is_none_or(|parent| store.attributes(parent).id.0 != id.0) {
        field("dev", id.0)?;
    }
    field("ino", id.1)?;
    if let Some((_, n_links)) = store.link_group(node) {
        write!(out, ",\"hlnkc\":true,\"nlink\":{n_links}")?;
    }
    if let Some(mtime) = mtime {
        write!(out, ",\"mtime\":{mtime}")?;
    }
    let remark = match kind {
        NodeKind::Special => ",\"notreg\":true",
        NodeKind::OtherDevice => ",\"excluded\":\"otherfs\"",
        NodeKind::Excluded => ",\"excluded\":\"pattern\"",
        _ if kind == NodeKind::Unreadable || store.has(node, FAILED) => ",\"read_error\":true",
        _ => "",
    };
    write!(out, "{remark}}}")
}

/// Writes a name as a JSON string. As in ncdu's exports, bytes that are not UTF-8 stand for
/// themselves.
fn write_name(out: &mut impl Write, name: &[u8]) -> io::Result<()> {
    for byte in name {
        match byte {
            b'"' | b'\\' => out.write_all(&[b'\\', *byte])?,
            0..0x20 | 0x7f => write!(out, "\\u{byte:04x}")?,
            _ => out.write_all(&[*byte])?,
        }
    }
    Ok(())
}
