//! What the keys do.

use super::browser::{Activity, Browser, Mode};
use super::list::SortKey;
use super::plan::DeletePlan;
use super::scan::ScanTarget;
use crate::text::keys::Key;

/// What a key asks of the program around the browser.
#[derive(Debug)]
pub enum Request {
    /// End the program.
    Quit,
    /// Delete this.
    Delete(DeletePlan),
    /// End the deletion that is running.
    CancelDelete,
    /// Scan this directory again.
    Scan(ScanTarget),
}

impl Browser {
    /// Handles a key press.
    pub fn press(&mut self, key: Key) -> Option<Request> {
        self.message.clear();
        match &self.mode {
            Mode::List => self.press_in_list(key),
            Mode::Filter(_) => {
                self.press_in_filter(key);
                None
            }
            Mode::Confirm(_) => self.press_in_question(key),
            Mode::Help | Mode::Info | Mode::Errors => {
                self.press_in_text(key);
                None
            }
        }
    }

    fn press_in_list(&mut self, key: Key) -> Option<Request> {
        match key {
            Key::Char('q') => return Some(Request::Quit),
            Key::Escape if matches!(self.activity, Activity::Deleting(..)) => {
                return Some(Request::CancelDelete);
            }
            Key::Up | Key::Char('k') => self.select(self.selected.saturating_sub(1)),
            Key::Down | Key::Char('j') => self.select(self.selected + 1),
            Key::PageUp => self.select(self.selected.saturating_sub(self.n_visible)),
            Key::PageDown => self.select(self.selected + self.n_visible),
            Key::Home | Key::Char('g') => self.select(0),
            Key::End | Key::Char('G') => self.select(usize::MAX),
            Key::Enter | Key::Right | Key::Char('l') => self.enter(),
            Key::Left | Key::Backspace | Key::Char('h' | '<') => self.leave(),
            Key::Char('s') => self.sort_by(SortKey::Size),
            Key::Char('n') => self.sort_by(SortKey::Name),
            Key::Char('c' | 'C') => self.sort_by(SortKey::Count),
            Key::Char('m' | 'M') => self.sort_by(SortKey::Time),
            Key::Char('t') => {
                self.list_options.dirs_first ^= true;
                self.update_rows();
            }
            Key::Char('a') => {
                self.list_options.is_apparent ^= true;
                self.update_rows();
            }
            Key::Char('/') => self.mode = Mode::Filter(self.list_options.filter.clone()),
            Key::Escape => self.set_filter(String::new()),
            Key::Char(' ') => self.mark(),
            Key::Char('u') => self.marks.clear(),
            Key::Char('d') | Key::Delete => self.ask(),
            Key::Char('r') => return self.rescan(),
            Key::Char('i') if self.selected_node().is_some() => self.show_text(Mode::Info),
            Key::Char('e') => self.show_text(Mode::Errors),
            Key::Char('?') | Key::Help => self.show_text(Mode::Help),
            Key::Char(_) => {}
        }
        None
    }

    /// Shows a text instead of the list.
    fn show_text(&mut self, mode: Mode) {
        self.mode = mode;
        self.top = 0;
    }

    fn select(&mut self, index: usize) {
        self.selected = index.min(self.rows.len().saturating_sub(1));
        self.has_moved = true;
    }

    fn enter(&mut self) {
        if let Some(dir) = self.selected_node().and_then(|node| self.store.dir(node)) {
            self.show(dir, None);
        }
    }

    fn leave(&mut self) {
        if !self.store.has_root() {
            return;
        }
        if let Some(parent) = self.store.dir_parent(self.dir) {
            self.show(parent, Some(self.store.dir_node(self.dir)));
        }
    }

    /// Sorts by this; in the other direction if it was sorted by it already.
    fn sort_by(&mut self, sort: SortKey) {
        let is_same = self.list_options.sort == sort;
        self.list_options.is_reversed = is_same && !self.list_options.is_reversed;
        self.list_options.sort = sort;
        self.update_rows();
    }

    fn set_filter(&mut self, filter: String) {
        self.list_options.filter = filter;
        self.update_rows();
    }

    fn press_in_filter(&mut self, key: Key) {
        let mut filter = self.list_options.filter.clone();
        match key {
            Key::Char(c) => filter.push(c),
            Key::Backspace => _ = filter.pop(),
            Key::Escape => {
                if let Mode::Filter(before) = &mut self.mode {
                    filter = std::mem::take(before);
                }
                self.mode = Mode::List;
            }
            Key::Enter => self.mode = Mode::List,
            Key::Up => self.select(self.selected.saturating_sub(1)),
            Key::Down => self.select(self.selected + 1),
            _ => return,
        }
        if filter != self.list_options.filter {
            self.set_filter(filter);
        }
    }

    /// Marks the selected entry, or takes its mark away, and moves down.
    fn mark(&mut self) {
        if let Some(node) = self.selected_node() {
            if !self.marks.remove(&node) {
                self.marks.insert(node);
            }
            self.select(self.selected + 1);
        }
    }

    /// Asks whether to delete what is marked or selected.
    fn ask(&mut self) {
        let refusal = match self.activity {
            _ if self.is_saved => "a saved scan is read-only: nothing can be deleted",
            _ if self.options.is_read_only => "read-only: nothing can be deleted",
            Activity::Scanning => "still scanning: delete when the scan is complete",
            Activity::Deleting(..) => "still deleting",
            Activity::Idle => "",
        };
        let chosen = self.chosen();
        if !refusal.is_empty() {
            refusal.clone_into(&mut self.message);
        } else if !chosen.is_empty() {
            let plan = DeletePlan::new(&self.store, &chosen);
            self.show_text(Mode::Confirm(plan));
        }
    }

    fn press_in_question(&mut self, key: Key) -> Option<Request> {
        if self.scrolls(key) {
            return None;
        }
        let mode = std::mem::replace(&mut self.mode, Mode::List);
        self.top = 0;
        if let (Mode::Confirm(plan), Key::Char('y' | 'Y')) = (mode, key) {
            self.activity = Activity::Deleting(0, 0);
            return Some(Request::Delete(plan));
        }
        "nothing was deleted".clone_into(&mut self.message);
        None
    }

    fn press_in_text(&mut self, key: Key) {
        if !self.scrolls(key) {
            self.mode = Mode::List;
            self.top = 0;
        }
    }

    /// Moves through a text if the key does that. Drawing corrects a position beyond the end.
    fn scrolls(&mut self, key: Key) -> bool {
        self.top = match key {
            Key::Up => self.top.saturating_sub(1),
            Key::Down => self.top.saturating_add(1),
            Key::PageUp => self.top.saturating_sub(self.n_visible),
            Key::PageDown => self.top.saturating_add(self.n_visible),
            Key::Home => 0,
            Key::End => usize::MAX,
            _ => return false,
        };
        true
    }

    fn rescan(&mut self) -> Option<Request> {
        if self.is_saved || self.is_busy() || !self.store.has_root() {
            "a scan can be repeated when it is live and complete".clone_into(&mut self.message);
            return None;
        }
        Some(Request::Scan(self.start_rescan()))
    }
}
