//! What a scanner reports, and what it looks for.

/// What a link leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// Another page.
    Page,
    /// A part of the page: an image, a script, a style sheet.
    Asset,
}

/// A part of a page that a crawler needs to know, reported in the order of the page. Character
/// references are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A link as it is written in the page, and whether it is marked `nofollow`.
    Link(&'a str, Category, bool),
    /// The URL that relative links are relative to (`<base href>`). Only the first one counts.
    Base(&'a str),
    /// An id or anchor name that a fragment can refer to.
    Id(&'a str),
    /// Directives to robots, as in `noindex, nofollow`.
    Robots(&'a str),
    /// The line on which the links that follow are written; the first one is 1.
    Line(usize),
    /// The text of the link with that number: links are counted from 0 as they are reported. It is
    /// what a reader sees: the text of an `<a>` with the `alt` of its images, or an `alt` or `title`.
    Text(usize, &'a str),
}

/// What a scanner looks for beside links to pages.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wants {
    /// Links to images, scripts, style sheets and so on.
    pub assets: bool,
    /// Ids and anchor names.
    pub ids: bool,
    /// Lines and texts of links.
    pub places: bool,
}
