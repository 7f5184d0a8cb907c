//! The baseline and the test trees of `scripts/compare-du`.
//!
//! `du-floor PATH` counts files and their disk space with one thread and only the necessary system
//! calls: the least work that any single-threaded du must do. `du-floor --make DIR` creates the
//! test trees and prints their paths.

use std::env;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};

#[path = "du-floor/floor.rs"]
mod floor;
#[path = "du-floor/trees.rs"]
mod trees;

fn main() -> anyhow::Result<()> {
    let args: Vec<_> = env::args_os().skip(1).collect();
    let mut out = std::io::stdout();
    match &args[..] {
        [make, dir] if make == "--make" => {
            let (tree, wide) = trees::make(Path::new(dir), trees::FULL).context("create trees")?;
            Ok(writeln!(out, "{}\n{}", tree.display(), wide.display())?)
        }
        [root] => {
            let root = Path::new(root);
            let (n_files, n_bytes) =
                floor::count(root).with_context(|| root.display().to_string())?;
            Ok(writeln!(out, "{n_files} files  {n_bytes} bytes")?)
        }
        _ => bail!("usage: du-floor PATH, or du-floor --make DIR"),
    }
}
