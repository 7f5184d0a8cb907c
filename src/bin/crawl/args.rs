//! The command line of crawl.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use regex::Regex;
use threadbare::cli;
use threadbare::engines::crawl::{Options, ScopeOptions};
use threadbare::web::cookies::Cookies;
use threadbare::web::{fetch, proxies};

use crate::records::Records;
use crate::report::Format;
use crate::targets::CheckArgs;

/// Crawl web sites and print the URL of every page, once each
///
/// Only the hosts of the given URLs are crawled, as far as robots.txt allows. A page that cannot be
/// fetched is reported on stderr, and the exit status is then 1.
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
    /// Report broken links, grouped by the page that contains them
    Check(CheckArgs),
    /// Save a copy of a site in DIR for offline browsing
    Mirror {
        /// Directory to save the copy in
        dir: PathBuf,
        /// Fetch only what changed since the last run with --update; DIR/.crawl remembers what to ask
        #[arg(long)]
        update: bool,
        #[command(flatten)]
        urls: cli::Urls,
    },
}

/// Flags that may stand before or after the name of a subcommand.
#[derive(Args)]
pub(crate) struct Flags {
    #[command(flatten)]
    pub(crate) selection: SelectionFlags,
    #[command(flatten)]
    pub(crate) requests: RequestFlags,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

#[derive(Args)]
#[command(next_help_heading = "What to fetch")]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct SelectionFlags {
    /// Maximum number of links between a start URL and a page
    #[arg(global = true, long, value_name = "N")]
    pub(crate) depth: Option<u32>,
    /// Maximum number of pages to fetch (0 = unlimited)
    #[arg(global = true, long, value_name = "N", default_value_t = 100_000)]
    pub(crate) max_pages: usize,
    /// Fetch images, scripts and style sheets too
    #[arg(global = true, long)]
    pub(crate) assets: bool,
    /// Start from the pages named in sitemaps, too
    #[arg(global = true, long)]
    pub(crate) sitemap: bool,
    /// Stay in the folders of the start URLs and below
    #[arg(global = true, long)]
    pub(crate) below: bool,
    /// Crawl these hosts, too: HOST or HOST:PORT, separated by commas
    #[arg(global = true, long, value_name = "HOSTS", value_delimiter = ',')]
    pub(crate) hosts: Vec<String>,
    /// Follow links to every host
    #[arg(global = true, long)]
    pub(crate) span: bool,
    /// Fetch only URLs that match this regular expression (repeatable)
    #[arg(global = true, long, value_name = "REGEX")]
    pub(crate) include: Vec<Regex>,
    /// Skip URLs that match this regular expression (repeatable)
    #[arg(global = true, long, value_name = "REGEX")]
    pub(crate) exclude: Vec<Regex>,
    /// Save progress in FILE; after ^C, the same command continues from it. Removed at the end
    #[arg(global = true, long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// Ignore robots.txt, nofollow and X-Robots-Tag
    #[arg(global = true, long)]
    pub(crate) no_robots: bool,
}

