//! The links of a page while it streams by, with `lol_html`.
//!
//! No tree is built: a page nested a million deep costs what any other page of its size costs.

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
mod values;

/// What the parser may hold of one page: the tags left open and one tag in pieces.
const MEMORY_MAX: usize = 4 << 20;

/// What a link leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Another page.
    Page,
    /// What a page is shown with: an image, a script, a style sheet.
    Asset,
}

/// What is found in a page, in its order. Character references are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A link as the page spells it; the flag says that it is marked as not to be followed.
    Link(&'a str, Kind, bool),
    /// What relative links are relative to; only the first counts.
    Base(&'a str),
    /// A target of fragments.
    Id(&'a str),
    /// Orders to crawlers: `noindex, nofollow`.
    Robots(&'a str),
}

/// What to look for beside pages.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wants {
    /// Links to assets.
    pub assets: bool,
    /// Targets of fragments.
    pub ids: bool,
}

/// Where URLs are in an attribute's value.
#[derive(Clone, Copy)]
enum Place {
    Url(Kind),
    Srcset,
    Style,
    LinkRel,
    Meta,
    Base,
    Id,
}

/// Selector, attribute, and what the attribute holds. That an element has the attribute is not asked
/// of the selector: a tag's name is compared faster, and selectors cost each page.
const PAGES: [(&str, &str, Place); 5] = [
    ("a, area", "href", Place::Url(Kind::Page)),
    ("iframe, frame", "src", Place::Url(Kind::Page)),
    ("link", "href", Place::LinkRel),
    ("meta", "content", Place::Meta),
    ("base", "href", Place::Base),
];

const ASSETS: [(&str, &str, Place); 6] = [
    ("img, source, script, input, video, audio, track, embed", "src", Place::Url(Kind::Asset)),
    ("img, source", "srcset", Place::Srcset),
    ("video", "poster", Place::Url(Kind::Asset)),
    ("object", "data", Place::Url(Kind::Asset)),
    ("body", "background", Place::Url(Kind::Asset)),
    ("[style]", "style", Place::Style),
];

const IDS: [(&str, &str, Place); 2] = [("[id]", "id", Place::Id), ("a", "name", Place::Id)];

/// Selectors parsed once; a page's rewriter borrows them.
static SELECTORS: LazyLock<Vec<(Selector, &str, Place)>> = LazyLock::new(|| {
    let all = PAGES.iter().chain(&IDS).chain(&ASSETS);
    all.map(|&(css, attribute, place)| (selector(css), attribute, place)).collect()
});
static NOSCRIPT: LazyLock<Selector> = LazyLock::new(|| selector("noscript"));
static STYLE: LazyLock<Selector> = LazyLock::new(|| selector("style"));

fn selector(css: &str) -> Selector {
    css.parse().expect("a constant of ours that parses")
}

/// The page asks for more memory than any honest page does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooDeep;

impl fmt::Display for TooDeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the page is too deeply nested")
    }
}

impl std::error::Error for TooDeep {}

/// Whoever is told what is found. What it returns for a link is put in its place.
type Visitor<'v> = Rc<RefCell<dyn FnMut(Item<'_>) -> Option<String> + 'v>>;

/// Takes a page in pieces.
pub struct Scanner<'v>(HtmlRewriter<'v, fn(&[u8])>);

impl<'v> Scanner<'v> {
    /// A scanner that tells `found` what it finds.
    pub fn new(wants: Wants, mut found: impl FnMut(Item<'_>) + 'v) -> Self {
        let visitor: Visitor<'v> = Rc::new(RefCell::new(move |item: Item<'_>| {
            // What a <link> leads to is known only once its rel is read.
            if wants.assets || !matches!(item, Item::Link(_, Kind::Asset, _)) {
                found(item);
            }
            None
        }));
        Scanner(HtmlRewriter::new(settings(wants, &visitor, true), |_| ()))
    }

    /// The next piece of the page, in UTF-8.
    ///
    /// # Errors
    /// When the page asks for too much memory; what was found so far stands.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), TooDeep> {
        self.0.write(piece).map_err(|_| TooDeep)
    }

    /// The end of the page.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn end(self) -> Result<(), TooDeep> {
        self.0.end().map_err(|_| TooDeep)
    }
}

/// The page with the text of its links changed to what `change` returns for them, and without its
/// base where `change` returns anything for that.
///
/// # Errors
/// When the page asks for too much memory.
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
    for (selector, attribute, place) in &*SELECTORS {
        let wanted = match place {
            Place::Url(Kind::Asset) | Place::Srcset | Place::Style => wants.assets,
            Place::Id => wants.ids,
            _ => true,
        };
        if wanted {
            let visitor = Rc::clone(visitor);
            let handlers =
                ElementContentHandlers::default().element(move |element: &mut Element<'_, '_>| {
                    visit(element, attribute, *place, &visitor)
                });
            settings = settings.append_element_content_handler((Cow::Borrowed(selector), handlers));
        }
    }
    if wants.assets {
        let visitor = Rc::clone(visitor);
        let handlers = text_handlers(move |text| Ok(replaced(text, Place::Style, None, &visitor)));
        settings = settings.append_element_content_handler((Cow::Borrowed(&STYLE), handlers));
    }
    if noscript {
        // To the parser, which thinks that scripts run, it is text; to us, who run none, markup.
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

fn visit(
    element: &mut Element<'_, '_>,
    attribute: &str,
    place: Place,
    visitor: &Visitor<'_>,
) -> HandlerResult {
    let Some(raw) = element.get_attribute(attribute) else { return Ok(()) };
    let value = entities::decode(&raw);
    match place {
        Place::Id => _ = visitor.borrow_mut()(Item::Id(&value)),
        Place::Base => {
            if visitor.borrow_mut()(Item::Base(&value)).is_some() {
                element.remove_attribute(attribute);
            }
        }
        _ => {
            if let Some(changed) = replaced(&value, place, Some(element), visitor) {
                element.set_attribute(attribute, &changed.replace('&', "&amp;"))?;
            }
        }
    }
    Ok(())
}

/// The value with what the visitor returned for the URLs in it, if it returned anything.
fn replaced(
    value: &str,
    place: Place,
    element: Option<&Element<'_, '_>>,
    visitor: &Visitor<'_>,
) -> Option<String> {
    let other = |name| element.and_then(|element| element.get_attribute(name)).unwrap_or_default();
    let all = 0..value.len();
    let (urls, kind) = match place {
        Place::Url(kind) => (vec![all], kind),
        Place::Srcset => (values::srcset(value), Kind::Asset),
        Place::Style => (css::urls(value), Kind::Asset),
        Place::LinkRel => (vec![all], values::link_kind(&other("rel"))?),
        _ if other("http-equiv").eq_ignore_ascii_case("refresh") => {
            (vec![values::refresh(value)?], Kind::Page)
        }
        _ => {
            if other("name").eq_ignore_ascii_case("robots") {
                visitor.borrow_mut()(Item::Robots(value));
            }
            return None;
        }
    };
    let nofollow = kind == Kind::Page && values::has_word(&other("rel"), "nofollow");
    let (mut changed, mut done) = (String::new(), 0);
    for url in urls {
        if let Some(new) = visitor.borrow_mut()(Item::Link(&value[url.clone()], kind, nofollow)) {
            changed += &value[done..url.start];
            changed += &new;
            done = url.end;
        }
    }
    (done > 0 || !changed.is_empty()).then(|| changed + &value[done..])
}

#[cfg(test)]
mod tests;
