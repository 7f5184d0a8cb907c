//! The reports of crawl check: every format says the same, and is what its readers expect.

use std::process::Command;

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

use super::wire::{Server, html, not_found, path};
use crate::support::{Outcome, command, outcome, run};

const PAGE: &str = "<!-- <a href=/no> -->\r\n<script>'<a href=/no>'</script>\r\n\
    <p><a class=x\r\n href='/gone'>one, \"two\" | <b>th<i>r</i>ee</b>\r\n</a> \
    <a href='/fine#no'>4</a>\r\n<a href='/moved'><img alt='&lt;5&gt;' src=/x></a> <a href=/gone>six</a>\r\n\
    <a href=/fine>";

/// A site with a page of four broken links, and one without any.
fn site() -> Server {
    Server::start(|head| {
        Some(match path(head) {
            "/a" => html(PAGE),
            "/fine" => html("fine"),
            "/moved" => b"HTTP/1.1 302 Found\r\nLocation: /lost\r\n\r\n".to_vec(),
            _ => not_found(),
        })
    })
}

fn check(site: &Server, format: &str) -> Outcome {
    let outcome = run("crawl", &["check", "--format", format, &site.url("/a")]);
    assert_eq!((outcome.code(), &*outcome.stderr), (1, ""), "{outcome:?}");
    outcome
}

#[test]
fn json_has_a_line_per_broken_link() {
    let site = site();
    let outcome = check(&site, "json");
    let records: Vec<serde_json::Value> =
        outcome.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (page, lost) = (site.url("/a"), site.url("/lost"));
    let expected = serde_json::json!([
        {"page": page, "line": 5, "text": "4", "url": site.url("/fine#no"), "status": 200,
         "reason": "no such fragment", "redirects": []},
        {"page": page, "line": 4, "text": "one, \"two\" | three", "url": site.url("/gone"), "status": 404,
         "reason": "404 Not Found", "redirects": []},
        {"page": page, "line": 6, "text": "<5>", "url": site.url("/moved"), "status": 404,
         "reason": format!("redirects to {lost}: 404 Not Found"), "redirects": [lost]},
    ]);
    assert_eq!(serde_json::Value::from(records), expected);
    let short = run("crawl", &["check", "--json", &page]);
    assert_eq!(short.stdout, outcome.stdout);
}

#[test]
fn csv_is_as_rfc_4180_says() {
    let site = site();
    let (page, lost) = (site.url("/a"), site.url("/lost"));
    let (fine, gone, moved) = (site.url("/fine#no"), site.url("/gone"), site.url("/moved"));
    let expected = [
        "page,line,text,url,status,reason,redirects".to_owned(),
        format!("{page},5,4,{fine},200,no such fragment,"),
        format!("{page},4,\"one, \"\"two\"\" | three\",{gone},404,404 Not Found,"),
        format!("{page},6,<5>,{moved},404,redirects to {lost}: 404 Not Found,{lost}"),
        String::new(),
    ];
    assert_eq!(check(&site, "csv").stdout, expected.join("\r\n"));
}

#[test]
fn markdown_is_a_table_per_page() {
    let site = site();
    let (page, lost) = (site.url("/a"), site.url("/lost").replace("://", ":&#47;/"));
    let (fine, gone, moved) = (site.url("/fine#no"), site.url("/gone"), site.url("/moved"));
    let expected = format!(
        "# Broken links: 3\n\n## <{page}>\n\n| Line | Link | URL | Reason |\n|---:|---|---|---|\n\
         | 5 | 4 | <{fine}> | no such fragment |\n\
         | 4 | one, \"two\" \\| three | <{gone}> | 404 Not Found |\n\
         | 6 | &lt;5&gt; | <{moved}> | redirects to {lost}: 404 Not Found |\n"
    );
    assert_eq!(check(&site, "markdown").stdout, expected);
    let outcome = run("crawl", &["check", "--format", "markdown", &site.url("/fine")]);
    outcome.is(0, "No broken links.\n", "");
}

#[test]
fn markdown_shows_text_as_it_is() {
    let page = "<a href='/x|y'>a *b* _c_ [d](e) `f` \\ &lt;g> &amp;amp; http://h/\n#i</a>";
    let site =
        Server::start(move |head| Some(if path(head) == "/a" { html(page) } else { not_found() }));
    let outcome = check(&site, "markdown");
    let text = "a \\*b\\* \\_c\\_ \\[d\\](e) \\`f\\` \\\\ &lt;g&gt; &amp;amp; http:&#47;/h/ \\#i";
    let expected = format!("| 1 | {text} | <{}> | 404 Not Found |", site.url("/x%7Cy"));
    assert_eq!(outcome.lines().last(), Some(&&*expected));
}

fn attribute(element: &BytesStart<'_>, name: &str) -> String {
    let attribute = element.try_get_attribute(name).unwrap();
    let attribute = attribute.unwrap_or_else(|| panic!("no {name} in {element:?}"));
    unescape(&attribute.value).unwrap().into_owned()
}

