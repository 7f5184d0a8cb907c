//! Where a page is SVG or `MathML` and not HTML (HTML standard, 13.2.6.5): there `<style>`, `<script>`
//! and `<title>` are markup like any other, and CDATA sections have a meaning.
//!
//! A tree knows every open element. This knows those that change the namespace, which is the same as
//! long as their tags are in order.

use super::tag::Tag;

/// An open element that changes the namespace of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Svg,
    Math,
    /// Content in HTML inside of SVG or `MathML`: the number of its element in [`HTML_INSIDE`].
    Html(u8),
}

/// Elements of SVG and `MathML` with content in HTML.
const HTML_INSIDE: [(Open, &str); 9] = [
    (Open::Svg, "foreignobject"),
    (Open::Svg, "desc"),
    (Open::Svg, "title"),
    (Open::Math, "mi"),
    (Open::Math, "mo"),
    (Open::Math, "mn"),
    (Open::Math, "ms"),
    (Open::Math, "mtext"),
    (Open::Math, "annotation-xml"),
];

/// Elements of HTML that end all SVG and `MathML` around them, as nobody means them to be inside.
const ENDING: &str = "b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr \
    i img li listing menu meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul var";

/// The open elements that change the namespace.
#[derive(Debug, Default)]
pub(super) struct Namespaces(Vec<Open>);

impl Namespaces {
    pub(super) fn is_foreign(&self) -> bool {
        matches!(self.0.last(), Some(Open::Svg | Open::Math))
    }

    /// Sees a start tag. Returns whether its element is HTML.
    pub(super) fn start(&mut self, tag: &Tag, bytes: &[u8]) -> bool {
        if self.0.is_empty() && !tag.is("svg") && !tag.is("math") {
            return true;
        }
        if self.is_foreign() && ends_foreign(tag) {
            self.leave();
        }
        let around = self.0.last().copied().unwrap_or(Open::Html(0));
        let inside = match around {
            Open::Html(_) | Open::Svg if tag.is("svg") => Some(Open::Svg),
            Open::Html(_) | Open::Math if tag.is("math") => Some(Open::Math),
            Open::Html(_) => return true,
            foreign => html_inside(foreign, tag, bytes),
        };
        self.0.extend(inside.filter(|_| !tag.is_self_closing));
        false
    }

    /// Sees an end tag.
    pub(super) fn end(&mut self, tag: &Tag) {
        let Some(&open) = self.0.last() else { return };
        let is_its_end = match open {
            Open::Svg => tag.is("svg"),
            Open::Math => tag.is("math"),
            Open::Html(number) => tag.is(HTML_INSIDE[usize::from(number)].1),
        };
        if is_its_end {
            self.0.pop();
        } else if self.is_foreign() && (tag.is("p") || tag.is("br")) {
            self.leave();
        }
    }

    /// Goes back to HTML.
    fn leave(&mut self) {
        while self.is_foreign() {
            self.0.pop();
        }
    }
}

fn ends_foreign(tag: &Tag) -> bool {
    let is_styled = || ["color", "face", "size"].iter().any(|name| tag.attribute(name).is_some());
    ENDING.split_ascii_whitespace().any(|name| tag.is(name)) || (tag.is("font") && is_styled())
}

/// The content of an element of SVG or `MathML`, if that is HTML.
fn html_inside(around: Open, tag: &Tag, bytes: &[u8]) -> Option<Open> {
    let is_html = |encoding: &str| {
        ["text/html", "application/xhtml+xml"].iter().any(|one| encoding.eq_ignore_ascii_case(one))
    };
    if tag.is("annotation-xml")
        && !tag.value("encoding", bytes).is_some_and(|value| is_html(&value))
    {
        return None;
    }
    let mut numbered = (0..).zip(HTML_INSIDE);
    let (number, _) = numbered.find(|(_, (inside, name))| *inside == around && tag.is(name))?;
    Some(Open::Html(number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use scraper::{Html, Selector};

    use super::super::tests::links;

    /// The links in the tree that html5ever builds, each once.
    fn expected(page: &str) -> Vec<String> {
        let selector = Selector::parse("a[href]").unwrap();
        let tree = Html::parse_document(page);
        let mut links: Vec<_> = tree.select(&selector).filter_map(|a| a.attr("href")).collect();
        links.dedup();
        links.into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn raw_text_is_markup_in_svg() {
        let check = |page: &str, expected_links: &[&str]| {
            assert_eq!(links(page), expected_links, "{page}");
            assert_eq!(expected(page), expected_links, "{page}, by scraper");
        };
        check("<svg><style><a href=x></style></svg><style><a href=no></style>", &["x"]);
        check("<svg/><style><a href=no></style>", &[]);
        check("<svg><title><a href=x></title></svg>", &["x"]);
        check("<svg><title><style><a href=no></style></title></svg>", &[]);
        check(
            "<svg><foreignObject><style><a href=no></style></foreignObject>\
               <style><a href=x></style></svg>",
            &["x"],
        );
        check("<svg><p><style><a href=no></style>", &[]);
        check("<svg></p><style><a href=no></style>", &[]);
        check("<svg><font><style><a href=x></style></font></svg>", &["x"]);
        check("<svg><font size=1><style><a href=no></style></font></svg>", &[]);
        check("<svg><![CDATA[<a href=no>]]><a href=x></svg><![CDATA[<a href=y>]]>", &["x"]);
        check("<math><style><a href=x></style><mi><style><a href=no></style></mi></math>", &["x"]);
        check("<svg><svg></svg><style><a href=x></style></svg><style><a href=no></style>", &["x"]);
        check(
            "<svg><math><style><a href=x></style></math></svg><style><a href=no></style>",
            &["x"],
        );
    }

    #[test]
    fn an_annotation_may_be_html() {
        // The standard's HTML integration points, 13.2.6; scraper does not remember the encoding.
        let page = "<math><annotation-xml encoding=Text/HTML><style><a href=no></style></annotation-xml>\
                    <annotation-xml><style><a href=x></style></annotation-xml>";
        assert_eq!(links(page), ["x"]);
    }

    /// Elements in order, as a tree keeps them.
    fn elements() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("<style><a href=x></style>"),
            Just("<title><a href=x></a></title>"),
            Just("<![CDATA[<a href=x>]]>"),
            Just("<a href=x></a>"),
            Just("<svg/>"),
            Just("<g></g>"),
            Just("text"),
        ];
        let leaf = leaf.prop_map(str::to_owned);
        leaf.prop_recursive(5, 32, 4, |inner| {
            let name = prop_oneof![
                Just("svg"),
                Just("math"),
                Just("foreignObject"),
                Just("desc"),
                Just("mi"),
                Just("g"),
                Just("mtext"),
                Just("annotation-xml"),
                Just("div"),
                Just("span"),
                Just("font"),
            ];
            (name, proptest::collection::vec(inner, 0..4))
                .prop_map(|(name, inner)| format!("<{name}>{}</{name}>", inner.concat()))
        })
    }

    proptest! {
        #[test]
        fn links_are_those_of_the_tree(page in elements()) {
            // Every link differs.
            let mut parts = page.split("href=x");
            let first = "<body>".to_owned() + parts.next().unwrap();
            let numbered = parts.enumerate().map(|(nth, part)| format!("href={nth}{part}"));
            let page = first + &numbered.collect::<String>();
            prop_assert_eq!(links(&page), expected(&page), "{}", page);
        }
    }
}
