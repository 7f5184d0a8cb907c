//! Creates the trees to measure with.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// The size of a tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) name: &'static str,
    n_dirs: usize,
    n_files: usize,
    /// Number of files in each of two wide directories; the others share the rest.
    n_wide: usize,
    /// Depth of each of ten chains of nested directories.
    n_deep: usize,
    /// Number of files in the separate single directory.
    n_in_one: usize,
}

#[allow(dead_code, reason = "the bench takes this one, the example does not")]
/// For a short bench.
pub(crate) const SMALL: Size = Size {
    name: "small",
    n_dirs: 1_000,
    n_files: 10_000,
    n_wide: 1_500,
    n_deep: 20,
    n_in_one: 5_000,
};
/// For published figures.
pub(crate) const FULL: Size = Size {
    name: "full",
    n_dirs: 30_000,
    n_files: 300_000,
    n_wide: 50_000,
    n_deep: 200,
    n_in_one: 100_000,
};

/// Creates a tree and a wide directory in `dir`, unless they exist, and returns their paths.
pub(crate) fn make(dir: &Path, size: Size) -> io::Result<(PathBuf, PathBuf)> {
    let whole = dir.join(size.name);
    if !whole.exists() {
        let new = dir.join(format!("{}.new", size.name));
        _ = fs::remove_dir_all(&new); // left behind by an interrupted run
        tree(&new.join("tree"), size)?;
        files(&new.join("wide"), size.n_in_one)?;
        fs::rename(&new, &whole)?;
    }
    Ok((whole.join("tree"), whole.join("wide")))
}

fn tree(root: &Path, size: Size) -> io::Result<()> {
    let Size { n_dirs, n_files, n_wide, n_deep, .. } = size;
    for i in 0..2 {
        files(&root.join(format!("wide{i}")), n_wide)?;
    }
    let n_plain = n_dirs - 10 * n_deep;
    let share = |i: usize| i * (n_files - 2 * n_wide) / n_dirs;
    let n_in = |i: usize| share(i + 1) - share(i);
    for i in 0..n_plain {
        files(&root.join(format!("{}/{}/{i}", i % 10, i / 10 % 40)), n_in(i))?;
    }
    for i in n_plain..n_dirs {
        let (chain, depth) = ((i - n_plain) / n_deep, (i - n_plain) % n_deep);
        let path = format!("deep{chain}{}", "/down".repeat(depth + 1));
        files(&root.join(path), n_in(i))?;
    }
    Ok(())
}

/// Creates `n` files, most of them empty: their lengths do not affect the time of a walk.
fn files(dir: &Path, n: usize) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    for i in 0..n {
        let path = dir.join(format!("file-{i:05}.txt"));
        if i % 16 == 0 { fs::write(path, [b'x'; 6_000])? } else { _ = File::create(path)? }
    }
    Ok(())
}
