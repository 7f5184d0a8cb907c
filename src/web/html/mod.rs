//! Finds and rewrites the links of an HTML page while it streams through `lol_html`.
//!
//! No tree is built, so time depends on the size of a page and not on how deep it is nested.
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
//! scanner.write(b"<p>See <a href='/a?b&am")?; // pieces may end anywhere
//! scanner.write(b"p;c'>this</a> and <a href=d>that</a>.")?;
//! scanner.end()?;
//! assert_eq!(links, ["/a?b&c", "d"]);
//! # Ok::<(), threadbare::web::html::TooDeep>(())
//! ```

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::LazyLock;

use lol_html::html_content::{ContentType, Element, TextChunk};
use lol_html::{
    ElementContentHandlers, HandlerResult, HtmlRewriter, MemorySettings, Selector, Settings,
};

use crate::web::css;

pub mod entities;
mod items;
mod values;

pub use items::{Category, Item, Wants};

/// Memory that the parser may use for one page, in bytes: for open elements and a partial tag.
const MEMORY_MAX: usize = 4 << 20;

/// What the value of an attribute is.
#[derive(Clone, Copy)]
enum ValueKind {
    /// A URL.
    Url(Category),
    /// A list of URLs with descriptors.
    Srcset,
    /// A style sheet.
    Style,
    /// A URL whose category depends on the attribute `rel`.
    LinkRel,
    /// Text that `http-equiv` or `name` gives a meaning.
    Meta,
    /// The URL of `<base>`.
    Base,
    /// An id or anchor name.
    Id,
}

/// Selector, attribute, and what the attribute holds. The selectors do not test for the attribute:
/// comparing the name of an element is faster, and every selector costs time on every page.
const PAGES: [(&str, &str, ValueKind); 5] = [
    ("a, area", "href", ValueKind::Url(Category::Page)),
    ("iframe, frame", "src", ValueKind::Url(Category::Page)),
    ("link", "href", ValueKind::LinkRel),
    ("meta", "content", ValueKind::Meta),
    ("base", "href", ValueKind::Base),
];

const ASSETS: [(&str, &str, ValueKind); 6] = [
    (
        "img, source, script, input, video, audio, track, embed",
        "src",
        ValueKind::Url(Category::Asset),
    ),
    ("img, source", "srcset", ValueKind::Srcset),
    ("video", "poster", ValueKind::Url(Category::Asset)),
    ("object", "data", ValueKind::Url(Category::Asset)),
    ("body", "background", ValueKind::Url(Category::Asset)),
    ("[style]", "style", ValueKind::Style),
];

const IDS: [(&str, &str, ValueKind); 2] =
    [("[id]", "id", ValueKind::Id), ("a", "name", ValueKind::Id)];

/// The selectors, parsed once; the rewriter of each page borrows them.
static SELECTORS: LazyLock<Vec<(Selector, &str, ValueKind)>> = LazyLock::new(|| {
    let all = PAGES.iter().chain(&IDS).chain(&ASSETS);
    all.map(|&(css, attribute, kind)| (selector(css), attribute, kind)).collect()
});
static NOSCRIPT: LazyLock<Selector> = LazyLock::new(|| selector("noscript"));
static STYLE: LazyLock<Selector> = LazyLock::new(|| selector("style"));

fn selector(css: &str) -> Selector {
    css.parse().expect("a constant that parses")
}

/// The page is nested so deeply, or has so large a tag, that parsing it takes too much memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooDeep;

impl fmt::Display for TooDeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the page is too deeply nested")
    }
}

impl std::error::Error for TooDeep {}

/// Called with every item. What it returns for a link replaces the link.
type Visitor<'v> = Rc<RefCell<dyn FnMut(Item<'_>) -> Option<String> + 'v>>;

/// Parses a page that arrives in pieces, and reports its items.
pub struct Scanner<'v>(HtmlRewriter<'v, fn(&[u8])>);

impl<'v> Scanner<'v> {
    /// A scanner that calls `report` with every item that `wants` asks for.
    pub fn new(wants: Wants, mut report: impl FnMut(Item<'_>) + 'v) -> Self {
        let visitor: Visitor<'v> = Rc::new(RefCell::new(move |item: Item<'_>| {
            // The category of a <link> is known only once its rel was read.
            if wants.assets || !matches!(item, Item::Link(_, Category::Asset, _)) {
                report(item);
            }
            None
        }));
        Scanner(HtmlRewriter::new(settings(wants, &visitor, true), |_| ()))
    }

    /// Parses the next piece of the page, which is in UTF-8.
    ///
    /// # Errors
    /// When the page takes too much memory. Items reported before that are valid.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), TooDeep> {
        self.0.write(piece).map_err(|_| TooDeep)
    }

    /// Ends the page.
    ///
    /// # Errors
    /// When the page takes too much memory.
    pub fn end(self) -> Result<(), TooDeep> {
        self.0.end().map_err(|_| TooDeep)
    }
}

