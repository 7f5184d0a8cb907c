//! The report of `crawl check`, in each of its formats.

use std::io::Write;
use std::sync::Arc;

use clap::ValueEnum;
use serde::Serialize;
use threadbare::cli;
use threadbare::engines::crawl::Crawl;
use threadbare::engines::crawl::check::{self, BrokenLink};
use threadbare::text::printable::Escaped;

use crate::junit;

/// How broken links are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Pages, and below each its broken links with their reasons
    Text,
    /// One JSON object per line
    Json,
    /// CSV with a header line (RFC 4180)
    Csv,
    /// A table per page
    Markdown,
    /// XML for CI servers, as of `JUnit`: one suite per page
    Junit,
}

/// A broken link in JSON.
#[derive(Serialize)]
struct Record<'a> {
    page: Option<&'a str>,
    line: Option<u32>,
    text: &'a str,
    url: &'a str,
    status: Option<u16>,
    reason: &'a str,
    redirects: Vec<&'a str>,
}

impl<'a> Record<'a> {
    fn new(page: Option<&'a Arc<str>>, link: &'a BrokenLink) -> Self {
        Record {
            page: page.map(|page| &**page),
            line: link.line,
            text: &link.text,
            url: &link.url,
            status: link.status,
            reason: &link.reason,
            redirects: link.redirects.iter().map(|url| &**url).collect(),
        }
    }
}

/// Prints the broken links to stdout, and returns whether there are any.
///
/// # Errors
/// When stdout cannot be written to. Only a reader of text may leave before the end, as `head` does:
/// a program that reads a part of another format would take it for the whole.
pub(crate) fn print(format: Format, crawl: &Crawl) -> anyhow::Result<bool> {
    let result = match format {
        Format::Text => return text(crawl),
        Format::Json => json(crawl),
        Format::Csv => csv(crawl),
        Format::Markdown => markdown(crawl),
        Format::Junit => junit::print(crawl),
    };
    let result = result.and_then(|has_broken| {
        cli::stdout().flush()?;
        Ok(has_broken)
    });
    result.map_err(|err| anyhow::Error::msg(err.to_string()))
}

/// Calls `each` with every broken link. Returns whether there are any.
fn for_each(
    crawl: &Crawl,
    mut each: impl FnMut(Record<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<bool> {
    let mut has_broken = false;
    for (page, links) in check::broken_links(crawl) {
        has_broken = true;
        links.iter().try_for_each(|link| each(Record::new(page.as_ref(), link)))?;
    }
    Ok(has_broken)
}

fn text(crawl: &Crawl) -> anyhow::Result<bool> {
    let mut out = cli::stdout();
    let mut has_broken = false;
    for (page, links) in check::broken_links(crawl) {
        has_broken = true;
        writeln!(out, "{}", page.as_deref().unwrap_or(START))?;
        for BrokenLink { url, reason, .. } in &links {
            writeln!(out, "    {url}: {}", Escaped(reason))?;
        }
    }
    Ok(has_broken)
}

/// The heading of broken start URLs, which are on no page.
pub(crate) const START: &str = "start URLs";

fn json(crawl: &Crawl) -> anyhow::Result<bool> {
    for_each(crawl, |record| Ok(writeln!(cli::stdout(), "{}", serde_json::to_string(&record)?)?))
}

/// Several redirects are in one field, with a space between: no URL contains one.
fn csv(crawl: &Crawl) -> anyhow::Result<bool> {
    let end = csv::Terminator::CRLF; // RFC 4180, 2
    let mut writer = csv::WriterBuilder::new().terminator(end).from_writer(cli::stdout());
    writer.write_record(["page", "line", "text", "url", "status", "reason", "redirects"])?;
    let has_broken = for_each(crawl, |record| {
        let Record { page, line, text, url, status, reason, redirects } = record;
        let line = line.map(|line| line.to_string()).unwrap_or_default();
        let status = status.map(|status| status.to_string()).unwrap_or_default();
        let (page, redirects) = (page.unwrap_or_default(), redirects.join(" "));
        Ok(writer.write_record([page, &line, text, url, &status, reason, &redirects])?)
    })?;
    writer.flush()?;
    Ok(has_broken)
}

/// Tables as GitHub and GitLab show them.
fn markdown(crawl: &Crawl) -> anyhow::Result<bool> {
    let mut out = cli::stdout();
    let n_links: usize = check::broken_links(crawl).map(|(_, links)| links.len()).sum();
    if n_links == 0 {
        writeln!(out, "No broken links.")?;
        return Ok(false);
    }
    writeln!(out, "# Broken links: {n_links}")?;
    for (page, links) in check::broken_links(crawl) {
        let heading = page.as_deref().map_or_else(|| START.to_owned(), markdown_link);
        writeln!(out, "\n## {heading}\n\n| Line | Link | URL | Reason |\n|---:|---|---|---|")?;
        for link in &links {
            let line = link.line.map(|line| line.to_string()).unwrap_or_default();
            let (text, url) = (markdown_text(&link.text), markdown_link(&link.url));
            writeln!(out, "| {line} | {text} | {url} | {} |", markdown_text(&link.reason))?;
        }
    }
    Ok(true)
}

/// A URL as a link. What would end the link or the cell is percent-encoded.
fn markdown_link(url: &str) -> String {
    let encoded = |c: char| match c {
        '|' | '<' | '>' | '\\' => format!("%{:02X}", u32::from(c)),
        c => c.to_string(),
    };
    format!("<{}>", url.chars().map(encoded).collect::<String>())
}

/// Text that is shown as it is in a cell of a table.
fn markdown_text(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            c if c.is_control() => escaped.push(' '),
            c if c.is_ascii_punctuation() && !",.;:/-()'\"".contains(c) => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    // GitHub makes links of what looks like a URL.
    escaped.replace("://", ":&#47;/")
}
