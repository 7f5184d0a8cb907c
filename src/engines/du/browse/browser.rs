//! The state of the browser: the scan, the directory that is shown, and what has been marked.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::delete::DeleteEvent;
use super::export::{ExportFormat, write_json, write_ncdu};
use super::list::{ListOptions, SortKey, list, position};
use super::node::REMOVED;
use super::plan::DeletePlan;
use super::saved::SavedScan;
use super::scan::{ScanEvent, ScanTarget};
use super::store::{ROOT, Store};
use crate::engines::du::time_style::TimeStyle;
use crate::fs::walk::Error;
use crate::machine::locale::NumberFormat;

/// Adding up and sorting take at most this part of the time, so that a large scan is not slowed down.
const REFRESH_SHARE: u32 = 20;

/// How the browser starts and what it shows.
#[derive(Clone, Debug, Default)]
pub struct BrowserOptions {
    /// Whether sizes are lengths instead of disk space.
    pub is_apparent: bool,
    /// Whether deleting is refused.
    pub is_read_only: bool,
    /// How numbers are written.
    pub numbers: NumberFormat,
    /// How times are written; without it, as ages.
    pub time_style: Option<TimeStyle>,
    /// Whether to emit colour escape sequences.
    pub is_colored: bool,
}

/// What the browser is doing besides waiting for keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    Idle,
    Scanning,
    /// Number of files deleted and kept so far.
    Deleting(u64, u64),
}

/// What is on the screen.
#[derive(Debug)]
pub(super) enum Mode {
    List,
    /// The text of the filter is being typed; it was this before.
    Filter(String),
    /// The question before deleting.
    Confirm(DeletePlan),
    Help,
    Info,
    Errors,
}

/// A scan being browsed.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a state of its own")]
pub struct Browser {
    pub(super) options: BrowserOptions,
    pub(super) store: Store,
    root: PathBuf,
    /// Whether the scan was read from a file.
    pub(super) is_saved: bool,
    /// The directory that is shown.
    pub(super) dir: u32,
    pub(super) list_options: ListOptions,
    /// The entries of the list.
    pub(super) rows: Vec<u32>,
    pub(super) selected: usize,
    /// Whether the selection was moved, and so follows its entry.
    pub(super) has_moved: bool,
    /// The first row or line on the screen, and how many there is room for.
    pub(super) top: usize,
    pub(super) n_visible: usize,
    pub(super) marks: BTreeSet<u32>,
    pub(super) mode: Mode,
    pub(super) activity: Activity,
    pub(super) message: String,
    /// Files and directories that could not be read or deleted.
    pub(super) errors: Vec<Error>,
    /// Errors of the current scan start here.
    first_new_error: usize,
    /// Errors of a scan that was saved, whose causes are not known.
    pub(super) n_saved_errors: u64,
    pub(super) is_partial: bool,
    /// Whether files were added or removed since the last refresh.
    is_stale: bool,
    refresh_at: Instant,
}

impl Browser {
    /// A browser for a scan of `root` that is about to start.
    pub fn new(root: &Path, options: BrowserOptions) -> Self {
        let list_options = ListOptions {
            sort: SortKey::Size,
            is_reversed: false,
            dirs_first: false,
            is_apparent: options.is_apparent,
            filter: String::new(),
        };
        Browser {
            options,
            store: Store::default(),
            root: root.to_owned(),
            is_saved: false,
            dir: ROOT,
            list_options,
            rows: Vec::new(),
            selected: 0,
            has_moved: false,
            top: 0,
            n_visible: 1,
            marks: BTreeSet::new(),
            mode: Mode::List,
            activity: Activity::Scanning,
            message: String::new(),
            errors: Vec::new(),
            first_new_error: 0,
            n_saved_errors: 0,
            is_partial: false,
            is_stale: false,
            refresh_at: Instant::now(),
        }
    }

    /// A browser for a scan that was read. Nothing can be deleted in it.
    pub fn open(scan: SavedScan, options: BrowserOptions) -> Self {
        let mut browser = Browser::new(Path::new(""), options);
        browser.is_saved = true;
        browser.activity = Activity::Idle;
        browser.store = scan.store;
        browser.n_saved_errors = scan.n_errors;
        browser.is_partial = scan.is_partial;
        browser.refresh();
        browser
    }

    /// Whether a scan or a deletion is running, so that the screen has to be drawn again and again.
    pub fn is_busy(&self) -> bool {
        self.activity != Activity::Idle
    }

    /// Number of files and directories that could not be read or deleted.
    pub fn n_errors(&self) -> u64 {
        self.errors.len() as u64 + self.n_saved_errors
    }

    /// Whether the scan does not contain everything that it should.
    pub fn is_partial(&self) -> bool {
        self.is_partial || self.activity == Activity::Scanning
    }

    /// Adds what a scan has sent. Returns whether that is the first of it, or the end.
    pub fn handle_scan(&mut self, event: ScanEvent) -> bool {
        self.is_stale = true;
        match event {
            ScanEvent::Batch(batch) => {
                let is_first = !self.store.has_root();
                self.store.apply(&batch);
                is_first
            }
            ScanEvent::Failed(error) => {
                self.errors.push(error);
                false
            }
            ScanEvent::Done(is_complete) => {
                for error in &self.errors[self.first_new_error..] {
                    self.store.mark_failed(&error.path);
                }
                self.activity = Activity::Idle;
                self.is_partial |= !is_complete;
                if self.store.n_dropped() > 0 {
                    self.is_partial = true;
                    "the scan is not complete: too many files".clone_into(&mut self.message);
                }
                true
            }
        }
    }

