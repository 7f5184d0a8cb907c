//! Draws trees for a terminal: the largest entries, each with a bar for its share of the total.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::size::Unit;
use super::tree::{Kind, SortedChildren, Tree};
use crate::machine::locale::NumberFormat;
use crate::text::printable::Escaped;

/// What is drawn, and for what terminal.
#[derive(Clone, Debug)]
pub struct DrawOptions {
    /// The unit of sizes.
    pub unit: Unit,
    /// How numbers are written.
    pub numbers: NumberFormat,
    /// Maximum number of steps between a root and an entry that is drawn.
    pub depth_max: u32,
    /// The minimum size of an entry below a root that is drawn.
    pub size_min: u64,
    /// Whether entries without any file or size are left out, but for roots.
    pub hides_empty: bool,
    /// Maximum number of entries, one per line, the total of several roots included.
    pub n_entries: usize,
    /// Width of the terminal in columns.
    pub width: usize,
    /// Whether to emit colour escape sequences.
    pub is_colored: bool,
}

const BOLD: &str = "\x1b[1m";
const BLUE: &str = "\x1b[1;34m";
const GREEN: &str = "\x1b[32m";
const FAINT: &str = "\x1b[2m";

/// Columns of indentation per level.
const INDENT: usize = 3;
/// Columns of `100%` with a space on each side.
const PERCENT_WIDTH: usize = 6;
const BAR_WIDTH_MAX: usize = 40;
/// On a narrower terminal there are no bars, to leave room for names.
const TERMINAL_WIDTH_MIN_FOR_BARS: usize = 32;

/// Draws the largest entries of the trees, one per line: size, percentage, bar and name.
///
/// The entries of a directory follow it, the largest first. Several trees are drawn below a line
/// for their total.
pub fn draw(trees: &[Tree], options: &DrawOptions) -> String {
    let rows = choose_rows(trees, options);
    let Some(total) = rows.first().map(|row| row.size) else { return String::new() };
    let size = |row: &Row| options.unit.format(row.size, &options.numbers);
    let sizes: Vec<String> = rows.iter().map(size).collect();
    let size_width = sizes.iter().map(|size| size.width()).max().unwrap_or(0);
    let bar_width = match options.width {
        ..TERMINAL_WIDTH_MIN_FOR_BARS => 0,
        width => (width / 4).min(BAR_WIDTH_MAX),
    };
    let n_used = size_width + PERCENT_WIDTH + bar_width + usize::from(bar_width > 0);
    let name_width = options.width.saturating_sub(n_used).max(INDENT);
    let mut text = String::new();
    for index in in_tree_order(&rows) {
        let row = &rows[index];
        let percent = percent(row.size, total);
        let size = paint(&format!("{:>size_width$}", sizes[index]), BOLD, options);
        let parent = row.parent.map_or(total, |parent| rows[parent].size);
        let bar = bar([row.size, parent, total], bar_width, options);
        let branch = branch(&rows, index, name_width / 2 / INDENT);
        let name = shortened(&row.name, name_width.saturating_sub(branch.width()).max(1));
        let name = paint(&name, if row.kind == Kind::Dir { BLUE } else { "" }, options);
        let branch = paint(&branch, FAINT, options);
        writeln!(text, "{size} {percent:>4} {bar}{branch}{name}").expect("a String never fails");
    }
    text
}

/// An entry that is drawn; parent and children are indices of rows.
struct Row {
    name: String,
    size: u64,
    kind: Kind,
    parent: Option<usize>,
    children: Vec<usize>,
}

/// An entry that may be drawn. The greatest candidate is the largest entry, and of the entries of
/// one size, the one with the smallest path.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    size: u64,
    path: Reverse<Vec<u8>>,
    depth: u32,
    tree: usize,
    node: u32,
    parent: Option<usize>,
}

