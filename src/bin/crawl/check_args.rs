//! The command line of `crawl check`.

use std::ops::RangeInclusive;
use std::time::Duration;

use clap::Args;
use threadbare::cli;
use threadbare::engines::crawl::{Options, OutsideOptions};

use crate::args::rate;
use crate::report::Format;

#[derive(Args)]
#[command(next_help_heading = "Outside links")]
pub(crate) struct OutsideFlags {
    /// Check the links to other hosts, too: each URL once, by HEAD or else GET
    ///
    /// Neither their links nor their robots.txt are read, and their #fragments are not looked up.
    /// --header is not sent to them.
    #[arg(long)]
    external: bool,
    /// Maximum number of outside requests in flight
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    external_n: u16,
    /// Maximum number of requests per second to one outside host
    #[arg(long, value_name = "R", default_value_t = 5.0, value_parser = rate)]
    external_rate: f64,
    /// Maximum time per outside request
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = cli::duration)]
    external_timeout: Duration,
}

#[derive(Args)]
#[command(next_help_heading = "Judgement")]
pub(crate) struct CheckFlags {
    /// Count these status codes as success, as in 403,429,500-599
    #[arg(long, value_name = "CODES", value_delimiter = ',', value_parser = codes)]
    accept: Vec<RangeInclusive<u16>>,
    /// Format of the report; all but text have the line and the text of each link
    #[arg(long, value_name = "FORMAT", help_heading = "Output", conflicts_with_all = ["json", "csv"])]
    pub(crate) format: Option<Format>,
    #[command(flatten)]
    outside: OutsideFlags,
}

impl CheckFlags {
    /// The options of the engine: `options` with what these flags say.
    pub(crate) fn options(&self, options: Options) -> Options {
        let OutsideFlags { external, external_n, external_rate, external_timeout } = self.outside;
        let outside = OutsideOptions {
            n_workers: external_n.into(),
            rate: external_rate,
            timeout: external_timeout,
        };
        let outside = external.then_some(outside);
        Options { accepted: self.accept.clone(), outside, keep_links: true, ..options }
    }
}

/// A status code, or the first and the last of several: `403`, `200-299`.
fn codes(text: &str) -> Result<RangeInclusive<u16>, &'static str> {
    let code = |text: &str| text.trim().parse().ok().filter(|code| (100..=999).contains(code));
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (code(first), code(last)) {
        (Some(first), Some(last)) if first <= last => Ok(first..=last),
        _ => Err("status codes are written as in 403,429,500-599"),
    }
}
