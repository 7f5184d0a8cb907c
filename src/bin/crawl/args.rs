//! The arguments of crawl.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use regex::Regex;
use threadbare::cli;
use threadbare::engines::crawl::{Options, ScopeOptions};
use threadbare::web::fetch;

use crate::records::Records;

/// Prints the pages of a site as they are fetched, each once.
///
/// Only the hosts of the given URLs, as far as robots.txt allows. A page that cannot be fetched is a
/// line on stderr; then the status is 1.
#[derive(Parser)]
#[command(subcommand_negates_reqs = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) urls: cli::Urls,
    #[command(flatten)]
    pub(crate) flags: Flags,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Report broken links by the page that refers to them
    Check(cli::Urls),
    /// Save a copy of a site in DIR that can be walked offline
    Mirror {
        /// The folder to save it in
        dir: PathBuf,
        #[command(flatten)]
        urls: cli::Urls,
    },
}

/// What may stand before a subcommand's name as well as after it.
#[derive(Args)]
pub(crate) struct Flags {
    #[command(flatten)]
    pub(crate) what: What,
    #[command(flatten)]
    pub(crate) how: How,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Args)]
#[command(next_help_heading = "What to fetch")]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct What {
    /// Follow no more than N links from the start
    #[arg(global = true, long, value_name = "N")]
    pub(crate) depth: Option<u32>,
    /// Fetch no more than N pages; 0 for no limit
    #[arg(global = true, long, value_name = "N", default_value_t = 100_000)]
    pub(crate) max_pages: usize,
    /// Fetch images, scripts and style sheets too
    #[arg(global = true, long)]
    pub(crate) assets: bool,
    /// Begin with the pages that the sitemaps name, too
    #[arg(global = true, long)]
    pub(crate) sitemap: bool,
    /// Stay in the folder of the start
    #[arg(global = true, long)]
    pub(crate) below: bool,
    /// Further hosts to crawl: HOST or HOST:PORT, with commas between
    #[arg(global = true, long, value_name = "HOSTS", value_delimiter = ',')]
    pub(crate) hosts: Vec<String>,
    /// Crawl every host there is a link to
    #[arg(global = true, long)]
    pub(crate) span: bool,
    /// Only URLs that match the regular expression
    #[arg(global = true, long, value_name = "REGEX")]
    pub(crate) include: Vec<Regex>,
    /// No URLs that match the regular expression
    #[arg(global = true, long, value_name = "REGEX")]
    pub(crate) exclude: Vec<Regex>,
    /// Disregard robots.txt, nofollow and the like
    #[arg(global = true, long)]
    pub(crate) no_robots: bool,
}

#[derive(Args)]
#[command(next_help_heading = "How to fetch")]
pub(crate) struct How {
    /// Requests at once
    #[arg(global = true, short, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub(crate) n: u16,
    /// Requests at once to one host [default: as many as in all]
    #[arg(global = true, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) per_host: Option<u16>,
    /// Requests a second to one host
    #[arg(global = true, long, value_name = "R", value_parser = rate)]
    pub(crate) rate: Option<f64>,
    /// Try again N times where a failure may pass
    #[arg(global = true, long, value_name = "N", default_value_t = 2)]
    pub(crate) retries: u32,
    /// The most a page may take, from look-up to last byte
    #[arg(global = true, long, value_name = "TIME", default_value = "30s", value_parser = cli::duration)]
    pub(crate) timeout: Duration,
    /// The most bytes a page may have
    #[arg(global = true, long, value_name = "BYTES", default_value_t = 10 << 20)]
    pub(crate) max_body: u64,
    /// A further header to send: 'Name: value'
    #[arg(global = true, long, value_name = "HEADER", value_parser = header)]
    pub(crate) header: Vec<(String, String)>,
    /// Trust the authorities in FILE (PEM) and no others
    #[arg(global = true, long, value_name = "FILE", value_parser = fetch::authorities)]
    pub(crate) cacert: Option<fetch::Authorities>,
    /// What to call ourselves
    #[arg(global = true, long, value_name = "NAME", default_value = concat!("threadbare/", env!("CARGO_PKG_VERSION")))]
    pub(crate) user_agent: String,
}

#[derive(Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Output {
    /// Print a JSON object a line
    #[arg(global = true, long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// Print CSV
    #[arg(global = true, long)]
    pub(crate) csv: bool,
    /// Print pages a second at the end, on stderr
    #[arg(global = true, long)]
    pub(crate) stats: bool,
}

impl Flags {
    /// How results are printed.
    pub(crate) fn records(&self) -> Records {
        Records::new(self.output.json, self.output.csv)
    }

    /// What the flags ask for.
    pub(crate) fn options(&self) -> Options {
        let Flags { what, how, .. } = self;
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
                authorities: how.cacert.clone(),
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