/// Per suite: its name, its tests and failures; and the messages of all failures.
fn suites(xml: &str) -> (Vec<(String, String, String)>, Vec<String>) {
    let mut reader = Reader::from_str(xml);
    let (mut suites, mut messages, mut n_tests) = (Vec::new(), Vec::new(), 0);
    loop {
        match reader.read_event().unwrap() {
            Event::Start(element) | Event::Empty(element) => match element.local_name().as_ref() {
                "testsuite" => {
                    let numbers = [attribute(&element, "tests"), attribute(&element, "failures")];
                    n_tests += numbers[0].parse::<usize>().unwrap();
                    let [tests, failures] = numbers;
                    suites.push((attribute(&element, "name"), tests, failures));
                }
                "testcase" => n_tests -= 1,
                "failure" => messages.push(attribute(&element, "message")),
                _ => (),
            },
            Event::Eof => break,
            _ => (),
        }
    }
    assert_eq!(n_tests, 0, "every test is there: {xml}");
    (suites, messages)
}

#[test]
fn junit_has_a_suite_per_page() {
    let site = site();
    let xml = check(&site, "junit").stdout;
    let (suites, messages) = suites(&xml);
    let expected = |path: &str, tests: &str, failures: &str| {
        (site.url(path), tests.to_owned(), failures.to_owned())
    };
    assert_eq!(suites, [expected("/a", "3", "3"), expected("/fine", "1", "0")]);
    let lost = format!("redirects to {}: 404 Not Found", site.url("/lost"));
    assert_eq!(messages, ["no such fragment", "404 Not Found", &lost]);
    assert!(
        xml.contains("line: 4\ntext: one, &quot;two&quot; | three\n")
            || xml.contains("line: 4\ntext: one, \"two\" | three\n"),
        "{xml}"
    );
}

#[test]
fn assets_and_style_sheets_have_lines_too() {
    let site = Server::start(|head| {
        Some(match path(head) {
            "/a" => html(
                "<link rel=stylesheet href=/css>\n<style>\n\np { background: url(/b.png) }</style>",
            ),
            "/css" => {
                b"HTTP/1.1 200 OK\r\nContent-Type: text/css\r\n\r\np {\n background: url(/c.png)"
                    .to_vec()
            }
            _ => not_found(),
        })
    });
    let outcome = run("crawl", &["check", "--assets", "--format", "csv", &site.url("/a")]);
    let (page, sheet) = (site.url("/a"), site.url("/css"));
    let (b, c) = (site.url("/b.png"), site.url("/c.png"));
    let expected =
        [format!("{page},4,,{b},404,404 Not Found,"), format!("{sheet},2,,{c},404,404 Not Found,")];
    assert_eq!(outcome.lines()[1..], expected, "{outcome:?}");
}

#[test]
fn links_that_nofollow_forbids_do_not_move_the_others() {
    let check = |page: &'static str, line: u32, text: &str| {
        let site = Server::start(move |head| {
            Some(if path(head) == "/a" { html(page) } else { not_found() })
        });
        let outcome = run("crawl", &["check", "--assets", "--json", &site.url("/a")]);
        let record: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
        let expected = (serde_json::json!(line), serde_json::json!(text));
        assert_eq!((record["line"].clone(), record["text"].clone()), expected, "{page}");
    };
    check(
        "<a rel=nofollow href=/x>one</a>\n<a href=//other.test/>two</a>\n<a href=/y>three</a>",
        3,
        "three",
    );
    let meta = "<meta name=robots content=nofollow><a href=/x>one</a>\n<img src=/y alt=two>";
    check(meta, 2, "two");
    check("<a href=/y>one</a>\n<a href=/y>two</a>", 1, "one");
}

#[test]
fn a_report_that_cannot_be_written_is_an_error() {
    let site = site();
    let shell = |format: &str, end: &str| {
        let crawl = command("crawl", &[""; 0]);
        let script = format!("\"$0\" check --format {format} {} {end}", site.url("/a"));
        let mut shell = Command::new("sh");
        outcome({
            shell.args(["-c", &script]).arg(crawl.get_program());
            shell
        })
    };
    for format in ["json", "csv", "markdown", "junit"] {
        let full = shell(format, "> /dev/full");
        assert_eq!((full.code(), full.stderr.lines().count()), (1, 1), "{format} {full:?}");
        assert_eq!(full.stderr, "crawl: stdout: No space left on device (os error 28)\n");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = command("crawl", &["check", "--format", format, &site.url("/a")]);
        let closed = command.stdout(writer).output().unwrap();
        let stderr = String::from_utf8(closed.stderr).unwrap();
        let expected = (Some(1), "crawl: stdout: closed by its reader\n");
        assert_eq!((closed.status.code(), &*stderr), expected, "{format}");
    }
}
