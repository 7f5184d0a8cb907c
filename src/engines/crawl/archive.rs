//! What a mirror remembers of its last run: each file's validators, and each page as it was sent.
//!
//! The links of a mirror's pages are rewritten, so a page that has not changed (304) is read from its
//! original. Everything is in the folder `.crawl` of the mirror: `index.jsonl`, and `originals`, which
//! are compressed and named by their hash. The index is replaced as a whole at the end of a run; what
//! an interrupted run left behind is recognised by the length and time of each file.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, Metadata};
use std::io::{self, BufRead, BufReader, Cursor, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::spool::Validators;
use crate::fs::atomic;

/// The folder of a mirror for what is not a copy. No URL's copy has this name.
const FOLDER: &str = ".crawl";
/// The version of the index.
const VERSION: u32 = 1;

/// The first line of an index.
#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    /// The options that decide which URLs are reached.
    options: String,
}

/// One file of a mirror, as it was written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) url: String,
    /// Relative to the mirror's directory.
    pub(super) path: String,
    pub(super) validators: Validators,
    pub(super) content_type: String,
    /// The hash of the body as it was sent, if its links were rewritten.
    pub(super) original: Option<String>,
    /// Length and time of the last change, in seconds and nanoseconds, of the file.
    stamp: (u64, i64, i64),
}

/// What a mirror remembers of its last run.
#[derive(Debug)]
pub struct Archive {
    dir: PathBuf,
    entries: HashMap<String, Entry>,
    options: Option<String>,
}

impl Archive {
    /// Reads what the mirror in `dir` remembers. Of a new mirror, that is nothing.
    ///
    /// # Errors
    /// When the index is there but cannot be read.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let mut archive = Archive { dir: dir.to_owned(), entries: HashMap::new(), options: None };
        let path = archive.index();
        let file = match File::open(&path) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(archive),
            file => file,
        };
        let read = file.and_then(|file| archive.read(BufReader::new(file)));
        read.map_err(|err| io::Error::new(err.kind(), format!("{}: {err}", path.display())))?;
        Ok(archive)
    }

    fn read(&mut self, index: impl BufRead) -> io::Result<()> {
        let mut lines = index.lines();
        let header: Header = serde_json::from_str(&lines.next().unwrap_or(Ok(String::new()))?)?;
        if header.version != VERSION {
            return Err(io::Error::other("written by another version; delete it to start anew"));
        }
        self.options = Some(header.options);
        for line in lines {
            let entry: Entry = serde_json::from_str(&line?)?;
            self.entries.insert(entry.url.clone(), entry);
        }
        Ok(())
    }

    fn index(&self) -> PathBuf {
        self.dir.join(FOLDER).join("index.jsonl")
    }

    fn original(&self, hash: &str) -> PathBuf {
        self.dir.join(FOLDER).join("originals").join(format!("{hash}.gz"))
    }

    /// Whether the last run had these options; true if there was none.
    pub(super) fn has_options(&self, options: &str) -> bool {
        self.options.as_ref().is_none_or(|own| own == options)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// The copy of `url`, if its file is as the last run left it.
    pub(super) fn current(&self, url: &str) -> Option<&Entry> {
        let entry = self.entries.get(url)?;
        let info = fs::symlink_metadata(self.dir.join(&entry.path)).ok()?;
        (info.is_file() && stamp(&info) == entry.stamp).then_some(entry)
    }

    /// The body of a copy as it was sent; `None` if it is damaged.
    pub(super) fn body(&self, entry: &Entry) -> Option<Box<dyn Read + Send + Sync>> {
        let Some(hash) = &entry.original else {
            return Some(Box::new(File::open(self.dir.join(&entry.path)).ok()?));
        };
        let mut body = Vec::new();
        GzDecoder::new(File::open(self.original(hash)).ok()?).read_to_end(&mut body).ok()?;
        (hash_of(&body) == *hash).then(|| Box::new(Cursor::new(body)) as _)
    }

    /// The entry of a file that was just written; `original` is its body as it was sent, if its links
    /// were rewritten.
    ///
    /// # Errors
    /// When the original cannot be saved.
    pub(super) fn entry(
        &self,
        url: &str,
        path: &str,
        validators: Validators,
        content_type: &str,
        original: Option<&[u8]>,
    ) -> io::Result<Entry> {
        Ok(Entry {
            url: url.to_owned(),
            path: path.to_owned(),
            validators,
            content_type: content_type.to_owned(),
            original: original.map(|body| self.save_original(body)).transpose()?,
            stamp: stamp(&fs::symlink_metadata(self.dir.join(path))?),
        })
    }

    fn save_original(&self, body: &[u8]) -> io::Result<String> {
        let hash = hash_of(body);
        let path = self.original(&hash);
        if !path.exists() {
            fs::create_dir_all(path.parent().unwrap_or(&self.dir))?;
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(body)?;
            atomic::write(&path, &encoder.finish()?)?;
        }
        Ok(hash)
    }

    /// Replaces the index by one of these entries, and removes originals that it does not name.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub(super) fn save(&self, options: &str, mut entries: Vec<Entry>) -> io::Result<()> {
        entries.sort_by(|a, b| a.url.cmp(&b.url));
        let mut index = Vec::new();
        let header = Header { version: VERSION, options: options.to_owned() };
        serde_json::to_writer(&mut index, &header)?;
        for entry in &entries {
            index.push(b'\n');
            serde_json::to_writer(&mut index, entry)?;
        }
        index.push(b'\n');
        let path = self.index();
        fs::create_dir_all(path.parent().unwrap_or(&self.dir))?;
        atomic::write(&path, &index)?;
        self.remove_unused(&entries);
        Ok(())
    }

    fn remove_unused(&self, entries: &[Entry]) {
        let used: HashSet<PathBuf> = entries
            .iter()
            .filter_map(|entry| Some(self.original(entry.original.as_deref()?)))
            .collect();
        let Ok(originals) = fs::read_dir(self.dir.join(FOLDER).join("originals")) else { return };
        for path in originals.flatten().map(|entry| entry.path()) {
            if !used.contains(&path) {
                _ = fs::remove_file(path); // the next run tries again
            }
        }
    }
}

fn stamp(info: &Metadata) -> (u64, i64, i64) {
    (info.len(), info.mtime(), info.mtime_nsec())
}

fn hash_of(body: &[u8]) -> String {
    use std::fmt::Write;
    digest(&SHA256, body).as_ref().iter().fold(String::new(), |mut text, byte| {
        _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        text
    })
}