/// Replaces the links of a page by what `change` returns for them.
///
/// Links for which it returns `None` stay as they are. If it returns text for a [`Item::Base`], the
/// base is removed.
///
/// # Errors
/// When the page takes too much memory.
pub fn rewrite(
    page: &str,
    change: impl FnMut(Item<'_>) -> Option<String>,
) -> Result<String, TooDeep> {
    let wants = Wants { assets: true, ids: false };
    rewritten(page, wants, &(Rc::new(RefCell::new(change)) as Visitor<'_>), true)
}

fn rewritten(
    page: &str,
    wants: Wants,
    visitor: &Visitor<'_>,
    noscript: bool,
) -> Result<String, TooDeep> {
    let mut output = Vec::with_capacity(page.len() + page.len() / 8);
    let sink = |piece: &[u8]| output.extend_from_slice(piece);
    let mut rewriter = HtmlRewriter::new(settings(wants, visitor, noscript), sink);
    rewriter.write(page.as_bytes()).map_err(|_| TooDeep)?;
    rewriter.end().map_err(|_| TooDeep)?;
    Ok(String::from_utf8_lossy(&output).into_owned())
}

fn settings<'v>(wants: Wants, visitor: &Visitor<'v>, noscript: bool) -> Settings<'v, 'static> {
    let memory = MemorySettings::new().with_max_allowed_memory_usage(MEMORY_MAX);
    let mut settings = Settings::new().with_strict(false).with_memory_settings(memory);
    for (selector, attribute, kind) in &*SELECTORS {
        let wanted = match kind {
            ValueKind::Url(Category::Asset) | ValueKind::Srcset | ValueKind::Style => wants.assets,
            ValueKind::Id => wants.ids,
            _ => true,
        };
        if wanted {
            let visitor = Rc::clone(visitor);
            let handlers =
                ElementContentHandlers::default().element(move |element: &mut Element<'_, '_>| {
                    visit(element, attribute, *kind, &visitor)
                });
            settings = settings.append_element_content_handler((Cow::Borrowed(selector), handlers));
        }
    }
    if wants.assets {
        let visitor = Rc::clone(visitor);
        let handlers =
            text_handlers(move |text| Ok(replaced(text, ValueKind::Style, None, &visitor)));
        settings = settings.append_element_content_handler((Cow::Borrowed(&STYLE), handlers));
    }
    if noscript {
        // The parser takes it for text, as if scripts were run. We run none, so it is markup.
        let visitor = Rc::clone(visitor);
        let handlers = text_handlers(move |text| rewritten(text, wants, &visitor, false).map(Some));
        settings = settings.append_element_content_handler((Cow::Borrowed(&NOSCRIPT), handlers));
    }
    settings
}

/// Handlers that collect the whole text of an element and change it at its end.
fn text_handlers<'v>(
    change: impl Fn(&str) -> Result<Option<String>, TooDeep> + 'v,
) -> ElementContentHandlers<'v> {
    let mut text = String::new();
    ElementContentHandlers::default().text(move |chunk: &mut TextChunk<'_>| {
        text.push_str(chunk.as_str());
        if !chunk.last_in_text_node() {
            chunk.remove();
            return Ok(());
        }
        let changed = change(&text)?;
        chunk.replace(changed.as_deref().unwrap_or(&text), ContentType::Html);
        text.clear();
        Ok(())
    })
}

/// Reports the attribute of an element, and changes it if the visitor says so.
fn visit(
    element: &mut Element<'_, '_>,
    attribute: &str,
    kind: ValueKind,
    visitor: &Visitor<'_>,
) -> HandlerResult {
    let Some(raw) = element.get_attribute(attribute) else { return Ok(()) };
    let value = entities::decode(&raw);
    match kind {
        ValueKind::Id => _ = visitor.borrow_mut()(Item::Id(&value)),
        ValueKind::Base => {
            if visitor.borrow_mut()(Item::Base(&value)).is_some() {
                element.remove_attribute(attribute);
            }
        }
        _ => {
            if let Some(changed) = replaced(&value, kind, Some(element), visitor) {
                element.set_attribute(attribute, &changed.replace('&', "&amp;"))?;
            }
        }
    }
    Ok(())
}

/// The value with its links replaced; `None` if the visitor changed nothing.
fn replaced(
    value: &str,
    kind: ValueKind,
    element: Option<&Element<'_, '_>>,
    visitor: &Visitor<'_>,
) -> Option<String> {
    let other = |name| element.and_then(|element| element.get_attribute(name)).unwrap_or_default();
    let all = 0..value.len();
    let (urls, category) = match kind {
        ValueKind::Url(category) => (vec![all], category),
        ValueKind::Srcset => (values::srcset(value), Category::Asset),
        ValueKind::Style => (css::urls(value), Category::Asset),
        ValueKind::LinkRel => (vec![all], values::link_category(&other("rel"))?),
        _ if other("http-equiv").eq_ignore_ascii_case("refresh") => {
            (vec![values::refresh(value)?], Category::Page)
        }
        _ => {
            if other("name").eq_ignore_ascii_case("robots") {
                visitor.borrow_mut()(Item::Robots(value));
            }
            return None;
        }
    };
    let nofollow = category == Category::Page && values::has_word(&other("rel"), "nofollow");
    let (mut changed, mut n_copied) = (String::new(), 0);
    for url in urls {
        let link = Item::Link(&value[url.clone()], category, nofollow);
        if let Some(new) = visitor.borrow_mut()(link) {
            changed += &value[n_copied..url.start];
            changed += &new;
            n_copied = url.end;
        }
    }
    (n_copied > 0 || !changed.is_empty()).then(|| changed + &value[n_copied..])
}

#[cfg(test)]
mod tests;
