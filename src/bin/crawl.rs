//! 8.6 crawl: prints a site's pages, checks its links.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use crossbeam::channel::{self, Receiver};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use regex::Regex;
use serde::Serialize;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use threadbare::crawl::{self, Crawl, Options, Page, ScopeOptions, Summary, check};
use threadbare::{cli, fetch};

const GO_FLAGS: &[&str] = &["depth"];

/// Prints the pages of a site as they are fetched, each once.
///
/// Only the hosts of the given URLs, as far as robots.txt allows. A page that cannot be fetched is a
/// line on stderr; then the status is 1.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    site: Site,
}

#[derive(Subcommand)]
enum Command {
    /// Report broken links by the page that refers to them
    Check(Site),
}

#[derive(Args)]
struct Site {
    #[command(flatten)]
    urls: cli::Urls,
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
#[command(next_help_heading = "What to fetch")]
struct What {
    /// Follow no more than N links from the start
    #[arg(long, value_name = "N")]
    depth: Option<u32>,
    /// Fetch no more than N pages; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    max_pages: usize,
    /// Fetch images, scripts and style sheets too
    #[arg(long)]
    assets: bool,
    /// Begin with the pages that the sitemaps name, too
    #[arg(long)]
    sitemap: bool,
    /// Stay in the folder of the start
    #[arg(long)]
    below: bool,
    /// Further hosts to crawl: HOST or HOST:PORT, with commas between
    #[arg(long, value_name = "HOSTS", value_delimiter = ',')]
    hosts: Vec<String>,
    /// Crawl every host there is a link to
    #[arg(long)]
    span: bool,
    /// Only URLs that match the regular expression
    #[arg(long, value_name = "REGEX")]
    include: Vec<Regex>,
    /// No URLs that match the regular expression
    #[arg(long, value_name = "REGEX")]
    exclude: Vec<Regex>,
    /// Disregard robots.txt, nofollow and the like
    #[arg(long)]
    no_robots: bool,
}

#[derive(Args)]
#[command(next_help_heading = "How to fetch")]
struct How {
    /// Requests at once
    #[arg(short, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    n: u16,
    /// Requests at once to one host [default: as many as in all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    per_host: Option<u16>,
    /// Requests a second to one host
    #[arg(long, value_name = "R", value_parser = rate)]
    rate: Option<f64>,
    /// Try again N times where a failure may pass
    #[arg(long, value_name = "N", default_value_t = 2)]
    retries: u32,
    /// The most a page may take, from look-up to last byte
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = cli::duration)]
    timeout: Duration,
    /// The most bytes a page may have
    #[arg(long, value_name = "BYTES", default_value_t = 10 << 20)]
    max_body: u64,
    /// A further header to send: 'Name: value'
    #[arg(long, value_name = "HEADER", value_parser = header)]
    header: Vec<(String, String)>,
    /// What to call ourselves
    #[arg(long, value_name = "NAME", default_value = concat!("threadbare/", env!("CARGO_PKG_VERSION")))]
    user_agent: String,
}

#[derive(Args)]
#[command(next_help_heading = "Output")]
struct Output {
    /// Print a JSON object a line
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV
    #[arg(long)]
    csv: bool,
    /// Print pages a second at the end, on stderr
    #[arg(long)]
    stats: bool,
}

fn main() -> ExitCode {
    cli::run(GO_FLAGS, |args: Cli| match args.command {
        None => pages(&args.site),
        Some(Command::Check(site)) => check(&site),
    })
}

/// `crawl URL…`
fn pages(site: &Site) -> anyhow::Result<ExitCode> {
    let mut table = site.output.csv.then(|| csv::Writer::from_writer(cli::stdout()));
    let crawl = crawl(site, &site.options(), &mut |page| match &mut table {
        Some(table) => Ok(table.serialize(Record::new(page))?),
        None => print(page, site.output.json),
    })?;
    table.map_or(Ok(()), |mut table| table.flush())?;
    Ok(finish(site, &crawl, crawl.summary.n_failed > 0))
}

fn print(page: &Page, json: bool) -> anyhow::Result<()> {
    let mut out = cli::stdout();
    if json {
        writeln!(out, "{}", serde_json::to_string(&Record::new(page))?)?;
    } else if page.error.is_none() && page.redirect.is_none() {
        writeln!(out, "{}", page.url)?;
    }
    Ok(())
}

/// `crawl check URL…`
fn check(site: &Site) -> anyhow::Result<ExitCode> {
    let options = Options { remember: true, ..site.options() };
    let crawl = crawl(site, &options, &mut |_| Ok(()))?;
    let broken = check::broken(&crawl);
    let mut table = site.output.csv.then(|| csv::Writer::from_writer(cli::stdout()));
    let mut out = cli::stdout();
    for (page, links) in &broken {
        if !site.output.json && table.is_none() {
            writeln!(out, "{}", page.as_deref().unwrap_or("given to start from"))?;
        }
        for link in links {
            let record = BrokenRecord { page: page.as_deref(), url: &link.url, reason: &link.reason };
            match &mut table {
                Some(table) => table.serialize(record)?,
                None if site.output.json => writeln!(out, "{}", serde_json::to_string(&record)?)?,
                None => writeln!(out, "    {}: {}", link.url, cli::OneLine(&link.reason))?,
            }
        }
    }
    table.map_or(Ok(()), |mut table| table.flush())?;
    Ok(finish(site, &crawl, !broken.is_empty()))
}

