//! What `scripts/compare-du` measures with.
//!
//! `du-floor PATH` counts files and the space they take up, with one thread and no more system
//! calls than it takes. `du-floor --make DIR` makes the full trees and prints their paths.

use std::env;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};

#[path = "du-floor/floor.rs"]
mod floor;
#[path = "du-floor/trees.rs"]
mod trees;

fn main() -> anyhow::Result<()> {
    let words: Vec<_> = env::args_os().skip(1).collect();
    let mut out = std::io::stdout();
    match &words[..] {
        [make, dir] if make == "--make" => {
            let (tree, wide) = trees::make(Path::new(dir), trees::FULL).context("making trees")?;
            Ok(writeln!(out, "{}\n{}", tree.display(), wide.display())?)
        }
        [root] => {
            let root = Path::new(root);
            let (n_files, n_bytes) =
                floor::count(root).with_context(|| root.display().to_string())?;
            Ok(writeln!(out, "{n_files} files  {n_bytes} bytes")?)
        }
        _ => bail!("du-floor PATH, or du-floor --make DIR"),
    }
}