/// The largest entries, each after the directory that contains it.
fn choose_rows(trees: &[Tree], options: &DrawOptions) -> Vec<Row> {
    let sorted: Vec<SortedChildren> = trees.iter().map(SortedChildren::new).collect();
    let mut rows = Vec::new();
    if trees.len() > 1 {
        let size = trees.iter().fold(0u64, |sum, tree| sum.saturating_add(tree.total().size));
        let name = "total".to_owned();
        rows.push(Row { name, size, kind: Kind::File, parent: None, children: Vec::new() });
    }
    let parent = rows.len().checked_sub(1);
    let root = |(index, tree): (usize, &Tree)| {
        let path = Reverse(tree.root().to_vec());
        Candidate { size: tree.usage(0).size, path, depth: 0, tree: index, node: 0, parent }
    };
    let mut candidates: BinaryHeap<Candidate> = trees.iter().enumerate().map(root).collect();
    while rows.len() < options.n_entries
        && let Some(chosen) = candidates.pop()
    {
        let Candidate { size, depth, node, parent, .. } = chosen;
        let (tree, index) = (&trees[chosen.tree], rows.len());
        let (kind, children) = (tree.kind(node), Vec::new());
        rows.push(Row { name: label(tree, node), size, kind, parent, children });
        if let Some(parent) = parent {
            rows[parent].children.push(index);
        }
        let is_deepest = depth >= options.depth_max;
        let children = if is_deepest { &[] } else { sorted[chosen.tree].children(node) };
        let is_drawn = |node: &&u32| {
            let usage = tree.usage(**node);
            usage.size >= options.size_min && !(options.hides_empty && usage.is_empty())
        };
        candidates.extend(children.iter().filter(is_drawn).map(|&node| {
            let path = Reverse([&*chosen.path.0, b"/", tree.name(node)].concat());
            let (size, tree, depth) = (tree.usage(node).size, chosen.tree, depth + 1);
            Candidate { size, path, depth, tree, node, parent: Some(index) }
        }));
    }
    rows
}

/// The name of a node with control characters escaped. Directories below the root end with a slash.
fn label(tree: &Tree, node: u32) -> String {
    let name = String::from_utf8_lossy(tree.name(node));
    let mut label = Escaped(&name).to_string();
    if tree.kind(node) == Kind::Dir && node > 0 {
        label.push('/');
    }
    if node == 0 && tree.is_partial() {
        label.push_str(" (partial)");
    }
    label
}

/// The indices of the rows from top to bottom: every row is followed by its children.
fn in_tree_order(rows: &[Row]) -> Vec<usize> {
    let mut order = Vec::new();
    let mut stack = vec![0];
    while let Some(index) = stack.pop() {
        order.push(index);
        stack.extend(rows[index].children.iter().rev());
    }
    order
}

pub(super) fn percent(size: u64, total: u64) -> String {
    let total = u128::from(total.max(1));
    match (u128::from(size) * 100 + total / 2) / total {
        0 if size > 0 => "<1%".to_owned(),
        percent => format!("{percent}%"),
    }
}

/// A bar for the share that `size` has of `total`; behind it, shaded, the share of the directory.
fn bar([size, parent, total]: [u64; 3], width: usize, options: &DrawOptions) -> String {
    if width == 0 {
        return String::new();
    }
    let eighths = |size: u64| {
        let eighths = u128::from(size) * width as u128 * 8 / u128::from(total.max(1));
        usize::try_from(eighths).unwrap_or(0).max(usize::from(size > 0))
    };
    let own = blocks(eighths(size));
    let n_own = eighths(size).div_ceil(8);
    let n_shaded = eighths(parent).div_ceil(8) - n_own;
    let shade = "░".repeat(n_shaded);
    let space = " ".repeat(width + 1 - n_own - n_shaded);
    paint(&own, GREEN, options) + &paint(&shade, FAINT, options) + &space
}

/// A bar of so many eighths of a column.
pub(super) fn blocks(n_eighths: usize) -> String {
    let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    "█".repeat(n_eighths / 8) + parts[n_eighths % 8]
}

/// The branches of the tree to the left of a row's name; if there are more than `n_levels_max`, the
/// outer ones are replaced by an ellipsis.
fn branch(rows: &[Row], index: usize, n_levels_max: usize) -> String {
    let mut levels = Vec::new();
    let mut at = index;
    while let Some(parent) = rows[at].parent {
        if levels.len() == n_levels_max {
            _ = levels.pop();
            levels.push("…  ");
            break;
        }
        let is_last = rows[parent].children.last() == Some(&at);
        levels.push(match (at == index, is_last) {
            (true, true) => "└─ ",
            (true, false) => "├─ ",
            (false, true) => "   ",
            (false, false) => "│  ",
        });
        at = parent;
    }
    levels.reverse();
    levels.concat()
}

/// The name, cut off with an ellipsis if it is wider than `width` columns.
pub(super) fn shortened(name: &str, width: usize) -> String {
    if name.width() <= width {
        return name.to_owned();
    }
    let mut n_left = width - 1;
    let fits = |c: &char| {
        let left = n_left.checked_sub(c.width().unwrap_or(0));
        n_left = left.unwrap_or(0);
        left.is_some()
    };
    let mut short: String = name.chars().take_while(fits).collect();
    short.push('…');
    short
}

