//! Plain output as GNU du prints it: a size, a tab and a path.

use std::io::{self, Write};

use super::size::Unit;
use super::time_style::TimeStyle;
use super::tree::{Tree, TreeEntry};
use super::usage::Usage;
use crate::machine::locale::NumberFormat;

/// Which entries are printed, and how.
#[derive(Clone, Debug)]
pub struct LineOptions {
    /// The unit of sizes.
    pub unit: Unit,
    /// How numbers are written.
    pub numbers: NumberFormat,
    /// Maximum number of steps between a root and an entry that is printed.
    pub depth_max: u32,
    /// The minimum size of an entry that is printed; if negative, minus the maximum size.
    pub threshold: i64,
    /// Whether entries without any file or size are left out, but for roots.
    pub hides_empty: bool,
    /// Print the latest time too.
    pub time: Option<TimeStyle>,
    /// The character that ends a line.
    pub end: char,
}

impl LineOptions {
    pub(super) fn is_shown(&self, entry: &TreeEntry<'_>) -> bool {
        let size = entry.usage.size;
        let limit = self.threshold.unsigned_abs();
        let is_in_range = if self.threshold < 0 { size <= limit } else { size >= limit };
        let is_hidden = self.hides_empty && entry.depth > 0 && entry.usage.is_empty();
        entry.depth <= self.depth_max && is_in_range && !is_hidden
    }

    fn write(&self, out: &mut impl Write, usage: &Usage, path: &[u8]) -> io::Result<()> {
        write!(out, "{}\t", self.unit.format(usage.size, &self.numbers))?;
        if let Some(style) = &self.time {
            write!(out, "{}\t", style.format(usage.newest))?;
        }
        out.write_all(path)?;
        write!(out, "{}", self.end)
    }
}

/// Writes one line per listed entry of the tree that `options` let through, sorted by name, the
/// entries of a directory before the directory itself.
///
/// # Errors
/// The errors of `out`.
pub fn write_lines(out: &mut impl Write, tree: &Tree, options: &LineOptions) -> io::Result<()> {
    tree.try_for_each(|entry| {
        let is_shown = options.is_shown(entry);
        if is_shown { options.write(out, &entry.usage, entry.path) } else { Ok(()) }
    })
}

/// Writes one line for `usage` under a name, whatever the threshold.
///
/// # Errors
/// The errors of `out`.
pub fn write_total(
    out: &mut impl Write,
    usage: &Usage,
    name: &[u8],
    options: &LineOptions,
) -> io::Result<()> {
    options.write(out, usage, name)
}
