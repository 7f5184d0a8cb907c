//! Draws the browser: a list of one directory with bars, or a text.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::browser::{Activity, Browser, Mode};
use super::line::{BLUE, BOLD, GREEN, Line, PLAIN, RED, YELLOW, shortened_at_start, wrapped};
use super::list::SortKey;
use super::node::{FAILED, LINKED};
use super::record::NodeKind;
use super::text::{age, confirm_text, error_text, help_text, info_text};
use crate::engines::du::draw::{blocks, percent};
use crate::engines::du::size::Unit;
use crate::text::printable::Escaped;

/// Columns of a size, a percentage, a number of entries and an age, with a space after each.
const SIZE_WIDTH: usize = 6;
const PERCENT_WIDTH: usize = 5;
const COUNT_WIDTH: usize = 8;
const AGE_WIDTH: usize = 6;
/// On a narrower terminal there are no bars, to leave room for names.
const WIDTH_MIN_FOR_BARS: usize = 40;
const BAR_WIDTH_MIN: usize = 8;
const BAR_WIDTH_MAX: usize = 30;
/// Lines besides the list: the path above, sums and messages below.
const N_OTHER_LINES: usize = 3;

impl Browser {
    /// Draws the screen for a terminal of this size: one string per line, with control sequences for
    /// colours only. `now` is the time in seconds since 1970.
    pub fn draw(&mut self, width: usize, height: usize, now: i64) -> Vec<String> {
        let n_rows = height.saturating_sub(N_OTHER_LINES).max(1);
        self.n_visible = n_rows;
        let mut lines = vec![self.header(width)];
        let is_list = matches!(self.mode, Mode::List | Mode::Filter(_));
        lines.extend(if is_list { self.draw_list(width, now) } else { self.draw_text(width, now) });
        lines.resize(n_rows + 1, String::new());
        lines.push(self.sums(width));
        lines.push(self.footer(width));
        lines.truncate(height);
        lines
    }

    fn line(&self, width: usize) -> Line {
        Line::new(width, self.options.is_colored)
    }

    /// The path that is shown, and what the list is sorted by.
    fn header(&self, width: usize) -> String {
        let options = &self.list_options;
        let sort = match options.sort {
            SortKey::Size => "size",
            SortKey::Count => "count",
            SortKey::Name => "name",
            SortKey::Time => "time",
        };
        let reversed = if options.is_reversed { " reversed" } else { "" };
        let order = format!(" by {sort}{reversed}");
        let mut line = self.line(width);
        let n_order = order.len().min(width / 2);
        let path = shortened_at_start(&shown_path(&self.path()), width - n_order);
        line.push(&path, BOLD);
        line.pad(n_order);
        line.push(&order, PLAIN);
        line.finish()
    }

    fn draw_list(&mut self, width: usize, now: i64) -> Vec<String> {
        let n_rows = self.n_visible;
        let last_top = self.rows.len().saturating_sub(n_rows);
        let lowest = (self.selected + 1).saturating_sub(n_rows);
        self.top = self.top.clamp(lowest, self.selected).min(last_top.max(lowest));
        let sizes = self.rows.iter().map(|node| self.list_options.size(&self.store, *node));
        let largest = sizes.max().unwrap_or(0);
        let rows = self.rows.iter().enumerate().skip(self.top).take(n_rows);
        let mut lines: Vec<String> =
            rows.map(|(index, node)| self.row(index, *node, largest, width, now)).collect();
        if lines.is_empty() {
            let mut line = self.line(width);
            line.push(self.empty_reason(), PLAIN);
            lines.push(line.finish());
        }
        lines
    }

