//! Walks a file tree and shows every entry, with what `lstat` tells of it, to a visitor a thread.
//!
//! [`Walker::OpenAt`] is the one to use. [`Walker::Ordered`] has one thread and std alone: it
//! serves where that matters more than speed, follows links, and is all there is off Linux.
//! [`Walker::Jwalk`] is there to be compared with.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::{fmt, fs, io};

use rayon::{ThreadPool, ThreadPoolBuilder};

mod jwalk;
#[cfg(target_os = "linux")]
mod openat;
mod ordered;

/// Descriptors a worker may have open for a moment beyond those kept for directories in waiting:
/// its own directory, a step on a long path, and one more decided upon at the same time.
const FILES_PER_THREAD: usize = 3;
/// Nothing of ours nests on a worker's stack.
const STACK_BYTES: usize = 256 << 10;

/// How to walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walker {
    /// `openat`, `getdents64` and `statx` relative to the directory, on a pool of threads.
    OpenAt,
    /// One thread, std only, every directory in the order of its names.
    Ordered,
    /// The `jwalk` crate: sorted listings, paths from the root, results in strict order. Alone it
    /// takes about twice the time of [`Walker::OpenAt`], and it cannot go beyond `PATH_MAX`.
    Jwalk,
}

impl FromStr for Walker {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "openat" => Ok(Walker::OpenAt),
            "ordered" => Ok(Walker::Ordered),
            "jwalk" => Ok(Walker::Jwalk),
            _ => Err("walkers are openat, ordered and jwalk".to_owned()),
        }
    }
}

/// Which symbolic links are followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Follow {
    /// None.
    #[default]
    Never,
    /// Those given as roots.
    Roots,
    /// All. What two links lead to is visited at the smaller path, so the walk is ordered.
    Always,
}

/// What is known of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The device it is on.
    pub dev: u64,
    /// Its number there.
    pub ino: u64,
    /// Names it has.
    pub n_links: u64,
    /// Its length.
    pub n_bytes: u64,
    /// Blocks of 512 bytes it takes up.
    pub n_blocks: u64,
    /// Whether it is a directory.
    pub is_dir: bool,
}

impl From<fs::Metadata> for Meta {
    fn from(meta: fs::Metadata) -> Self {
        Meta {
            dev: meta.dev(),
            ino: meta.ino(),
            n_links: meta.nlink(),
            n_bytes: meta.size(),
            n_blocks: meta.blocks(),
            is_dir: meta.is_dir(),
        }
    }
}

/// A directory on the way, as a link of the chain that is its path.
#[derive(Debug)]
pub struct Dir {
    parent: Option<Arc<Dir>>,
    /// The root's path, below it a name.
    name: Box<[u8]>,
    /// What the visitor called it.
    pub id: u32,
    /// Steps from the root.
    pub depth: u32,
    /// The device it is on.
    pub dev: u64,
}

impl Dir {
    fn new(entry: &Entry<'_>, id: u32) -> Arc<Self> {
        let (parent, depth) = (entry.dir.cloned(), entry.depth());
        Arc::new(Dir { parent, name: entry.name.into(), id, depth, dev: entry.meta.dev })
    }

    /// Its path, beginning with the root as it was given.
    pub fn path(&self) -> PathBuf {
        let mut chain = vec![self];
        while let Some(parent) = &chain[chain.len() - 1].parent {
            chain.push(parent);
        }
        chain.iter().rev().map(|dir| OsStr::from_bytes(&dir.name)).collect()
    }
}

impl Drop for Dir {
    /// One after the other: on a chain of 100,000 recursion would use up the stack.
    fn drop(&mut self) {
        let mut next = self.parent.take();
        while let Some(mut dir) = next.and_then(Arc::into_inner) {
            next = dir.parent.take();
        }
    }
}

/// Something found.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The directory it is in; a root is in none.
    pub dir: Option<&'a Arc<Dir>>,
    /// Its name there; a root's path.
    pub name: &'a [u8],
    /// What is known of it.
    pub meta: Meta,
}

impl Entry<'_> {
    /// Steps from the root.
    pub fn depth(&self) -> u32 {
        self.dir.map_or(0, |dir| dir.depth + 1)
    }

    /// Its path, beginning with the root as it was given.
    pub fn path(&self) -> PathBuf {
        path_in(self.dir, self.name)
    }
}

fn path_in(dir: Option<&Arc<Dir>>, name: &[u8]) -> PathBuf {
    let name = OsStr::from_bytes(name);
    dir.map_or_else(|| name.into(), |dir| dir.path().join(name))
}

/// What a thread does with what it finds.
pub trait Visit: Send {
    /// Takes an entry; gives a directory that is to be entered a number of its own choice.
    fn entry(&mut self, entry: &Entry<'_>) -> Option<u32>;

    /// Takes a failure; the walk goes on.
    fn failed(&mut self, error: Error);

    /// Asked after every directory or large part of one: whether the walk is to go on.
    fn goes_on(&mut self) -> bool;
}

/// A path that could not be read, and why.
#[derive(Debug)]
pub struct Error {
    /// Beginning with the root as it was given.
    pub path: PathBuf,
    /// The system's reason.
    pub cause: io::Error,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.cause)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

/// A walker with its threads, for one root after the other.
#[derive(Debug)]
pub struct Walk {
    walker: Walker,
    follow: Follow,
    pool: ThreadPool,
    n_threads: usize,
    /// Descriptors up to which directories in waiting may keep their parent open.
    n_files_kept: usize,
}

impl Walk {
    /// Starts at most `n_threads` threads, fewer where only `n_files` descriptors may be open.
    ///
    /// # Errors
    /// When the system refuses the threads.
    pub fn new(
        walker: Walker,
        follow: Follow,
        n_threads: usize,
        n_files: usize,
    ) -> io::Result<Self> {
        let walker = if follow == Follow::Always { Walker::Ordered } else { walker };
        let n_threads = match walker {
            Walker::Ordered => 1,
            _ => n_threads.clamp(1, (n_files / (FILES_PER_THREAD + 1)).max(1)),
        };
        let n_files_kept = n_files.saturating_sub(n_threads * FILES_PER_THREAD);
        let pool = ThreadPoolBuilder::new().num_threads(n_threads).stack_size(STACK_BYTES);
        let pool = pool.build().map_err(io::Error::other)?;
        Ok(Walk { walker, follow, pool, n_threads, n_files_kept })
    }

    /// How many visitors it wants.
    pub fn n_threads(&self) -> usize {
        self.n_threads
    }

    /// Walks what is below `root`, `root` included, and returns when all has been visited.
    pub fn run<V: Visit>(&self, root: &Path, visitors: &mut [V]) {
        match self.walker {
            #[cfg(target_os = "linux")]
            Walker::OpenAt => openat::run(self, root, visitors),
            #[cfg(not(target_os = "linux"))]
            Walker::OpenAt => ordered::run(self, root, &mut visitors[0]),
            Walker::Ordered => ordered::run(self, root, &mut visitors[0]),
            Walker::Jwalk => jwalk::run(self, root, &mut visitors[0]),
        }
    }

    fn root_meta(&self, root: &Path) -> io::Result<Meta> {
        meta(root, self.follow != Follow::Never)
    }
}

/// What is known of `path`, or of what it leads to.
///
/// # Errors
/// The system's.
pub fn meta(path: &Path, follow: bool) -> io::Result<Meta> {
    let meta = if follow { fs::metadata(path) } else { fs::symlink_metadata(path) };
    meta.map(Meta::from)
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}
