//! The report of `crawl check` in the XML of `JUnit`, which CI servers read.
//!
//! Each page is a suite. A page without broken links has one test, which passes; on others each
//! broken link is a test that fails. The attributes are those that the schema of Ant's task (`JUnit.xsd`)
//! demands; Jenkins's schema allows all of them.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use jiff::Timestamp;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use threadbare::cli;
use threadbare::engines::crawl::Crawl;
use threadbare::engines::crawl::check::{self, BrokenLink};

use crate::report::START;

/// Prints the broken links, and the pages without any. Returns whether there are broken links.
///
/// # Errors
/// When stdout cannot be written to.
pub(crate) fn print(crawl: &Crawl) -> anyhow::Result<bool> {
    let pages = check::fetched_pages(crawl);
    let broken: BTreeMap<_, _> = check::broken_links(crawl).collect();
    let good = pages.iter().filter(|page| !broken.contains_key(&Some(Arc::clone(page))));
    let good = good.map(|page| Suite { page, links: &[] });
    let bad = broken.iter();
    let bad = bad.map(|(page, links)| Suite { page: page.as_deref().unwrap_or(START), links });
    let mut suites: Vec<Suite<'_>> = bad.chain(good).collect();
    suites.sort_by_key(|suite| suite.page);
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let mut writer = Writer::new_with_indent(cli::stdout(), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let root = writer.create_element("testsuites");
    root.write_inner_content(|writer| {
        let mut suites = (0..).zip(&suites);
        suites.try_for_each(|(id, suite)| suite.write(writer, id, &now))
    })?;
    writeln!(cli::stdout())?;
    Ok(!broken.is_empty())
}

/// The results of one page.
struct Suite<'a> {
    page: &'a str,
    links: &'a [BrokenLink],
}

impl Suite<'_> {
    fn write(&self, writer: &mut Writer<cli::Stdout>, id: usize, now: &str) -> std::io::Result<()> {
        let (n_tests, n_failed) = (self.links.len().max(1), self.links.len());
        let numbers = [("id", id), ("tests", n_tests), ("failures", n_failed), ("errors", 0)];
        let numbers = numbers.map(|(name, n)| (name, n.to_string()));
        let mut suite = writer.create_element("testsuite");
        for (name, n) in &numbers {
            suite = suite.with_attribute((*name, n.as_str()));
        }
        let texts = [
            ("name", self.page),
            ("package", "crawl"),
            ("hostname", host(self.page)),
            ("timestamp", now),
            ("time", "0"),
        ];
        for (name, text) in texts {
            suite = suite.with_attribute((name, &*allowed(text)));
        }
        suite.write_inner_content(|writer| {
            writer.create_element("properties").write_empty()?;
            if self.links.is_empty() {
                test(writer, "no broken links", self.page).write_empty()?;
            }
            self.links.iter().try_for_each(|link| failure(writer, self.page, link))?;
            writer.create_element("system-out").write_empty()?;
            writer.create_element("system-err").write_empty()?;
            Ok(())
        })?;
        Ok(())
    }
}

type Element<'w> = quick_xml::writer::ElementWriter<'w, cli::Stdout>;

fn test<'w>(writer: &'w mut Writer<cli::Stdout>, name: &str, page: &str) -> Element<'w> {
    let test = writer.create_element("testcase").with_attribute(("name", &*allowed(name)));
    test.with_attribute(("classname", &*allowed(page))).with_attribute(("time", "0"))
}

fn failure(writer: &mut Writer<cli::Stdout>, page: &str, link: &BrokenLink) -> std::io::Result<()> {
    let BrokenLink { url, reason, line, text, status, redirects } = link;
    let mut details = vec![format!("page: {page}")];
    details.extend(line.map(|line| format!("line: {line}")));
    details.extend((!text.is_empty()).then(|| format!("text: {text}")));
    details.push(format!("url: {url}"));
    details.extend(redirects.iter().map(|to| format!("redirects to: {to}")));
    details.push(format!("reason: {reason}"));
    let failed = status.filter(|status| !(200..300).contains(status));
    let kind = failed.map_or_else(|| "broken".to_owned(), |status| status.to_string());
    let details = details.join("\n");
    test(writer, url, page).write_inner_content(|writer| {
        let failure = writer.create_element("failure").with_attribute(("type", kind.as_str()));
        let failure = failure.with_attribute(("message", &*allowed(reason)));
        failure.write_text_content(BytesText::new(&allowed(&details)))?;
        Ok(())
    })?;
    Ok(())
}

fn host(page: &str) -> &str {
    let host = page.split_once("://").map_or("localhost", |(_, rest)| rest);
    host.split('/').next().unwrap_or_default()
}

/// The text with U+FFFD for each character that XML forbids (XML 1.0, 2.2).
fn allowed(text: &str) -> String {
    let is_allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|c| if is_allowed(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}
