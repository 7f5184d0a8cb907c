//! Disk usage: how much space the files below some roots take up, each file counted once.
//!
//! The threads of [`crate::fs::walk`] count into a tally each; when a root is finished, the tallies
//! are merged into its [`Tree`]. A file with several hard links is counted for the first root that
//! contains it, at its smallest path below that root, so the result does not depend on the order in
//! which threads find files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;

use crossbeam::channel::{Receiver, Sender};

use crate::fs::walk::Walker;

mod bracket;
pub mod browse;
mod counted;
mod counter;
mod draw;
mod events;
mod exclude;
mod filter;
mod json;
mod largest;
mod lines;
mod merge;
mod options;
mod records;
mod size;
mod time_style;
mod tree;
mod usage;

pub use crate::fs::walk::{Error, FileKind, Time};
pub use draw::{DrawOptions, draw};
pub use events::Event;
pub use exclude::{Pattern, patterns_in};
pub use filter::Filter;
pub use json::write_json;
pub use lines::{LineOptions, write_lines, write_total};
pub use options::{DEFAULT_THREADS, Measure, Options, TimeKind};
pub use size::{Unit, parse_threshold};
pub use time_style::TimeStyle;
pub use tree::{Kind, Tree, TreeEntry};
pub use usage::Usage;

use counted::CountedFiles;
use counter::{Counter, Shared};
use merge::merge;
use records::ThreadTally;

/// Counts the `roots` one after another and sends progress, errors and a [`Tree`] for each root to
/// `events`. Returns whether all roots were finished.
///
/// Counting ends early when the sender of `done` or the receiver of `events` is dropped.
///
/// ```
/// use crossbeam::channel::{never, unbounded};
/// use threadbare::engines::du::{self, Event, Measure, Options};
///
/// let dir = tempfile::tempdir()?;
/// std::fs::write(dir.path().join("a"), [0; 1_000])?;
/// std::fs::write(dir.path().join("b"), [0; 500])?;
///
/// let options = Options { measure: Measure::Apparent, ..Options::default() };
/// let (events_tx, events_rx) = unbounded();
/// assert!(du::run(&[dir.path().to_owned()], &options, &events_tx, &never()));
///
/// let tree = events_rx.try_iter().find_map(|event| match event {
///     Event::Done { tree, .. } => tree,
///     _ => None,
/// });
/// let total = tree.expect("the directory exists").total();
/// assert_eq!((total.n_files, total.size), (2, 1_500));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn run(
    roots: &[PathBuf],
    options: &Options,
    events: &Sender<Event>,
    done: &Receiver<()>,
) -> bool {
    let Options { backend, follow, n_threads, max_open_fds, .. } = *options;
    let walker = Walker::new(backend, follow, n_threads, max_open_fds);
    let mut counted_files = CountedFiles::new(roots, options);
    for (root, path) in roots.iter().enumerate() {
        let next_node = AtomicU32::new(0);
        let (mut tallies, mut start) = (Vec::new(), None);
        let mut mount_points = BTreeMap::new();
        let is_partial = loop {
            let start_at = start.as_ref();
            let (counted, next_node) = (&counted_files, &next_node);
            let shared = Shared { options, counted, next_node, root, start_at, events, done };
            let (counts, is_cancelled) = walk(&walker, path, &shared);
            for mut tally in counts {
                counted_files.ids.extend(tally.counted.drain(..));
                let found = tally.mount_points.drain(..);
                mount_points.extend(found.map(|point| (point.entry().path(), point)));
                tallies.push(tally);
            }
            start = mount_points.pop_first().map(|(_, point)| point);
            if is_cancelled || start.is_none() {
                break is_cancelled;
            }
        };
        let tree = merge(tallies, options.separate, is_partial, &mut counted_files);
        if events.send(Event::Done { root, tree }).is_err() || is_partial {
            return false;
        }
    }
    true
}

/// Walks from a root, or from a mount point below it. Returns what each thread has counted, and
/// whether the walk was cancelled.
fn walk(walker: &Walker, root: &Path, shared: &Shared<'_>) -> (Vec<ThreadTally>, bool) {
    let mut counters: Vec<_> = (0..walker.n_threads()).map(|_| Counter::new(shared)).collect();
    match shared.start_at {
        None => walker.run(root, &mut counters),
        Some(point) => walker.resume(&point.entry(), &mut counters),
    }
    counters.iter_mut().for_each(Counter::send_progress);
    let is_cancelled = counters.iter().any(Counter::is_cancelled);
    (counters.into_iter().map(Counter::into_tally).collect(), is_cancelled)
}
