//! The tree as people look at it: the largest entries, and how much each is of the whole.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::size::Unit;
use super::tree::{Kind, Order, Tree};
use crate::text::printable::Escaped;

/// What is drawn, and where.
#[derive(Clone, Debug)]
pub struct View {
    /// What sizes are printed in.
    pub unit: Unit,
    /// Steps below a root down to which there are lines.
    pub depth_max: u32,
    /// Lines.
    pub n_entries: usize,
    /// Columns.
    pub width: usize,
    /// Whether the terminal is told colours.
    pub is_colored: bool,
}

const BOLD: &str = "\x1b[1m";
const BLUE: &str = "\x1b[1;34m";
const GREEN: &str = "\x1b[32m";
const FAINT: &str = "\x1b[2m";

/// Columns of a step down.
const STEP: usize = 3;
/// Columns of `100%` with a space on each side.
const PERCENT: usize = 6;
const BAR_MAX: usize = 40;
/// Below so many columns names are worth more than bars.
const BAR_FROM: usize = 32;

/// Draws the largest entries, a line each, the largest first, what is in a directory below it.
/// Several trees become one.
pub fn draw(trees: &[Tree], view: &View) -> String {
    let rows = choose(trees, view);
    let Some(total) = rows.first().map(|row| row.size) else { return String::new() };
    let sizes: Vec<String> = rows.iter().map(|row| view.unit.format(row.size)).collect();
    let size_width = sizes.iter().map(String::len).max().unwrap_or(0);
    let bar_width = if view.width < BAR_FROM { 0 } else { (view.width / 4).min(BAR_MAX) };
    let taken = size_width + PERCENT + bar_width + usize::from(bar_width > 0);
    let name_width = view.width.saturating_sub(taken).max(STEP);
    let mut text = String::new();
    for number in downwards(&rows) {
        let row = &rows[number];
        let percent = percent(row.size, total);
        let size = paint(&format!("{:>size_width$}", sizes[number]), BOLD, view);
        let parent = row.parent.map_or(total, |parent| rows[parent].size);
        let bar = bar([row.size, parent, total], bar_width, view);
        let branch = branch(&rows, number, name_width / 2 / STEP);
        let name = shortened(&row.name, name_width.saturating_sub(branch.width()).max(1));
        let name = paint(&name, if row.kind == Kind::Dir { BLUE } else { "" }, view);
        let branch = paint(&branch, FAINT, view);
        _ = writeln!(text, "{size} {percent:>4} {bar}{branch}{name}"); // a String takes all
    }
    text
}

/// An entry that is drawn.
struct Row {
    name: String,
    size: u64,
    kind: Kind,
    parent: Option<usize>,
    children: Vec<usize>,
}

/// An entry that may be drawn: the next one is the largest, of one size that with the smallest
/// path.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    size: u64,
    path: Reverse<Vec<u8>>,
    depth: u32,
    tree: usize,
    node: u32,
    parent: Option<usize>,
}

/// The largest entries, each after its directory.
fn choose(trees: &[Tree], view: &View) -> Vec<Row> {
    let orders: Vec<Order> = trees.iter().map(Order::of).collect();
    let mut rows = Vec::new();
    if trees.len() > 1 {
        let size = trees.iter().fold(0u64, |sum, tree| sum.saturating_add(tree.total().size));
        let name = "total".to_owned();
        rows.push(Row { name, size, kind: Kind::File, parent: None, children: Vec::new() });
    }
    let parent = rows.len().checked_sub(1);
    let root = |(tree, of): (usize, &Tree)| {
        let path = Reverse(of.root().to_vec());
        Candidate { size: of.sum(0).size, path, depth: 0, tree, node: 0, parent }
    };
    let mut candidates: BinaryHeap<Candidate> = trees.iter().enumerate().map(root).collect();
    while rows.len() < view.n_entries
        && let Some(Candidate { size, path, depth, tree, node, parent }) = candidates.pop()
    {
        let (of, number) = (&trees[tree], rows.len());
        let (kind, children) = (of.kind(node), Vec::new());
        rows.push(Row { name: label(of, node), size, kind, parent, children });
        if let Some(parent) = parent {
            rows[parent].children.push(number);
        }
        let inside = if depth < view.depth_max { orders[tree].children(node) } else { &[] };
        candidates.extend(inside.iter().map(|&node| {
            let path = Reverse([&*path.0, b"/", of.name(node)].concat());
            let size = of.sum(node).size;
            Candidate { size, path, depth: depth + 1, tree, node, parent: Some(number) }
        }));
    }
    rows
}

/// A name that can harm neither line nor terminal; below the root directories end with a slash.
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

/// The numbers of the rows from top to bottom.
fn downwards(rows: &[Row]) -> Vec<usize> {
    let mut order = Vec::new();
    let mut waiting = vec![0];
    while let Some(number) = waiting.pop() {
        order.push(number);
        waiting.extend(rows[number].children.iter().rev());
    }
    order
}

