//! URLs as arguments.

use clap::Parser;

use crate::web::urls;

/// Crawl web sites and print the URL of every page.
#[derive(Parser, Clone, Debug)]
pub struct Urls {
    /// http:// or https:// URLs to start from
    #[arg(required = true, value_name = "URL", value_parser = urls::absolute)]
    pub urls: Vec<String>,
}
