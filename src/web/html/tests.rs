//! Links of pages, compared with those in the tree that html5ever builds.

use super::*;
use proptest::prelude::*;
use scraper::Html;

fn items(page: &str, wants: Wants, piece: usize) -> Vec<String> {
    let mut items = Vec::new();
    let mut scanner = Scanner::new(wants, |item| items.push(format!("{item:?}")));
    page.as_bytes().chunks(piece).for_each(|piece| scanner.write(piece));
    assert_eq!(scanner.end(), 0);
    items
}

pub(super) fn links(page: &str) -> Vec<String> {
    let mut links = Vec::new();
    let wants = Wants { assets: true, ..Wants::default() };
    let mut scanner = Scanner::new(wants, |item| {
        if let Item::Link(url, ..) = item {
            links.push(url.to_owned());
        }
    });
    scanner.write(page.as_bytes());
    assert_eq!(scanner.end(), 0);
    links
}

#[test]
fn links_of_every_kind() {
    let check = |page: &str, expected: &[&str]| assert_eq!(links(page), expected, "{page}");
    check("<a href=x>", &["x"]);
    check("<A HREF='a&amp;b'>", &["a&b"]);
    check("<a href=\"x\" href=y>", &["x"]);
    check("<a\nhref\n=\nx\n>", &["x"]);
    check("<a href=x/>", &["x/"]);
    check("<area href=x><iframe src=y></iframe><frame src=z>", &["x", "y", "z"]);
    check("<frameset><frame src=z>", &["z"]);
    check("<meta http-equiv=Refresh content='0; url=x'>", &["x"]);
    check(
        "<link rel=stylesheet href=x><link rel=next href=y><link rel=preconnect href=z>",
        &["x", "y"],
    );
    check("<img src=x srcset='y 1x, z 2x'>", &["x", "y", "z"]);
    check("<picture><source srcset=x></picture><script src=y></script>", &["x", "y"]);
    check("<style>a { b: url(x) }</style><p style='b: url(y)'>", &["x", "y"]);
    check("<noscript><a href=x></noscript><a href=y>", &["x", "y"]);
    check("<!-- <a href=x> --><script>'<a href=x>'</script><a href=y>", &["y"]);
    check("<textarea><a href=x></textarea><title><a href=x></title><a href=y>", &["y"]);
    check("<a href=x", &[]);
    check("<svg><a href=x></a></svg>", &["x"]);
    check("<svg><a xlink:href=x></a><use href=y /><use xlink:href='#z'/></svg>", &["x", "y", "#z"]);
    check(
        "<svg><image href=x></image><image xlink:href=y /><feImage href=z /></svg>",
        &["x", "y", "z"],
    );
    check("<svg><script href=x></script></svg>", &["x"]);
    check(
        "<svg><style>a{b:url(x)}</style><style/>c{d:url(no)}<path style='e:url(y)'></svg>",
        &["x", "y"],
    );
    check("<svg><style><![CDATA[@import 'x'; a{b:url(y)}]]></style></svg>", &["x", "y"]);
    check("<body background=x><table><td background=y><th background=z>", &["x", "y", "z"]);
    check("<link rel=preload as=image href=x imagesrcset='y 1x, z 2x'>", &["x", "y", "z"]);
}

#[test]
fn robots_directives_bases_and_ids() {
    let wants = Wants { ids: true, ..Wants::default() };
    let page = "<base href=b><meta name=Robots content=nofollow><p id=p><a name=n rel='x nofollow' href=h>";
    let expected = [
        "Base(\"b\")",
        "Robots(\"nofollow\")",
        "Id(\"p\")",
        "Id(\"n\")",
        "Link(\"h\", Page, true)",
    ];
    for piece in [1, 2, 7, 1000] {
        assert_eq!(items(page, wants, piece), expected, "in pieces of {piece}");
    }
}