/// Crawls, with progress on a terminal and an end by signal.
fn crawl(
    site: &Site,
    options: &Options,
    each: &mut dyn FnMut(&Page) -> anyhow::Result<()>,
) -> anyhow::Result<Crawl> {
    let done = signals()?;
    let progress = progress();
    let mut outcome = Ok(());
    let crawl = crawl::run(&site.urls.urls, options, &done, &mut |pages, summary| {
        outcome = pages.iter().try_for_each(|page| {
            tell(page, options, &progress);
            each(page)
        });
        progress.set_message(line(summary));
        outcome.is_ok()
    })?;
    progress.finish_and_clear();
    outcome?;
    Ok(crawl)
}

/// What went wrong, on stderr; `check` prints it later, with the pages that refer to it.
fn tell(page: &Page, options: &Options, progress: &ProgressBar) {
    progress.suspend(|| {
        if let Some(error) = page.error.as_ref().filter(|_| !options.remember) {
            cli::warn(&format!("{}: {error}", page.url));
        }
        if page.n_too_long > 0 {
            cli::warn(&format!("{}: links too long to follow: {}", page.url, page.n_too_long));
        }
    });
}

/// A channel that is closed by the first SIGINT or SIGTERM. The second ends the process at once.
fn signals() -> anyhow::Result<Receiver<()>> {
    let (cancel, done) = channel::bounded(0);
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::spawn(move || {
        let mut cancel = Some(cancel);
        for signal in signals.forever() {
            SIGNAL.store(signal, std::sync::atomic::Ordering::Relaxed);
            if cancel.take().is_none() {
                _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        }
    });
    Ok(done)
}

/// The signal that came, or 0.
static SIGNAL: std::sync::atomic::AtomicI32 = std::sync::atomic::AtomicI32::new(0);

/// A line of progress where someone is watching and the pages themselves go elsewhere.
fn progress() -> ProgressBar {
    if std::io::stdout().is_terminal() || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{elapsed} {msg}").expect("a constant that parses");
    ProgressBar::new_spinner().with_style(style)
}

fn line(summary: &Summary) -> String {
    let Summary { n_pages, n_failed, n_waiting, .. } = summary;
    format!("{n_pages} pages, {n_waiting} waiting, {n_failed} failed")
}

/// The last words, and the exit status.
fn finish(site: &Site, crawl: &Crawl, failed: bool) -> ExitCode {
    let summary = &crawl.summary;
    if summary.is_limited {
        cli::warn(&format!("not all was fetched: --max-pages is {}", site.what.max_pages));
    }
    if site.output.stats {
        let Summary { n_pages, n_failed, n_forbidden, n_bytes, time, .. } = *summary;
        let rate = n_pages as f64 / time.as_secs_f64();
        cli::warn(&format!(
            "{n_pages} pages, {n_failed} failed, {n_forbidden} forbidden, {} in {time:.2?}: {rate:.0} pages/s",
            HumanBytes(n_bytes)
        ));
    }
    if summary.is_cancelled {
        _ = cli::stdout().flush();
        let signal = SIGNAL.load(std::sync::atomic::Ordering::Relaxed);
        _ = signal_hook::low_level::emulate_default_handler(signal);
    }
    cli::status(failed || summary.is_limited)
}

/// A page in JSON and CSV.
#[derive(Serialize)]
struct Record<'a> {
    url: &'a str,
    depth: u32,
    status: Option<u16>,
    error: Option<&'a str>,
    redirect: Option<&'a str>,
    #[serde(rename = "type")]
    mime: &'a str,
    bytes: u64,
    links: usize,
    ms: f64,
}

impl<'a> Record<'a> {
    fn new(page: &'a Page) -> Self {
        Record {
            url: &page.url,
            depth: page.depth,
            status: page.status,
            error: page.error.as_deref(),
            redirect: page.redirect.as_deref(),
            mime: &page.mime,
            bytes: page.n_bytes,
            links: page.n_links,
            ms: page.time.as_micros() as f64 / 1e3,
        }
    }
}

/// A broken link in JSON and CSV.
#[derive(Serialize)]
struct BrokenRecord<'a> {
    page: Option<&'a str>,
    url: &'a str,
    reason: &'a str,
}

impl Site {
    fn options(&self) -> Options {
        let Site { what, how, .. } = self;
        let n_workers = how.n.into();
        Options {
            n_workers,
            depth: what.depth,
            pages_max: if what.max_pages == 0 { usize::MAX } else { what.max_pages },
            assets: what.assets,
            robots: !what.no_robots,
            sitemap: what.sitemap,
            rate: how.rate,
            per_host: how.per_host.map_or(n_workers, usize::from),
            retries: how.retries,
            remember: false,
            spool: None,
            scope: ScopeOptions {
                below: what.below,
                hosts: what.hosts.clone(),
                span: what.span,
                include: what.include.clone(),
                exclude: what.exclude.clone(),
            },
            fetch: fetch::Options {
                timeout: how.timeout,
                body_max: how.max_body,
                n_idle: n_workers,
                user_agent: how.user_agent.clone(),
                headers: how.header.clone(),
            },
        }
    }
}

fn rate(text: &str) -> Result<f64, &'static str> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.ok_or("requests a second are a number above 0")
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a header is 'Name: value'")?;
    fetch::header(name.trim(), value.trim())
}
