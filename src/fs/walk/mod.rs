//! Walks file trees and passes every entry, with its metadata, to one visitor per thread.
//!
//! ```
//! use std::fs;
//! use std::ops::ControlFlow;
//! use threadbare::fs::walk::{Backend, Entry, Error, Follow, Visitor, Walker};
//!
//! /// Adds up the lengths of files.
//! #[derive(Clone, Default)]
//! struct Lengths(u64);
//!
//! impl Visitor for Lengths {
//!     fn visit_entry(&mut self, entry: &Entry<'_>) -> Option<u32> {
//!         if entry.meta.is_dir {
//!             return Some(0); // enter it; this visitor does not tell directories apart
//!         }
//!         self.0 += entry.meta.n_bytes;
//!         None
//!     }
//!
//!     fn visit_error(&mut self, error: Error) {
//!         panic!("{error}");
//!     }
//!
//!     fn after_batch(&mut self) -> ControlFlow<()> {
//!         ControlFlow::Continue(())
//!     }
//! }
//!
//! let dir = tempfile::tempdir()?;
//! fs::create_dir(dir.path().join("sub"))?;
//! fs::write(dir.path().join("one"), "1")?;
//! fs::write(dir.path().join("sub/three"), "333")?;
//!
//! let walker = Walker::new(Backend::OpenAt, Follow::Never, 4, 64);
//! let mut visitors = vec![Lengths::default(); walker.n_threads()];
//! walker.run(dir.path(), &mut visitors);
//! assert_eq!(visitors.iter().map(|visitor| visitor.0).sum::<u64>(), 4);
//! # Ok::<(), std::io::Error>(())
//! ```

use std::path::Path;
use std::sync::Arc;

use rayon::ThreadPool;

mod entry;
mod error;
mod file_kind;
mod jwalk;
mod meta;
mod mounts;
#[cfg(target_os = "linux")]
mod openat;
mod options;
mod ordered;
mod root;
#[cfg(target_os = "linux")]
mod tasks;
#[cfg(all(test, target_os = "linux"))]
mod tests;
mod times;
mod visitor;

pub use entry::{Dir, Entry, path_in};
pub use error::Error;
pub use file_kind::FileKind;
pub use meta::{FileId, Meta};
pub use mounts::mounted_files;
pub use options::{Backend, Follow};
pub use times::{Time, Times};
pub use visitor::Visitor;

use crate::threads::rayon_pool;
use root::Root;

/// Descriptors that a thread may hold for a moment, besides the parents kept open for queued
/// directories: its own directory, a step on a long path, and one more because several threads may
/// decide at the same time.
const FDS_PER_THREAD: usize = 3;
/// Stack of a thread of our own walk, which does not recurse.
const STACK_BYTES: usize = 256 << 10;

/// Walks one root after another, on a thread pool if there is one.
#[derive(Debug)]
pub struct Walker {
    backend: Backend,
    follow: Follow,
    /// `None` if the calling thread walks.
    pool: Option<Arc<ThreadPool>>,
    n_threads: usize,
    /// While no more descriptors than this are open, queued directories keep their parent open.
    max_kept_fds: usize,
}

impl Walker {
    /// Starts at most `n_threads` threads: fewer if `max_open_fds` descriptors are not enough for so
    /// many, or if the system refuses some. In place of a single thread, the calling one walks.
    pub fn new(backend: Backend, follow: Follow, n_threads: usize, max_open_fds: usize) -> Self {
        let backend = if follow == Follow::Always { Backend::Ordered } else { backend };
        let n_threads = match backend {
            Backend::Ordered => 1,
            _ => n_threads.clamp(1, (max_open_fds / (FDS_PER_THREAD + 1)).max(1)),
        };
        let stack_bytes = (backend != Backend::Jwalk).then_some(STACK_BYTES);
        let n_pooled = if n_threads == 1 { 0 } else { n_threads };
        let pool = rayon_pool(n_pooled, stack_bytes).map(Arc::new);
        let n_threads = pool.as_ref().map_or(1, |pool| pool.current_num_threads());
        let max_kept_fds = max_open_fds.saturating_sub(n_threads * FDS_PER_THREAD);
        Walker { backend, follow, pool, n_threads, max_kept_fds }
    }

    /// Number of threads, and so of visitors that [`Walker::run`] needs.
    pub fn n_threads(&self) -> usize {
        self.n_threads
    }

    /// Visits `root` and everything below it, and returns when all has been visited or a visitor
    /// has ended the walk.
    ///
    /// # Panics
    /// If there are fewer visitors than threads.
    pub fn run<V: Visitor>(&self, root: &Path, visitors: &mut [V]) {
        if let Some(root) = Root::visit(root, self.follow, &mut visitors[0]) {
            self.enter(root, visitors);
        }
    }

    /// Visits `entry`, which another walk has found and not entered, and everything below it.
    ///
    /// # Panics
    /// If there are fewer visitors than threads.
    pub fn resume<V: Visitor>(&self, entry: &Entry<'_>, visitors: &mut [V]) {
        if let Some(root) = Root::visit_entry(entry, &mut visitors[0]) {
            self.enter(root, visitors);
        }
    }

    fn enter<V: Visitor>(&self, root: Root, visitors: &mut [V]) {
        assert!(visitors.len() >= self.n_threads, "one visitor per thread");
        let first = &mut visitors[0];
        match self.backend {
            #[cfg(target_os = "linux")]
            Backend::OpenAt => {
                openat::run(root, self.follow, self.pool.as_deref(), self.max_kept_fds, visitors);
            }
            #[cfg(not(target_os = "linux"))]
            Backend::OpenAt => ordered::run(root, self.follow, first),
            Backend::Ordered => ordered::run(root, self.follow, first),
            Backend::Jwalk => jwalk::run(&root, self.pool.as_ref(), first),
        }
    }
}