#[test]
fn links_are_rewritten_and_nothing_else() {
    let page = "<!DOCTYPE html><base href=b><A  HREF=x CLASS=c>x &amp; y</A><a href=keep>\
                <img srcset='x 1x, keep 2x'><style>a{b:url(x)}</style><noscript><a href=x></noscript>";
    let change = |item: Item<'_>| match item {
        Item::Link("x", ..) => Some("new?a&b\"".to_owned()),
        Item::Base(_) => Some(String::new()),
        _ => None,
    };
    assert_eq!(
        rewrite(page, change),
        "<!DOCTYPE html><base><A  HREF=\"new?a&amp;b&quot;\" CLASS=c>x &amp; y</A><a href=keep>\
         <img srcset='new?a&amp;b&quot; 1x, keep 2x'><style>a{b:url(\"new?a&b\\\"\")}</style>\
         <noscript><a href=\"new?a&amp;b&quot;\"></noscript>"
    );
    let page = "<svg><style>/**/<![CDATA[a{b:url(x)}]]> c{d:url(x)}</style><a href=x>";
    assert_eq!(
        rewrite(page, change),
        "<svg><style>/**/<![CDATA[a{b:url(\"new?a&b\\\"\")}]]> c{d:url(\"new?a&b\\\"\")}</style>\
         <a href=\"new?a&amp;b&quot;\">"
    );
    let change = |item: Item<'_>| matches!(item, Item::Link(..)).then(|| "a'b".to_owned());
    assert_eq!(
        rewrite("<a href><a href=''><a href='x' id=y><p style='b:url(x)'>", change),
        "<a href=\"a&#39;b\"><a href='a&#39;b'><a href='a&#39;b' id=y>\
         <p style='b:url(&quot;a&#39;b&quot;)'>"
    );
    let removed = |item: Item<'_>| matches!(item, Item::Base(_)).then(String::new);
    assert_eq!(rewrite("<base href='b' target=t><base href>", removed), "<base target=t><base>");
}

#[test]
fn hostile_pages_take_little_time() {
    let attributes: String = (0..60_000).fold("<a ".to_owned(), |page, i| page + &format!("x{i} "));
    assert_eq!(links(&(attributes + "href=x>")), ["x"]);
    assert!(links(&("<div></div>".repeat(100_000) + "<a href=x>")).len() == 1);
}

/// The links of a page that arrives in small pieces, and the number of its parts that were skipped.
fn hostile(page: &str) -> (Vec<String>, usize) {
    let mut links = Vec::new();
    let wants = Wants { assets: true, ids: true, places: false };
    let mut scanner = Scanner::new(wants, |item| {
        if let Item::Link(url, ..) = item {
            links.push(url.to_owned());
        }
    });
    page.as_bytes().chunks(16 << 10).for_each(|piece| scanner.write(piece));
    let n_skipped = scanner.end();
    (links, n_skipped)
}

#[test]
fn links_are_found_however_many_elements_are_open() {
    let check = |page: &str| {
        let (links, n_skipped) = hostile(&format!("<a href=x>{page}<a href=y><img src=z>"));
        assert_eq!((links, n_skipped), (vec!["x".into(), "y".into(), "z".into()], 0));
    };
    for name in ["p", "td", "dd", "div", "select", "svg", "math", "b", "option", "template"] {
        check(&format!("<{name}>").repeat(60_000));
    }
    check(&"<svg><select><p>".repeat(30_000));
    for name in ["script", "style", "textarea", "title"] {
        let text = format!("<{name}>\"<a href=no>\"</{name}><p>");
        check(
            &(text.repeat(20_000)
                + &format!("<{name}><p><a href=no>")
                + &"<p>".repeat(60_000)
                + &format!("</{name}>")),
        );
    }
    let (links, _) = hostile(
        &("<p>".repeat(60_000)
            + "<noscript><a href=x>"
            + &"<p>".repeat(60_000)
            + "<a href=y></noscript><a href=z>"),
    );
    assert_eq!(links, ["x", "y", "z"]);
}

