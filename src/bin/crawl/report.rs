//! The report of `crawl check`, in each of its formats.

use std::collections::BTreeMap;
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

/// The broken links of each page; start URLs that are broken have the key `None`.
pub(crate) type Broken = BTreeMap<Option<Arc<str>>, Vec<BrokenLink>>;

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

/// Prints the broken links to stdout.
///
/// # Errors
/// When stdout cannot be written to. Only a reader of text may leave before the end, as `head` does:
/// a program that reads a part of another format would take it for the whole.
pub(crate) fn print(format: Format, crawl: &Crawl, broken: &Broken) -> anyhow::Result<()> {
    let result = match format {
        Format::Text => return text(broken),
        Format::Json => json(broken),
        Format::Csv => csv(broken),
        Format::Markdown => markdown(broken),
        Format::Junit => junit::print(check::fetched_pages(crawl), broken),
    };
    let result = result.and_then(|()| Ok(cli::stdout().flush()?));
    result.map_err(|err| anyhow::Error::msg(err.to_string()))
}

fn records(broken: &Broken) -> impl Iterator<Item = Record<'_>> {
    let pages = broken.iter();
    pages.flat_map(|(page, links)| links.iter().map(|link| Record::new(page.as_ref(), link)))
}

fn text(broken: &Broken) -> anyhow::Result<()> {
    let mut out = cli::stdout();
    for (page, links) in broken {
        writeln!(out, "{}", page.as_deref().unwrap_or(START))?;
        for BrokenLink { url, reason, .. } in links {
            writeln!(out, "    {url}: {}", Escaped(reason))?;
        }
    }
    Ok(())
}

/// The heading of broken start URLs, which are on no page.
pub(crate) const START: &str = "start URLs";

fn json(broken: &Broken) -> anyhow::Result<()> {
    for record in records(broken) {
        writeln!(cli::stdout(), "{}", serde_json::to_string(&record)?)?;
    }
    Ok(())
}

/// Several redirects are in one field, with a space between: no URL contains one.
fn csv(broken: &Broken) -> anyhow::Result<()> {
    let end = csv::Terminator::CRLF; // RFC 4180, 2
    let mut writer = csv::WriterBuilder::new().terminator(end).from_writer(cli::stdout());
    writer.write_record(["page", "line", "text", "url", "status", "reason", "redirects"])?;
    for Record { page, line, text, url, status, reason, redirects } in records(broken) {
        let line = line.map(|line| line.to_string()).unwrap_or_default();
        let status = status.map(|status| status.to_string()).unwrap_or_default();
        let (page, redirects) = (page.unwrap_or_default(), redirects.join(" "));
        writer.write_record([page, &line, text, url, &status, reason, &redirects])?;
    }
    Ok(writer.flush()?)
}

/// Tables as GitHub and GitLab show them.
fn markdown(broken: &Broken) -> anyhow::Result<()> {
    let mut out = cli::stdout();
    if broken.is_empty() {
        return Ok(writeln!(out, "No broken links.")?);
    }
    let n_links: usize = broken.values().map(Vec::len).sum();
    writeln!(out, "# Broken links: {n_links}")?;
    for (page, links) in broken {
        let heading = page.as_deref().map_or_else(|| START.to_owned(), markdown_link);
        writeln!(out, "\n## {heading}\n\n| Line | Link | URL | Reason |\n|---:|---|---|---|")?;
        for link in links {
            let line = link.line.map(|line| line.to_string()).unwrap_or_default();
            let (text, url) = (markdown_text(&link.text), markdown_link(&link.url));
            writeln!(out, "| {line} | {text} | {url} | {} |", markdown_text(&link.reason))?;
        }
    }
    Ok(())
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
