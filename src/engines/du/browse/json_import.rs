//! Reads du's JSON lines, in which the entries of a directory come before the directory.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::BufRead;
use std::mem;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::import::{ImportError, SavedScan};
use super::node::NONE;
use super::record::{NodeKind, Record};
use super::store::ROOT;

/// A line: an entry, or a path that could not be read.
#[derive(serde::Deserialize)]
struct Line {
    path: String,
    path_bytes: Option<Vec<u8>>,
    error: Option<String>,
    #[serde(default)]
    depth: u32,
    #[serde(default)]
    dir: bool,
    #[serde(default)]
    bytes: u64,
    #[serde(default)]
    disk_bytes: u64,
    #[serde(default)]
    partial: bool,
    // What du browse writes besides:
    own_bytes: Option<u64>,
    own_disk_bytes: Option<u64>,
    kind: Option<String>,
    mtime: Option<i64>,
    dev: Option<u64>,
    ino: Option<u64>,
    links: Option<u32>,
}

/// An entry whose directory is not known yet, or known by its number.
struct Entry {
    record: Record,
    name: Vec<u8>,
    bytes: u64,
    disk_bytes: u64,
}

/// All entries, and those whose directories are still to come, by their depth.
#[derive(Default)]
struct Entries {
    all: Vec<Entry>,
    waiting: BTreeMap<u32, Vec<usize>>,
    n_dirs: u32,
}

/// Reads a scan.
pub(super) fn read(mut input: impl BufRead) -> Result<SavedScan, ImportError> {
    let (mut scan, mut entries) = (SavedScan::default(), Entries::default());
    let (mut text, mut n_lines) = (Vec::new(), 0);
    let mut failed = Vec::new();
    loop {
        text.clear();
        n_lines += 1;
        let len = input.read_until(b'\n', &mut text).map_err(|err| ImportError::new(0, err))?;
        if len == 0 {
            break;
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        let mut line: Line =
            serde_json::from_slice(&text).map_err(|err| ImportError::new(n_lines, err))?;
        scan.is_partial |= line.partial;
        match line.error {
            Some(_) => failed.push(PathBuf::from(OsString::from_vec(path(&mut line)))),
            None => entries.push(line),
        }
    }
    scan.n_errors = failed.len() as u64;
    entries.fill(&mut scan)?;
    for path in failed {
        scan.store.mark_failed(&path);
    }
    Ok(scan)
}

/// The path of a line, in bytes.
fn path(line: &mut Line) -> Vec<u8> {
    line.path_bytes.take().unwrap_or_else(|| mem::take(&mut line.path).into_bytes())
}

impl Entries {
    /// Adds an entry. The entries below a directory wait for it, and it becomes their parent.
    fn push(&mut self, mut line: Line) {
        let path = path(&mut line);
        let name = match path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) if line.depth > 0 => path[slash + 1..].to_vec(),
            _ => path,
        };
        let mut entry = Entry::new(&line, name);
        if line.dir {
            entry.record.dir = self.n_dirs;
            self.n_dirs += 1;
            self.adopt(&mut entry, &line);
        }
        self.waiting.entry(line.depth).or_default().push(self.all.len());
        self.all.push(entry);
    }

    /// Makes a directory the parent of what waits below its depth. Its own size is what remains of
    /// the sum; if that is less than its entries take, the sums of subdirectories are not in it.
    fn adopt(&mut self, entry: &mut Entry, line: &Line) {
        let below = self.waiting.split_off(&line.depth.saturating_add(1));
        let (mut all, mut files) = ((0u64, 0u64), (0u64, 0u64));
        let add = |sums: &mut (u64, u64), entry: &Entry| {
            sums.0 = sums.0.saturating_add(entry.bytes);
            sums.1 = sums.1.saturating_add(entry.disk_bytes);
        };
        for index in below.into_values().flatten() {
            let child = &mut self.all[index];
            child.record.parent = entry.record.dir;
            add(&mut all, child);
            if child.record.kind != NodeKind::Dir {
                add(&mut files, child);
            }
        }
        let rest = |sum: u64, all: u64, files: u64| {
            sum.checked_sub(all).unwrap_or_else(|| sum.saturating_sub(files))
        };
        let own = line.own_bytes.unwrap_or_else(|| rest(line.bytes, all.0, files.0));
        let disk = line.own_disk_bytes.unwrap_or_else(|| rest(line.disk_bytes, all.1, files.1));
        (entry.record.n_bytes, entry.record.n_blocks) = (own, disk.div_ceil(512));
    }

    /// Moves all entries into the scan. Several roots get a directory without a name around them.
    fn fill(mut self, scan: &mut SavedScan) -> Result<(), ImportError> {
        let roots: Vec<usize> = mem::take(&mut self.waiting).into_values().flatten().collect();
        let has_one = matches!(roots[..], [root] if self.all[root].record.dir != NONE);
        let n_around = u32::from(!has_one);
        if roots.is_empty() {
            return Err(ImportError::new(0, "it has no entries"));
        }
        if !has_one {
            scan.push(Record { dir: ROOT, ..Record::new(NONE, NodeKind::Dir) }, b"");
        }
        // The last directory is a root; ids of directories are smaller than those in them.
        let id = |dir: u32| if dir == NONE { NONE } else { n_around + self.n_dirs - 1 - dir };
        for entry in self.all.iter().rev() {
            let Record { parent, dir, .. } = entry.record;
            let parent = if parent == NONE && !has_one { ROOT } else { id(parent) };
            scan.push(Record { parent, dir: id(dir), ..entry.record }, &entry.name);
        }
        scan.flush();
        Ok(())
    }
}

impl Entry {
    fn new(line: &Line, name: Vec<u8>) -> Self {
        let kind = match line.kind.as_deref() {
            _ if line.dir => NodeKind::Dir,
            Some("special") => NodeKind::Special,
            Some("other_device") => NodeKind::OtherDevice,
            Some("excluded") => NodeKind::Excluded,
            Some("unreadable") => NodeKind::Unreadable,
            _ => NodeKind::File,
        };
        let id = (line.dev.unwrap_or(0), line.ino.unwrap_or(0));
        let record = Record {
            n_links: if line.ino.is_some() { line.links.unwrap_or(1) } else { 1 },
            id,
            n_bytes: line.bytes,
            n_blocks: line.disk_bytes.div_ceil(512),
            mtime: line.mtime,
            ..Record::new(NONE, kind)
        };
        Entry { record, name, bytes: line.bytes, disk_bytes: line.disk_bytes }
    }
}
