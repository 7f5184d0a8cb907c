//! From attributes and style sheets to items, and the edits that rewriting makes of them.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;

use super::entities;
use super::items::{Category, Item, Wants};
use super::link_text::{self, LinkText, n_newlines};
use super::table::ValueKind;
use super::values;
use crate::web::css;

/// Called with every item. What it returns for a link replaces the link.
type Report<'v> = dyn FnMut(Item<'_>) -> Option<String> + 'v;

/// A change of a part of a page.
pub(super) struct Edit {
    /// The bytes to replace.
    range: Range<usize>,
    new: String,
    part: Part,
}

/// What an edit replaces.
#[derive(Clone, Copy)]
enum Part {
    Text,
    /// The value of an attribute, which may have no quotes.
    Value,
    /// A whole attribute, from its name to the end of its value, whose length this is.
    Attribute(usize),
}

impl Edit {
    /// The range to replace in `page`, and the text to put there.
    fn resolved(self, page: &str) -> (Range<usize>, String) {
        let Edit { mut range, new, part } = self;
        let before = |at: usize| at.checked_sub(1).map(|at| page.as_bytes()[at]);
        let is_quoted = |at: usize| matches!(before(at), Some(b'"' | b'\''));
        match part {
            Part::Value if !is_quoted(range.start) => return (range, format!("\"{new}\"")),
            Part::Attribute(n_value) => {
                range.end += usize::from(n_value > 0 && is_quoted(range.end - n_value));
                while before(range.start).is_some_and(|byte| byte.is_ascii_whitespace()) {
                    range.start -= 1;
                }
            }
            Part::Value | Part::Text => (),
        }
        (range, new)
    }
}

/// Receives the items of one page. Clones share everything.
#[derive(Clone)]
pub(super) struct Visitor<'v> {
    pub(super) wants: Wants,
    report: Rc<RefCell<Report<'v>>>,
    /// The edits made so far, if the page is rewritten.
    edits: Option<Rc<RefCell<Vec<Edit>>>>,
    /// The number of links reported so far.
    n_links: Rc<Cell<usize>>,
    /// The text of the `<a>` that is being read.
    text: Rc<RefCell<LinkText>>,
}

/// Where an attribute is in the page.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) name: Range<usize>,
    /// The value without quotes; `None` if the attribute has none.
    pub(super) value: Option<Range<usize>>,
}

impl<'v> Visitor<'v> {
    pub(super) fn new(wants: Wants, mut report: impl FnMut(Item<'_>) + 'v) -> Self {
        let report = move |item: Item<'_>| {
            report(item);
            None
        };
        Visitor {
            wants,
            report: Rc::new(RefCell::new(report)),
            edits: None,
            n_links: Rc::default(),
            text: Rc::default(),
        }
    }

