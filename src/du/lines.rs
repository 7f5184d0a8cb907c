//! GNU du's lines: a size, a tab, a path.

use std::io::{self, Write};

use super::size::Unit;
use super::tree::{Kind, Tree};

/// Which lines, and how.
#[derive(Clone, Debug)]
pub struct Lines {
    /// What sizes are printed in.
    pub unit: Unit,
    /// Steps below the root down to which there are lines.
    pub depth_max: u32,
    /// A directory's size is without its subdirectories'.
    pub separate: bool,
    /// Only what is at least so large, or, if negative, at most.
    pub threshold: i64,
    /// What ends a line.
    pub end: char,
}

impl Lines {
    fn is_shown(&self, size: u64) -> bool {
        let limit = self.threshold.unsigned_abs();
        if self.threshold < 0 { size <= limit } else { size >= limit }
    }

    fn write(&self, out: &mut impl Write, size: u64, path: &[u8]) -> io::Result<()> {
        write!(out, "{}\t", self.unit.format(size))?;
        out.write_all(path)?;
        write!(out, "{}", self.end)
    }
}

/// Writes a line for everything that the tree tells apart, sorted, what is in a directory before
/// itself.
///
/// # Errors
/// Those of `out`.
pub fn write_lines(out: &mut impl Write, tree: &Tree, lines: &Lines) -> io::Result<()> {
    tree.lines(|line| {
        let is_own = lines.separate && line.kind == Kind::Dir;
        let size = if is_own { line.own.size } else { line.total.size };
        if line.depth > lines.depth_max || !lines.is_shown(size) {
            return Ok(());
        }
        lines.write(out, size, line.path)
    })
}

/// Writes one line of a path's size, whatever the threshold.
///
/// # Errors
/// Those of `out`.
pub fn write_total(out: &mut impl Write, size: u64, name: &[u8], lines: &Lines) -> io::Result<()> {
    lines.write(out, size, name)
}