#[test]
fn a_tag_too_long_to_read_is_skipped_and_counted() {
    let long = format!("<a href=x><a title='{}>' href=no><a href=y>", "> ".repeat(3 << 20));
    assert_eq!(hostile(&long), (vec!["x".into(), "y".into()], 1));
    let attributes = (0..200_000).fold("<a ".to_owned(), |page, i| page + &format!("x{i} "));
    let many = attributes + "href=x><a href=y>";
    assert_eq!(hostile(&many), (vec!["x".into(), "y".into()], 0));
    let unfinished = format!("<a href=x><a title='{}", "x".repeat(5 << 20));
    assert_eq!(hostile(&unfinished), (vec!["x".into()], 1));
}

#[test]
fn attributes_that_forbid_a_local_file_are_removed() {
    let page =
        "<link crossorigin rel=stylesheet href=x integrity='sha256-y'><script src=x crossorigin=a>";
    let change = |new: &'static str| {
        move |item: Item<'_>| matches!(item, Item::Link(..)).then(|| new.to_owned())
    };
    assert_eq!(rewrite(page, change("z")), "<link rel=stylesheet href=\"z\"><script src=\"z\">");
    assert!(rewrite(page, change("http://h/")).contains("integrity='sha256-y'"));
}

#[test]
fn a_page_is_rewritten_however_many_elements_are_open() {
    let page = "<script>".to_owned()
        + &"<p>".repeat(40_000)
        + "</script>"
        + &"<p>".repeat(60_000)
        + "<style>"
        + &"<p>".repeat(10)
        + "</style>"
        + &"<p>".repeat(60_000);
    let change = |item: Item<'_>| matches!(item, Item::Link(..)).then(|| "y".to_owned());
    let both = |link: &str| format!("{page}<a href='{link}'>{page}<a href='{link}'>");
    assert!(rewrite(&both("x"), change) == both("y"));
}

#[test]
fn a_large_page_is_rewritten_to_its_end() {
    let page = "<a href='x'>\u{e4}<p><style>a{b:url(x)}</style>".repeat(50_000);
    let change = |item: Item<'_>| matches!(item, Item::Link(..)).then(|| "yy".to_owned());
    let expected = "<a href='yy'>\u{e4}<p><style>a{b:url(\"yy\")}</style>".repeat(50_000);
    assert!(rewrite(&page, change) == expected);
}

#[test]
fn xhtml_is_read_as_xml() {
    let check = |page: &str, expected: &[&str], is_well_formed: bool| {
        let mut links = Vec::new();
        let wants = Wants { assets: true, ..Wants::default() };
        let result = scan_xml(page, wants, |item| {
            if let Item::Link(url, ..) = item {
                links.push(url.to_owned());
            }
        });
        assert_eq!(
            (&*links, result.is_ok()),
            (expected.iter().map(|&s| s.to_owned()).collect::<Vec<_>>().as_slice(), is_well_formed),
            "{page}"
        );
    };
    check("<html><script src='x'/><a href='y'/></html>", &["x", "y"], true);
    check("<h:a xmlns:h='h' href=\"a&amp;b\"/>", &["a&b"], true);
    check("<script><![CDATA[<a href='no'/>]]></script><a href='y'>&nbsp;</a>", &["y"], true);
    check("<style>b{c:url(x)}</style><style><![CDATA[b{c:url(y)}]]></style>", &["x", "y"], true);
    check("<svg><use xlink:href='x#a'/><image href='y'/></svg>", &["x#a", "y"], true);
    check("<a href='x'/><!-- <a href='no'/> --><title><a href='y'/></title>", &["x", "y"], true);
    check("<a href='x'/><p b='<' ><a href='y'/>", &["x", "y"], true);
    check("<a href='x'/><!-- <a href='y'>", &["x"], false);
}

