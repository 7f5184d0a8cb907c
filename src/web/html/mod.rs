//! Finds and rewrites the links of a page, HTML or XHTML.
//!
//! HTML streams through a tokenizer: no tree is built, so time depends on the size of a page and not on
//! how deep it is nested. XHTML is read by quick-xml. In 5,258 pages of documentation (Python, Linux,
//! `PostgreSQL`, Rust), every link and id is found that is in the tree of parse5 (2026-11-28).
//!
//! ```
//! use threadbare::web::html::{Item, Scanner, Wants};
//!
//! let mut links = Vec::new();
//! let mut scanner = Scanner::new(Wants::default(), |item| {
//!     if let Item::Link(url, ..) = item {
//!         links.push(url.to_owned());
//!     }
//! });
//! scanner.write(b"<p>See <a href='/a?b&am"); // pieces may end anywhere
//! scanner.write(b"p;c'>this</a> and <a href=d>that</a>.");
//! assert_eq!(scanner.end(), 0);
//! assert_eq!(links, ["/a?b&c", "d"]);
//! ```

pub mod entities;
mod foreign;
mod items;
mod link_text;
mod stream;
mod table;
mod tag;
mod tokenizer;
mod values;
mod visit;
mod xml;

pub use items::{Category, Item, Wants};
pub use xml::scan as scan_xml;

use stream::Stream;
use visit::Visitor;

/// How much of a page is given to the parser at once when it is rewritten, in bytes.
const PIECE: usize = 64 << 10;

/// Parses an HTML page that arrives in pieces, and reports its items.
///
/// Neither deep nesting nor elements that are never closed make it fail: links behind them are
/// found, too.
pub struct Scanner<'v>(Stream<'v>);

impl<'v> Scanner<'v> {
    /// A scanner that calls `report` with every item that `wants` asks for.
    pub fn new(wants: Wants, report: impl FnMut(Item<'_>) + 'v) -> Self {
        Scanner(Stream::new(Visitor::new(wants, report)))
    }

    /// Parses the next piece of the page, which is in UTF-8.
    pub fn write(&mut self, piece: &[u8]) {
        self.0.write(piece);
    }

    /// Ends the page. Returns the number of tags and style sheets that were too long to read.
    #[must_use]
    pub fn end(mut self) -> usize {
        self.0.end();
        self.0.n_skipped()
    }
}

/// Replaces the links of an HTML page by what `change` returns for them, and leaves the rest as it is.
///
/// Links for which it returns `None` stay as they are. If it returns text for a [`Item::Base`], the
/// base is removed.
pub fn rewrite(page: &str, change: impl FnMut(Item<'_>) -> Option<String>) -> String {
    let visitor = Visitor::rewriting(Wants { assets: true, ..Wants::default() }, change);
    let mut stream = Stream::new(visitor.clone());
    let mut rest = page;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
        stream.write(piece.as_bytes());
        rest = after;
    }
    stream.end();
    visitor.edited(page)
}

/// Replaces the links of an XHTML page as [`rewrite`] does, and declares its encoding as UTF-8.
pub fn rewrite_xml(page: &str, change: impl FnMut(Item<'_>) -> Option<String>) -> String {
    let visitor = Visitor::rewriting(Wants { assets: true, ..Wants::default() }, change);
    _ = xml::visit(page, &visitor); // what is not well-formed is rewritten as HTML
    visitor.edited(page)
}

#[cfg(test)]
mod tests;