fn paint(text: &str, color: &str, options: &DrawOptions) -> String {
    let is_plain = !options.is_colored || color.is_empty() || text.is_empty();
    if is_plain { text.to_owned() } else { format!("{color}{text}\x1b[0m") }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use crossbeam::channel::{never, unbounded};
    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;
    use crate::engines::du::{Event, Measure, Options, run};

    /// A directory whose lengths are the same on every file system.
    fn directory() -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, len) in [
            ("photos/2024/a.jpg", 500_000),
            ("photos/2024/b.jpg", 250_000),
            ("photos/c.jpg", 125_000),
            ("日本/x\ny", 120_000),
            ("small", 5_000),
        ] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![0; len]).unwrap();
        }
        dir
    }

    fn trees(roots: &[&Path], n_largest_files: usize) -> Vec<Tree> {
        let (events_tx, events_rx) = unbounded();
        let roots: Vec<_> = roots.iter().map(|root| root.to_path_buf()).collect();
        let options = Options { measure: Measure::Apparent, n_largest_files, ..Options::default() };
        run(&roots, &options, &events_tx, &never());
        let tree = |event| if let Event::Done { tree, .. } = event { tree } else { None };
        events_rx.try_iter().filter_map(tree).collect()
    }

    fn options(n_entries: usize, width: usize) -> DrawOptions {
        let (unit, numbers) = (Unit::SI, NumberFormat::default());
        DrawOptions {
            unit,
            numbers,
            depth_max: u32::MAX,
            size_min: 0,
            hides_empty: false,
            n_entries,
            width,
            is_colored: false,
        }
    }

    #[test]
    fn entries_follow_their_directory_largest_first() {
        let dir = directory();
        let trees = trees(&[dir.path()], 4);
        let text = draw(&trees, &options(7, 66));
        let lines: Vec<&str> = text.lines().skip(1).collect();
        let expected = [
            "875k  88% ██████████████░░ ├─ photos/",
            "750k  75% ████████████░░   │  ├─ 2024/",
            "500k  50% ████████░░░░     │  │  ├─ a.jpg",
            "250k  25% ████░░░░░░░░     │  │  └─ b.jpg",
            "125k  13% ██░░░░░░░░░░░░   │  └─ c.jpg",
            "120k  12% █▉░░░░░░░░░░░░░░ └─ 日本/",
        ];
        assert_eq!(lines, expected, "{text}");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let dir = directory();
        let text = draw(&trees(&[dir.path()], usize::MAX), &options(99, 80));
        assert!(text.contains("x\\ny\n") && text.lines().count() == 9, "{text}");
    }

    #[test]
    fn several_roots_are_drawn_below_their_total() {
        let dir = directory();
        let roots = [&*dir.path().join("small"), &*dir.path().join("photos")];
        let text = draw(&trees(&roots, 0), &options(9, 200));
        let names: Vec<&str> =
            text.lines().filter_map(|line| line.split(' ').next_back()).collect();
        let ends = ["total", "/photos", "2024/", "/small"];
        assert!(names.iter().zip(ends).all(|(name, end)| name.ends_with(end)), "{text}");
    }

    #[test]
    fn depth_is_limited_and_directories_are_coloured() {
        let dir = directory();
        let trees = trees(&[dir.path()], 4);
        let shallow = draw(&trees, &DrawOptions { depth_max: 1, ..options(99, 80) });
        assert!(shallow.contains("photos") && !shallow.contains("2024"), "{shallow}");
        let colored = draw(&trees, &DrawOptions { is_colored: true, ..options(3, 80) });
        assert!(colored.contains("\x1b[1;34mphotos/\x1b[0m"), "{colored}");
    }

    #[test]
    fn percents_are_rounded() {
        let check = |size, total, expected: &str| assert_eq!(percent(size, total), expected);
        check(0, 0, "0%");
        check(0, 9, "0%");
        check(1, 1_000, "<1%");
        check(5, 1_000, "1%");
        check(u64::MAX, u64::MAX, "100%");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join(["深い", "deep-and-long-name"].repeat(12).join("/"));
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("file"), [0; 1_000]).unwrap();
        let trees = trees(&[dir.path()], 9);
        for width in [20, 31, 32, 40, 80, 120, 200] {
            let text = draw(&trees, &options(99, width));
            assert_eq!(text.lines().count(), 26);
            let widest = text.lines().map(UnicodeWidthStr::width).max();
            assert!(widest <= Some(width), "{width}: {widest:?}\n{text}");
        }
    }

    proptest! {
        #[test]
        fn bars_fill_their_width(size: u64, more: u64, rest: u64, width in 1usize..99) {
            let parent = size.saturating_add(more);
            let sizes = [size, parent, parent.saturating_add(rest)];
            prop_assert_eq!(bar(sizes, width, &options(1, 80)).width(), width + 1);
        }

        #[test]
        fn any_name_is_cut_to_its_width(name: String, width in 1usize..20) {
            prop_assert!(shortened(&name, width).width() <= width);
        }
    }
}