#[test]
fn xhtml_is_rewritten() {
    let page = "<?xml version=\"1.0\" encoding='latin1'?><a href='x' b=\"c\"/><style>b{c:url(x)}</style>\
                <base href='b'/><base/>";
    let change = |item: Item<'_>| match item {
        Item::Link(..) => Some("y&z".to_owned()),
        Item::Base(_) => Some(String::new()),
        _ => None,
    };
    assert_eq!(
        rewrite_xml(page, change),
        "<?xml version=\"1.0\" encoding='UTF-8'?><a href='y&amp;z' b=\"c\"/>\
         <style>b{c:url(\"y&z\")}</style><base/><base/>"
    );
}

fn each_once(mut links: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    links.retain(|link| seen.insert(link.clone()));
    links
}

/// The links of the tree that html5ever builds.
///
/// It may differ from a stream: a tree repeats a link that was left open. Not generated here are
/// links that the tree moves out of tables, drops inside `<select>`, keeps apart in `<template>`, or
/// ignores because they come after `</html>` in a frameset page.
fn oracle(page: &str) -> Vec<String> {
    let tree = Html::parse_document(page);
    let selector = scraper::Selector::parse("a[href], area[href], img[src], iframe[src]").unwrap();
    let attribute =
        |e: scraper::ElementRef<'_>| e.attr("href").or(e.attr("src")).map(str::to_owned);
    tree.select(&selector).filter_map(attribute).collect()
}

fn markup() -> impl Strategy<Value = String> {
    let quote = prop_oneof![Just("\""), Just("'")];
    let value = "[a-z/.?=&;#]{1,8}";
    let quoted = (prop_oneof![Just("a"), Just("AREA"), Just("img"), Just("iframe")], value, quote)
        .prop_map(|(name, value, quote)| {
            let attribute = if matches!(name, "a" | "AREA") { "HREF" } else { "src" };
            let end = if name == "iframe" { "</iframe>" } else { "" };
            format!("<{name} class=x {attribute}={quote}{value}{quote}>{end}")
        });
    let unquoted = "[a-z/.]{1,8}".prop_map(|value| format!("<a title = 'a>b' href = {value} >"));
    let other = prop_oneof![
        Just("text &amp; more"),
        Just("<p>"),
        Just("</p>"),
        Just("<div class='<a href=no>'>"),
        Just("</div>"),
        Just("</a>"),
        Just("<b><i></b></i>"),
        Just("<!-- <a href=no> -->"),
        Just("<!doctype x>"),
        Just("<script>if (a<b) '<a href=no>'</script>"),
        Just("<style>/*<a href=no>*/</style>"),
        Just("<textarea><a href=no></textarea>"),
        Just("<br/>"),
        Just("< a href=no>"),
        Just("</ >"),
        Just("<?php <a ?>"),
    ];
    let piece = prop_oneof![3 => quoted, 1 => unquoted, 3 => other.prop_map(str::to_owned)];
    proptest::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_stream_has_the_links_of_the_tree(page in markup()) {
        prop_assert_eq!(each_once(links(&page)), each_once(oracle(&page)));
    }

    #[test]
    fn pieces_make_no_difference(page in markup(), piece in 1usize..20) {
        let wants = Wants { assets: true, ids: true, places: false };
        prop_assert_eq!(items(&page, wants, piece), items(&page, wants, usize::MAX));
    }

    #[test]
    fn every_link_is_rewritten(page in "([<>/!=\"' a-z-]|<a href=|<img src=|<noscript>){0,40}") {
        let rewritten = rewrite(&page, |_| Some("x".to_owned()));
        prop_assert_eq!(links(&rewritten), vec!["x"; links(&page).len()], "{}", rewritten);
    }
}