    fn empty_reason(&self) -> &'static str {
        match self.activity {
            Activity::Scanning => "scanning…",
            _ if !self.list_options.filter.is_empty() => "nothing matches the filter",
            _ if !self.store.has_root() => "nothing could be read",
            _ => "this directory is empty",
        }
    }

    /// An entry of the list.
    fn row(&self, index: usize, node: u32, largest: u64, width: usize, now: i64) -> String {
        let is_selected = index == self.selected;
        let mut line = Line::new(width, self.options.is_colored && !is_selected);
        let size = self.list_options.size(&self.store, node);
        let sums = self.store.total(self.dir);
        let total = if self.list_options.is_apparent { sums.n_bytes } else { sums.disk_bytes() };
        line.push(if self.marks.contains(&node) { "*" } else { " " }, YELLOW);
        let flag = self.flag(node);
        line.push(flag, if matches!(flag, "!" | ".") { RED } else { YELLOW });
        let unit = Unit::HUMAN.format(size, &self.options.numbers);
        line.push(&format!("{unit:>SIZE_WIDTH$} "), BOLD);
        line.push(&format!("{:>1$} ", percent(size, total), PERCENT_WIDTH - 1), PLAIN);
        if width >= WIDTH_MIN_FOR_BARS {
            let bar_width = (width / 5).clamp(BAR_WIDTH_MIN, BAR_WIDTH_MAX);
            let n_left = line.n_left() - bar_width - 1;
            line.push(&bar(size, largest, bar_width), GREEN);
            line.pad(n_left);
        }
        match self.list_options.sort {
            SortKey::Count => {
                let count = self.store.dir(node).map(|dir| self.store.total(dir).n_items);
                let count = count.map_or(String::new(), |count| self.grouped(count.into()));
                line.push(&format!("{count:>0$} ", COUNT_WIDTH - 1), PLAIN);
            }
            SortKey::Time => {
                let age = age(self.store.attributes(node).mtime, now);
                line.push(&format!("{age:>0$} ", AGE_WIDTH - 1), PLAIN);
            }
            SortKey::Size | SortKey::Name => {}
        }
        let is_dir = self.store.dir(node).is_some();
        let name = shown_name(self.store.name(node)) + if is_dir { "/" } else { "" };
        line.push(&name, if is_dir { BLUE } else { PLAIN });
        if is_selected { line.finish_reversed() } else { line.finish() }
    }

    /// What is special about an entry, in one character.
    fn flag(&self, node: u32) -> &'static str {
        let total = self.store.sums(node);
        match self.store.kind(node) {
            NodeKind::Excluded => "<",
            NodeKind::OtherDevice => ">",
            _ if self.store.has(node, FAILED) => "!",
            _ if total.n_errors > 0 => ".",
            _ if self.store.is_mount(node) => ">",
            _ if self.store.has(node, LINKED) => "H",
            NodeKind::Special => "@",
            NodeKind::Dir if total.n_items == 0 => "e",
            _ => " ",
        }
    }

    /// What the directory takes up, whichever size the list shows.
    fn sums(&self, width: usize) -> String {
        let sums = self.store.total(self.dir);
        let format = |n: u64| Unit::HUMAN.format(n, &self.options.numbers);
        let (disk, apparent) = (format(sums.disk_bytes()), format(sums.n_bytes));
        let shown = |is_shown: bool| if is_shown { BOLD } else { PLAIN };
        let mut line = self.line(width);
        line.push(&format!("{disk} disk"), shown(!self.list_options.is_apparent));
        line.push("  ", PLAIN);
        line.push(&format!("{apparent} apparent"), shown(self.list_options.is_apparent));
        line.push(&format!("  {} items", self.grouped(sums.n_items.into())), PLAIN);
        if self.is_partial {
            line.push("  partial", RED);
        }
        match self.n_errors() {
            0 => {}
            1 => line.push("  1 error (e)", RED),
            n => line.push(&format!("  {n} errors (e)"), RED),
        }
        line.finish()
    }

    /// What the browser is doing, or a message, and which keys help.
    fn footer(&self, width: usize) -> String {
        let mut line = self.line(width);
        let filter = &self.list_options.filter;
        match &self.mode {
            Mode::Filter(_) => {
                line.push("/", BOLD);
                line.push(
                    &shortened_at_start(&Escaped(filter).to_string(), width.saturating_sub(2)),
                    PLAIN,
                );
                line.push("▏", PLAIN);
                return line.finish();
            }
            Mode::Confirm(_) => {
                line.push("y delete   any other key: keep", BOLD);
                return line.finish();
            }
            Mode::Help | Mode::Info | Mode::Errors => {
                line.push("↑ ↓ scroll   any other key: back", PLAIN);
                return line.finish();
            }
            Mode::List => {}
        }
        match self.activity {
            Activity::Scanning => {
                let n_items = self.grouped(self.store.n_nodes());
                line.push(&format!("scanning… {n_items} items  "), BOLD);
            }
            Activity::Deleting(n_removed, _) => {
                line.push(&format!("deleting… {n_removed} gone, Esc ends  "), BOLD);
            }
            Activity::Idle => {}
        }
        if !self.message.is_empty() {
            line.push(&self.message, BOLD);
            return line.finish();
        }
        if !self.marks.is_empty() {
            line.push(&format!("{} marked  ", self.marks.len()), YELLOW);
        }
        if !filter.is_empty() {
            line.push(&format!("/{}  ", Escaped(filter)), YELLOW);
        }
        line.push(if self.is_saved { "read-only  " } else { "" }, PLAIN);
        line.push("? help  q quit", PLAIN);
        line.finish()
    }

    fn grouped(&self, n: u64) -> String {
        self.options.numbers.group(&n.to_string())
    }

    /// A text instead of the list, scrolled to its position.
    fn draw_text(&mut self, width: usize, now: i64) -> Vec<String> {
        let text = match &self.mode {
            Mode::Confirm(plan) => confirm_text(self, plan),
            Mode::Info => info_text(self, now),
            Mode::Errors => error_text(self),
            _ => help_text(),
        };
        let wrapped: Vec<String> = text.iter().flat_map(|line| wrapped(line, width)).collect();
        self.top = self.top.min(wrapped.len().saturating_sub(self.n_visible));
        wrapped.into_iter().skip(self.top).take(self.n_visible).collect()
    }
}

/// A bar for the share that `size` has of the largest.
fn bar(size: u64, largest: u64, width: usize) -> String {
    let eighths = u128::from(size) * width as u128 * 8 / u128::from(largest.max(1));
    blocks(usize::try_from(eighths).unwrap_or(0).max(usize::from(size > 0)))
}

/// A name with control characters escaped.
pub(super) fn shown_name(name: &[u8]) -> String {
    Escaped(&String::from_utf8_lossy(name)).to_string()
}

fn shown_path(path: &Path) -> String {
    shown_name(path.as_os_str().as_bytes())
}