fn percent(size: u64, total: u64) -> String {
    let total = u128::from(total.max(1));
    match (u128::from(size) * 100 + total / 2) / total {
        0 if size > 0 => "<1%".to_owned(),
        percent => format!("{percent}%"),
    }
}

/// The part of the whole that this is, in a shadow of what its directory is.
fn bar([size, parent, total]: [u64; 3], width: usize, view: &View) -> String {
    if width == 0 {
        return String::new();
    }
    let eighths = |size: u64| {
        let eighths = u128::from(size) * width as u128 * 8 / u128::from(total.max(1));
        usize::try_from(eighths).unwrap_or(0).max(usize::from(size > 0))
    };
    let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let own = "█".repeat(eighths(size) / 8) + parts[eighths(size) % 8];
    let n_own = eighths(size).div_ceil(8);
    let n_shadow = eighths(parent).div_ceil(8) - n_own;
    let shadow = "░".repeat(n_shadow);
    let space = " ".repeat(width + 1 - n_own - n_shadow);
    paint(&own, GREEN, view) + &paint(&shadow, FAINT, view) + &space
}

/// The lines that lead to a row, of the innermost steps only where there are many.
fn branch(rows: &[Row], number: usize, n_steps_max: usize) -> String {
    let mut steps = Vec::new();
    let mut at = number;
    while let Some(parent) = rows[at].parent {
        if steps.len() == n_steps_max {
            _ = steps.pop();
            steps.push("…  ");
            break;
        }
        let is_last = rows[parent].children.last() == Some(&at);
        steps.push(match (at == number, is_last) {
            (true, true) => "└─ ",
            (true, false) => "├─ ",
            (false, true) => "   ",
            (false, false) => "│  ",
        });
        at = parent;
    }
    steps.reverse();
    steps.concat()
}

/// As much of a name as there is room for.
fn shortened(name: &str, width: usize) -> String {
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

fn paint(text: &str, color: &str, view: &View) -> String {
    let is_plain = !view.is_colored || color.is_empty() || text.is_empty();
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

    /// A tree of lengths that are the same on every file system.
    fn folder() -> TempDir {
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

    fn trees(roots: &[&Path], n_files_told: usize) -> Vec<Tree> {
        let (events, happened) = unbounded();
        let roots: Vec<_> = roots.iter().map(|root| root.to_path_buf()).collect();
        let options = Options { measure: Measure::Lengths, n_files_told, ..Options::default() };
        run(&roots, &options, &events, &never()).unwrap();
        drop(events);
        let done = |event| if let Event::Done(_, tree) = event { tree } else { None };
        happened.into_iter().filter_map(done).collect()
    }

    fn view(n_entries: usize, width: usize) -> View {
        View { unit: Unit::Si, depth_max: u32::MAX, n_entries, width, is_colored: false }
    }

    #[test]
    fn the_largest_first_and_below_their_directory() {
        let dir = folder();
        let trees = trees(&[dir.path()], 4);
        let text = draw(&trees, &view(7, 66));
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
        let dir = folder();
        let text = draw(&trees(&[dir.path()], usize::MAX), &view(99, 80));
        assert!(text.contains("x\\ny\n") && text.lines().count() == 9, "{text}");
    }

    #[test]
    fn several_roots_are_compared() {
        let dir = folder();
        let roots = [&*dir.path().join("small"), &*dir.path().join("photos")];
        let text = draw(&trees(&roots, 0), &view(9, 200));
        let names: Vec<&str> =
            text.lines().filter_map(|line| line.split(' ').next_back()).collect();
        let ends = ["total", "/photos", "2024/", "/small"];
        assert!(names.iter().zip(ends).all(|(name, end)| name.ends_with(end)), "{text}");
    }

    #[test]
    fn depth_and_colour() {
        let dir = folder();
        let trees = trees(&[dir.path()], 4);
        let shallow = draw(&trees, &View { depth_max: 1, ..view(99, 80) });
        assert!(shallow.contains("photos") && !shallow.contains("2024"), "{shallow}");
        let colored = draw(&trees, &View { is_colored: true, ..view(3, 80) });
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
            let text = draw(&trees, &view(99, width));
            assert_eq!(text.lines().count(), 26);
            let widest = text.lines().map(UnicodeWidthStr::width).max();
            assert!(widest <= Some(width), "{width}: {widest:?}\n{text}");
        }
    }

    proptest! {
        #[test]
        fn bars_are_as_wide_as_they_should_be(size: u64, more: u64, rest: u64, width in 1usize..99) {
            let parent = size.saturating_add(more);
            let sizes = [size, parent, parent.saturating_add(rest)];
            prop_assert_eq!(bar(sizes, width, &view(1, 80)).width(), width + 1);
        }

        #[test]
        fn any_name_is_cut_to_its_room(name: String, width in 1usize..20) {
            prop_assert!(shortened(&name, width).width() <= width);
        }
    }
}