    /// Takes out what a deletion has removed, and lists what it has kept.
    pub fn handle_delete(&mut self, event: DeleteEvent) {
        self.is_stale = true;
        let (mut n_removed, mut n_kept) = match self.activity {
            Activity::Deleting(n_removed, n_kept) => (n_removed, n_kept),
            _ => (0, 0),
        };
        match event {
            DeleteEvent::Removed(nodes) => {
                n_removed += nodes.len() as u64;
                for node in nodes {
                    self.store.remove(node);
                    self.marks.remove(&node);
                }
            }
            DeleteEvent::Failed(error) => {
                n_kept += 1;
                self.errors.push(error);
            }
        }
        self.activity = Activity::Deleting(n_removed, n_kept);
    }

    /// Says what a deletion has done.
    pub fn end_delete(&mut self) {
        if let Activity::Deleting(n_removed, n_kept) = self.activity {
            let kept = if n_kept > 0 { format!(", {n_kept} kept (e: why)") } else { String::new() };
            self.message = format!("{n_removed} deleted{kept}");
        }
        self.activity = Activity::Idle;
        self.first_new_error = self.errors.len();
        self.refresh();
    }

    /// Adds up and sorts if anything has changed and the last time is long enough ago.
    pub fn refresh_if_due(&mut self) {
        if self.is_stale && Instant::now() >= self.refresh_at {
            self.refresh();
        }
    }

    /// Adds up the sizes and makes the list.
    pub fn refresh(&mut self) {
        let start = Instant::now();
        self.is_stale = false;
        self.store.add_up();
        self.update_rows();
        let pause = start.elapsed().saturating_mul(REFRESH_SHARE);
        self.refresh_at = Instant::now() + pause.min(Duration::from_secs(2));
    }

    /// Makes the list from the sums as they are. The selection stays on its entry once it was moved.
    pub(super) fn update_rows(&mut self) {
        if !self.store.has_root() {
            return;
        }
        let selected = self.selected_node().filter(|_| self.has_moved);
        while self.store.has(self.store.dir_node(self.dir), REMOVED)
            && let Some(parent) = self.store.dir_parent(self.dir)
        {
            self.dir = parent; // it was deleted
        }
        self.rows = list(&self.store, self.dir, &self.list_options);
        let followed = selected.and_then(|node| position(&self.rows, node));
        let last = self.rows.len().saturating_sub(1);
        let fallback = if self.has_moved { self.selected.min(last) } else { 0 };
        self.selected = followed.unwrap_or(fallback);
    }

    /// Shows a directory, with one of its entries selected.
    pub(super) fn show(&mut self, dir: u32, selected: Option<u32>) {
        self.dir = dir;
        self.list_options.filter.clear();
        (self.has_moved, self.selected, self.top) = (false, 0, 0);
        self.update_rows();
        if let Some(index) = selected.and_then(|node| position(&self.rows, node)) {
            (self.has_moved, self.selected) = (true, index);
        }
    }

    pub(super) fn selected_node(&self) -> Option<u32> {
        self.rows.get(self.selected).copied()
    }

    /// The path of the directory that is shown.
    pub(super) fn path(&self) -> PathBuf {
        if self.store.has_root() {
            self.store.path(self.store.dir_node(self.dir))
        } else {
            self.root.clone()
        }
    }

    /// The marked entries, without those below another one; if there are none, the selected entry.
    pub(super) fn chosen(&self) -> Vec<u32> {
        if self.marks.is_empty() {
            return self.selected_node().into_iter().collect();
        }
        let is_outermost =
            |node: &&u32| !self.store.ancestors(**node).any(|dir| self.marks.contains(&dir));
        self.marks.iter().filter(is_outermost).copied().collect()
    }

    /// Prepares another scan of the directory that is shown.
    pub(super) fn start_rescan(&mut self) -> ScanTarget {
        let path = self.path();
        self.errors.retain(|error| !error.path.starts_with(&path));
        self.first_new_error = self.errors.len();
        self.store.clear(self.dir);
        let store = &self.store;
        self.marks.retain(|node| !store.has(*node, REMOVED));
        (self.has_moved, self.selected, self.top) = (false, 0, 0);
        self.activity = Activity::Scanning;
        self.refresh();
        ScanTarget { path, dir: self.dir, next_dir: self.store.next_dir() }
    }

    /// Writes the scan; `timestamp` is its time in seconds since 1970.
    ///
    /// # Errors
    /// The errors of `out`.
    pub fn write(
        &self,
        out: &mut impl Write,
        format: ExportFormat,
        timestamp: u64,
    ) -> io::Result<()> {
        if !self.store.has_root() {
            return Ok(());
        }
        match format {
            ExportFormat::Json => write_json(out, &self.store, self.is_partial()),
            ExportFormat::Ncdu => write_ncdu(out, &self.store, timestamp),
        }
    }
}
