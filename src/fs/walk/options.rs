//! How a tree is walked: which implementation does it and which symbolic links it follows.

use std::str::FromStr;

/// An implementation of the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// `openat`, `getdents64` and `statx`, each relative to an open directory, on a thread pool.
    /// The fastest one. Off Linux, [`Backend::Ordered`] runs in its place.
    OpenAt,
    /// One thread that uses std only and visits every directory's entries in the order of their
    /// names.
    Ordered,
    /// The `jwalk` crate: sorted listings, absolute paths, results in strict order. On its own it
    /// takes about twice the time of [`Backend::OpenAt`], and it fails on paths longer than
    /// `PATH_MAX` (4,096 bytes).
    Jwalk,
}

impl FromStr for Backend {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "openat" => Ok(Backend::OpenAt),
            "ordered" => Ok(Backend::Ordered),
            "jwalk" => Ok(Backend::Jwalk),
            _ => Err("use openat, ordered or jwalk"),
        }
    }
}

/// Which symbolic links are followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Follow {
    /// None: a link is an entry of its own.
    #[default]
    Never,
    /// Only roots that are links.
    Roots,
    /// All links, except those that lead back to a directory they are in. Such a walk always runs
    /// on [`Backend::Ordered`], so that a file with several paths is reached by the same one first.
    Always,
}
