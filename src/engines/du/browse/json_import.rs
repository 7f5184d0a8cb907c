//! Reads du's JSON lines, in which the entries of a directory come before the directory.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::BufRead;
use std::mem;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::record::{NONE, NodeKind, Record};
use super::saved::{ImportError, SavedScan};
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
    sum: Sizes,
    /// The size of the directory itself, if the sum includes subdirectories, and if it does not.
    own: Sizes,
    own_if_separate: Sizes,
}

#[derive(Clone, Copy, Default)]
struct Sizes {
    bytes: u64,
    disk_bytes: u64,
}

impl Sizes {
    fn add(&mut self, other: Sizes) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.disk_bytes = self.disk_bytes.saturating_add(other.disk_bytes);
    }

    fn without(self, other: Sizes) -> Self {
        let bytes = self.bytes.saturating_sub(other.bytes);
        Sizes { bytes, disk_bytes: self.disk_bytes.saturating_sub(other.disk_bytes) }
    }
}

/// All entries, and those whose directories are still to come, by their depth.
#[derive(Default)]
struct Entries {
    all: Vec<Entry>,
    waiting: BTreeMap<u32, Vec<usize>>,
    n_dirs: u32,
    /// Whether a sum is smaller than those of its entries, and so does not include subdirectories.
    is_separate: bool,
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
    /// the sum, without its entries or, after `du -S`, without those that are no directories.
    fn adopt(&mut self, entry: &mut Entry, line: &Line) {
        let below = self.waiting.split_off(&line.depth.saturating_add(1));
        let (mut all, mut files) = (Sizes::default(), Sizes::default());
        for index in below.into_values().flatten() {
            let child = &mut self.all[index];
            child.record.parent = entry.record.dir;
            all.add(child.sum);
            if child.record.kind != NodeKind::Dir {
                files.add(child.sum);
            }
        }
        if let (Some(bytes), Some(disk_bytes)) = (line.own_bytes, line.own_disk_bytes) {
            let own = Sizes { bytes, disk_bytes };
            (entry.own, entry.own_if_separate) = (own, own);
            return;
        }
        self.is_separate |= entry.sum.disk_bytes < all.disk_bytes || entry.sum.bytes < all.bytes;
        entry.own = entry.sum.without(all);
        entry.own_if_separate = entry.sum.without(files);
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
            let own = if self.is_separate { entry.own_if_separate } else { entry.own };
            let (n_bytes, n_blocks) = (own.bytes, own.disk_bytes.div_ceil(512));
            let record = Record { parent, dir: id(dir), n_bytes, n_blocks, ..entry.record };
            scan.push(record, &entry.name);
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
            mtime: line.mtime,
            ..Record::new(NONE, kind)
        };
        let sum = Sizes { bytes: line.bytes, disk_bytes: line.disk_bytes };
        Entry { record, name, sum, own: sum, own_if_separate: sum }
    }
}