    pub(super) fn rewriting(
        wants: Wants,
        change: impl FnMut(Item<'_>) -> Option<String> + 'v,
    ) -> Self {
        let report: Rc<RefCell<Report<'v>>> = Rc::new(RefCell::new(change));
        let edits = Some(Rc::default());
        Visitor { wants, report, edits, n_links: Rc::default(), text: Rc::default() }
    }

    /// `page` with all edits made.
    pub(super) fn edited(&self, page: &str) -> String {
        let edits = self.edits.as_ref().map(|edits| edits.take()).unwrap_or_default();
        let mut edits: Vec<_> = edits.into_iter().map(|edit| edit.resolved(page)).collect();
        edits.sort_by_key(|(range, _)| range.start);
        let mut edited = String::with_capacity(page.len() + page.len() / 8);
        let mut n_copied = 0;
        for (range, new) in edits {
            if range.start >= n_copied {
                edited += &page[n_copied..range.start];
                edited += &new;
                n_copied = range.end;
            }
        }
        edited + &page[n_copied..]
    }

    /// Replaces a part of the page's text.
    pub(super) fn replace(&self, range: Range<usize>, new: String) {
        self.edit(range, new, Part::Text);
    }

    fn edit(&self, range: Range<usize>, new: String, part: Part) {
        if let Some(edits) = &self.edits {
            edits.borrow_mut().push(Edit { range, new, part });
        }
    }

    fn report(&self, item: Item<'_>) -> Option<String> {
        if let Item::Link(_, category, _) = item {
            // The category of a <link> is known only once its rel was read.
            if category == Category::Asset && !self.wants.assets {
                return None;
            }
            self.n_links.set(self.n_links.get() + 1);
        }
        (self.report.borrow_mut())(item)
    }

    /// Visits the attribute `name` with the value `raw`. `other` returns the values of the element's
    /// attributes by their names, `place` where they are.
    pub(super) fn attribute(
        &self,
        name: &str,
        raw: &str,
        kind: ValueKind,
        other: impl Fn(&str) -> Option<String>,
        place: impl Fn(&str) -> Option<Place>,
    ) {
        let value = entities::decode(raw);
        match kind {
            ValueKind::Id => _ = self.report(Item::Id(&value)),
            ValueKind::Base => {
                if self.report(Item::Base(&value)).is_some() {
                    self.remove(place(name));
                }
            }
            _ => {
                if let Some(changed) = self.replaced(&value, kind, other)
                    && let Some(own) = place(name)
                {
                    self.set_value(&own, &changed);
                    if !changed.contains("://") {
                        // A local file is another file, and no browser makes a CORS request for it.
                        self.remove(place("integrity"));
                        self.remove(place("crossorigin"));
                    }
                }
            }
        }
    }

    /// The number of the next link.
    pub(super) fn n_links(&self) -> usize {
        self.n_links.get()
    }

    /// Reports the line of the links that follow.
    pub(super) fn line(&self, line: usize) {
        self.report(Item::Line(line));
    }

    /// Reports the text of the links from number `first` on, as an attribute has it.
    pub(super) fn text_of_links(&self, first: usize, raw: &str) {
        let text = link_text::shown(raw);
        for number in first..self.n_links.get() {
            self.report(Item::Text(number, &text));
        }
    }

    /// Begins to collect the text of the link with that number.
    pub(super) fn start_text(&self, number: usize) {
        self.end_text();
        self.text.borrow_mut().start(number);
    }

    /// Adds markup without tags to the text that is being collected, if one is.
    pub(super) fn add_text(&self, raw: &str) {
        self.text.borrow_mut().add(raw);
    }

    /// Reports the text that was collected.
    pub(super) fn end_text(&self) {
        let text = self.text.borrow_mut().take();
        if let Some((number, text)) = text {
            self.report(Item::Text(number, &text));
        }
    }

    fn remove(&self, attribute: Option<Place>) {
        if let Some(Place { name, value }) = attribute {
            let (end, n_value) = value.map_or((name.end, 0), |value| (value.end, value.len()));
            self.edit(name.start..end, String::new(), Part::Attribute(n_value));
        }
    }

    /// Puts `value` in the place of an attribute's value.
    fn set_value(&self, place: &Place, value: &str) {
        let value = value.replace('&', "&amp;").replace('<', "&lt;");
        let value = value.replace('"', "&quot;").replace('\'', "&#39;");
        match &place.value {
            Some(range) => self.edit(range.clone(), value, Part::Value),
            None => {
                self.replace(place.name.end..place.name.end, format!("=\"{value}\""));
            }
        }
    }

    /// The value with its links replaced; `None` if nothing was changed.
    fn replaced(
        &self,
        value: &str,
        kind: ValueKind,
        other: impl Fn(&str) -> Option<String>,
    ) -> Option<String> {
        let other = |name| other(name).unwrap_or_default();
        let all = 0..value.len();
        let (urls, category) = match kind {
            ValueKind::Url(category) => (vec![all], category),
            ValueKind::Srcset => (values::srcset(value), Category::Asset),
            ValueKind::LinkRel => (vec![all], values::link_category(&other("rel"))?),
            ValueKind::Style => return self.sheet(value, None),
            _ if other("http-equiv").eq_ignore_ascii_case("refresh") => {
                (vec![values::refresh(value)?], Category::Page)
            }
            _ => {
                if other("name").eq_ignore_ascii_case("robots") {
                    self.report(Item::Robots(value));
                }
                return None;
            }
        };
        let nofollow = category == Category::Page && values::has_word(&other("rel"), "nofollow");
        let (mut changed, mut n_copied) = (String::new(), 0);
        for url in urls {
            if let Some(new) = self.report(Item::Link(&value[url.clone()], category, nofollow)) {
                changed += &value[n_copied..url.start];
                changed += &new;
                n_copied = url.end;
            }
        }
        (n_copied > 0 || !changed.is_empty()).then(|| changed + &value[n_copied..])
    }

    /// The style sheet with its links replaced; `None` if nothing was changed. With the line on which
    /// it begins, the lines of its links are reported.
    pub(super) fn sheet(&self, sheet: &str, line: Option<usize>) -> Option<String> {
        if let Some(first) = line.filter(|_| self.wants.places) {
            for url in css::urls(sheet) {
                self.line(first + n_newlines(&sheet.as_bytes()[..url.range.start]));
                self.report(Item::Link(&url.url, Category::Asset, false));
            }
            return None;
        }
        css::rewrite(sheet, |url| self.report(Item::Link(url, Category::Asset, false)))
    }
}
