//! GNU du's lines: a size, a tab, a path.

use std::io::{self, Write};

use super::size::Unit;
use super::tree::{Line, Tree};

/// Which lines, and how.
#[derive(Clone, Debug)]
pub struct Lines {
    /// What sizes are printed in.
    pub unit: Unit,
    /// Steps below the root down to which there are lines.
    pub depth_max: u32,
    /// Only what is at least so large, or, if negative, at most.
    pub threshold: i64,
    /// What ends a line.
    pub end: char,
}

impl Lines {
    pub(super) fn is_shown(&self, line: &Line<'_>) -> bool {
        let size = line.sum.size;
        let limit = self.threshold.unsigned_abs();
        let is_counted = if self.threshold < 0 { size <= limit } else { size >= limit };
        line.depth <= self.depth_max && is_counted
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
        let is_shown = lines.is_shown(line);
        if is_shown { lines.write(out, line.sum.size, line.path) } else { Ok(()) }
    })
}

/// Writes one line of a path's size, whatever the threshold.
///
/// # Errors
/// Those of `out`.
pub fn write_total(out: &mut impl Write, size: u64, name: &[u8], lines: &Lines) -> io::Result<()> {
    lines.write(out, size, name)
}
