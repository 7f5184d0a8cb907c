//! Disk usage: what the trees below some roots take up, each file counted once.
//!
//! Threads of [`crate::fs::walk`] count into books of their own, which are put together when a root
//! is done. A file with many names is charged to the first root that reaches it, and within the
//! root to its smallest path, so the result does not depend on which thread came first.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;

use crossbeam::channel::{Receiver, Sender};

use crate::fs::walk::{self, Follow, Meta, Walk, Walker};

mod count;
mod exclude;
mod json;
mod largest;
mod lines;
mod links;
mod size;
mod tree;
mod view;

pub use exclude::Pattern;
pub use json::write_json;
pub use lines::{Lines, write_lines, write_total};
pub use size::{Unit, bytes};
pub use tree::{Kind, Line, Tree};
pub use view::{View, draw};
pub use walk::Error;

use count::Counter;

/// What is counted of every file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Measure {
    /// The space it takes up on the disk.
    #[default]
    Disk,
    /// Its length.
    Apparent,
    /// One.
    Inodes,
    /// Its length, but nothing for directories, as the book's programs do.
    Lengths,
}

impl Measure {
    fn of(self, meta: &Meta) -> u64 {
        match self {
            Measure::Disk => meta.n_blocks.saturating_mul(512),
            Measure::Apparent => meta.n_bytes,
            Measure::Inodes => 1,
            Measure::Lengths => u64::from(!meta.is_dir) * meta.n_bytes,
        }
    }
}

/// How to count.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is counted.
    pub measure: Measure,
    /// Directories this many steps below a root are told apart; what is deeper is in their sums.
    pub depth_max: u32,
    /// A directory's size is without its subdirectories'.
    pub separate: bool,
    /// So many files are told apart too, the largest ones.
    pub n_files_told: usize,
    /// A file is counted under each of its names.
    pub count_links: bool,
    /// What is on another device than its root is left out.
    pub one_file_system: bool,
    /// Which links are followed.
    pub follow: Follow,
    /// What is left out.
    pub exclude: Vec<Pattern>,
    /// What walks.
    pub walker: Walker,
    /// Threads at most.
    pub n_threads: usize,
    /// Descriptors at most.
    pub n_files: usize,
}

/// Threads by default. Cold disks want many questions at once; warm ones lose nothing by it.
pub const N_THREADS: usize = 16;

impl Default for Options {
    fn default() -> Self {
        Options {
            measure: Measure::Disk,
            depth_max: u32::MAX,
            separate: false,
            n_files_told: 0,
            count_links: false,
            one_file_system: false,
            follow: Follow::Never,
            exclude: Vec::new(),
            walker: Walker::OpenAt,
            n_threads: N_THREADS,
            n_files: 256,
        }
    }
}

/// A number of files and their size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// In what [`Measure`] says.
    pub size: u64,
    /// Lengths.
    pub n_bytes: u64,
    /// Files; directories are none.
    pub n_files: u64,
}

impl std::ops::AddAssign for Sum {
    fn add_assign(&mut self, other: Sum) {
        self.size = self.size.saturating_add(other.size);
        self.n_bytes = self.n_bytes.saturating_add(other.n_bytes);
        self.n_files += other.n_files;
    }
}

/// What happens on the way.
#[derive(Debug)]
pub enum Event {
    /// So much more was found below the root of that number.
    Found(usize, Sum),
    /// Something could not be counted.
    Failed(Error),
    /// The root of that number is done. `None`: it does not exist, or was counted before.
    Done(usize, Option<Tree>),
}

/// Counts one root after the other and sends what happens; ends early when `done` is closed.
/// A receiver that goes away also ends it. Returns whether it came to its end.
///
/// # Errors
/// When the system refuses the threads.
pub fn run(
    roots: &[PathBuf],
    options: &Options,
    events: &Sender<Event>,
    done: &Receiver<()>,
) -> io::Result<bool> {
    let walk = Walk::new(options.walker, options.follow, options.n_threads, options.n_files)?;
    let mut seen = Seen::new(roots, options);
    for (number, root) in roots.iter().enumerate() {
        let shared =
            Shared { options, seen: &seen, n_nodes: AtomicU32::new(0), number, events, done };
        let mut counters: Vec<_> = (0..walk.n_threads()).map(|_| Counter::new(&shared)).collect();
        walk.run(root, &mut counters);
        let is_partial = counters.iter_mut().fold(false, |is, counter| is | counter.finish());
        let books = counters.into_iter().map(Counter::into_book).collect();
        let tree = Tree::build(books, options.separate, is_partial, &mut seen);
        if events.send(Event::Done(number, tree)).is_err() || is_partial {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What all threads share while they count one root.
struct Shared<'a> {
    options: &'a Options,
    seen: &'a Seen,
    n_nodes: AtomicU32,
    number: usize,
    events: &'a Sender<Event>,
    done: &'a Receiver<()>,
}

/// Device and number of a file.
type Id = (u64, u64);

fn id(meta: &Meta) -> Id {
    (meta.dev, meta.ino)
}

/// What roots before this one have counted, as far as it may be met again.
#[derive(Debug)]
struct Seen {
    ids: HashSet<Id>,
    /// Roots that are files: with one name only they can still be met below another root.
    roots: HashSet<Id>,
    /// Directories can be met again too.
    with_dirs: bool,
}

impl Seen {
    fn new(roots: &[PathBuf], options: &Options) -> Self {
        let with_dirs = roots.len() > 1 && !options.count_links;
        let metas = roots.iter().filter(|_| with_dirs);
        let metas = metas.filter_map(|root| walk::meta(root, options.follow != Follow::Never).ok());
        let roots = metas.filter(|meta| !meta.is_dir).map(|meta| id(&meta)).collect();
        Seen { ids: HashSet::new(), roots, with_dirs }
    }
}