#[derive(Args)]
#[command(next_help_heading = "How to fetch")]
pub(crate) struct RequestFlags {
    /// Maximum number of requests in flight
    #[arg(global = true, short, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub(crate) n: u16,
    /// Maximum number of requests in flight to one host [default: the value of -n]
    #[arg(global = true, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) per_host: Option<u16>,
    /// Maximum number of requests per second to one host
    #[arg(global = true, long, value_name = "R", value_parser = rate)]
    pub(crate) rate: Option<f64>,
    /// Number of further attempts after a temporary failure other than a timeout
    #[arg(global = true, long, value_name = "N", default_value_t = 2)]
    pub(crate) retries: u32,
    /// Maximum time per page, from the name look-up to the last byte
    #[arg(global = true, long, value_name = "TIME", default_value = "30s", value_parser = cli::duration)]
    pub(crate) timeout: Duration,
    /// Maximum size of a page in bytes
    #[arg(global = true, long, value_name = "BYTES", default_value_t = 10 << 20)]
    pub(crate) max_body: u64,
    /// Send this header to the start URLs' hosts: 'Name: value' (repeatable)
    #[arg(global = true, long, value_name = "HEADER", value_parser = header)]
    pub(crate) header: Vec<(String, String)>,
    /// Send the cookies in FILE, in the format of cookies.txt, to their hosts
    ///
    /// Cookies that a server sets are sent back to it in any case, until the crawl ends.
    #[arg(global = true, long, value_name = "FILE", value_parser = Cookies::read)]
    pub(crate) cookies: Option<Cookies>,
    /// Trust only the certificate authorities in FILE (PEM)
    #[arg(global = true, long, value_name = "FILE", value_parser = fetch::read_authorities)]
    pub(crate) cacert: Option<fetch::Authorities>,
    /// Accept every certificate: anyone on the way can read and change what is sent
    #[arg(global = true, long, conflicts_with = "cacert")]
    pub(crate) insecure: bool,
    /// Send all requests through this proxy: http, https or socks5://USER:PASSWORD@HOST:PORT
    ///
    /// Without it, the variables `http_proxy`, `https_proxy` and `all_proxy` name proxies. The hosts
    /// in `no_proxy` are asked without one.
    #[arg(global = true, long, value_name = "URL", value_parser = proxies::parse)]
    pub(crate) proxy: Option<fetch::Proxy>,
    /// Set the User-Agent header, whose first word is our name in robots.txt
    #[arg(global = true, long, value_name = "NAME", default_value = concat!("threadbare/", env!("CARGO_PKG_VERSION")))]
    pub(crate) user_agent: String,
}

#[derive(Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputFlags {
    /// Print one JSON object per line
    #[arg(global = true, long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// Print CSV with a header line
    #[arg(global = true, long)]
    pub(crate) csv: bool,
    /// Print statistics to stderr at the end
    #[arg(global = true, long)]
    pub(crate) stats: bool,
}

impl Flags {
    /// How results are printed.
    pub(crate) fn records(&self) -> Records {
        Records::new(self.output.json, self.output.csv)
    }

    /// How `check` prints its report.
    pub(crate) fn report_format(&self, format: Option<Format>) -> Format {
        let OutputFlags { json, csv, .. } = self.output;
        let short = json.then_some(Format::Json).or(csv.then_some(Format::Csv));
        format.or(short).unwrap_or(Format::Text)
    }

    /// The options of the engine.
    ///
    /// # Errors
    /// When a variable of the environment names a proxy that is none.
    pub(crate) fn options(&self) -> anyhow::Result<Options> {
        let Flags { selection, requests, .. } = self;
        let n_workers = requests.n.into();
        Ok(Options {
            n_workers,
            depth: selection.depth,
            pages_max: if selection.max_pages == 0 { usize::MAX } else { selection.max_pages },
            assets: selection.assets,
            robots: !selection.no_robots,
            sitemap: selection.sitemap,
            rate: requests.rate,
            per_host: requests.per_host.map_or(n_workers, usize::from),
            retries: requests.retries,
            state: selection.state.clone(),
            scope: ScopeOptions {
                below: selection.below,
                hosts: selection.hosts.clone(),
                span: selection.span,
                include: selection.include.clone(),
                exclude: selection.exclude.clone(),
            },
            fetch: requests.options()?,
            ..Options::default()
        })
    }
}

impl RequestFlags {
    fn options(&self) -> anyhow::Result<fetch::Options> {
        let proxies = fetch::Proxies::new(self.proxy.clone(), |name| env::var(name).ok());
        Ok(fetch::Options {
            timeout: self.timeout,
            body_max: self.max_body,
            n_idle: self.n.into(),
            user_agent: self.user_agent.clone(),
            headers: self.header.clone(),
            authorities: self.cacert.clone(),
            is_insecure: self.insecure,
            cookies: self.cookies.clone().unwrap_or_default(),
            proxies: proxies.map_err(anyhow::Error::msg)?,
        })
    }
}

pub(crate) fn rate(text: &str) -> Result<f64, &'static str> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.ok_or("the rate must be a number above 0")
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a header is written 'Name: value'")?;
    fetch::check_header(name.trim(), value.trim())
}