/// Links with their lines and texts: `URL LINE TEXT`.
fn places(page: &str, is_xml: bool, piece: usize) -> Vec<String> {
    let wants = Wants { assets: true, places: true, ..Wants::default() };
    let (mut links, mut line) = (Vec::new(), 0);
    let report = |item: Item<'_>| match item {
        Item::Line(n) => line = n,
        Item::Link(url, ..) => links.push(format!("{url} {line} ")),
        Item::Text(number, text) => links[number] += text,
        _ => (),
    };
    if is_xml {
        scan_xml(page, wants, report).unwrap();
    } else {
        let mut scanner = Scanner::new(wants, report);
        page.as_bytes().chunks(piece).for_each(|piece| scanner.write(piece));
        assert_eq!(scanner.end(), 0);
    }
    links
}

#[test]
fn lines_and_texts_of_links() {
    let page = "<!DOCTYPE html>\r\n<title>x</title>\r\n<!-- <a href=no>\r\n -->\
        <script>\r\n'<a href=no>'</script>\r\n\
        <a\r\n  class=x\r\n  href='a'\r\n>one\r\n <b>t<i>w</i>o</b> &amp; <!-- no -->three</a>\r\n\
        <p>no</p><a href=b><img src=c alt='a &lt; b'><script>no</script></a> no <a name=x>no</a>\r\n\
        <noscript>\r\n<a href=d>four</a></noscript>\r\n\
        <style>\r\np { background: url(e);\r\n}</style>\r\n\
        <map><area href=f alt=five></map><iframe title=six src=g></iframe>\r\n\
        <a href=h>seven<br>eight<a href=i>nine<p>ten\r\n<img srcset='j 1x,\r\nk 2x'>\r\n<link rel=next href=l>";
    let expected = [
        "a 8 one two & three",
        "b 11 a < b",
        "c 11 a < b",
        "d 13 four",
        "e 15 ",
        "f 17 five",
        "g 17 six",
        "h 18 seven eight",
        "i 18 nineten",
        "j 19 ",
        "k 19 ",
        "l 21 ",
    ];
    for piece in [1, 2, 7, 1_000] {
        assert_eq!(places(page, false, piece), expected, "{piece}");
    }
    assert_eq!(places("<a href=a>one&#27;[1m&nbsp; two</a>", false, 9), ["a 1 one [1m two"]);
    let page = "<a href=a>one <noscript><img src=b></noscript>two</a> no <a href=c>three</a>";
    assert_eq!(places(page, false, 1_000), ["a 1 one two", "b 1 ", "c 1 three"]);
    let page = "<?xml version='1.0'?>\n<html xmlns='http://www.w3.org/1999/xhtml'><body>\n<!-- <a href='no'/>\n-->\
        <a\nhref='a'>one <b>two</b> <img alt='&lt;3' src='b'/></a> no\n\
        <style>\np { background: url(c) }</style><a name='x'>no</a>\n\
        <iframe title='four' src='d'/><a href='e'/>no<a href='f'>five</a></body></html>";
    let expected = ["a 5 one two <3", "b 5 <3", "c 7 ", "d 8 four", "e 8 ", "f 8 five"];
    assert_eq!(places(page, true, 0), expected);
}

#[test]
fn lines_are_right_behind_what_is_too_long_to_read() {
    let wide = format!("<a\n{}>\n", "x=y\n".repeat(2 << 20));
    let nested = "<div>\n".repeat(200_000);
    let (mut line, mut lines) = (0, Vec::new());
    let wants = Wants { places: true, ..Wants::default() };
    let mut scanner = Scanner::new(wants, |item| match item {
        Item::Line(n) => line = n,
        Item::Link(..) => lines.push(line),
        _ => (),
    });
    for part in [&*nested, "<a href=x>\n", &wide, "\n<a href=y>"] {
        part.as_bytes().chunks(16 << 10).for_each(|piece| scanner.write(piece));
    }
    assert_eq!(scanner.end(), 1);
    assert_eq!(lines, [200_001, 200_001 + 1 + 1 + (2 << 20) + 1 + 1]);
}
