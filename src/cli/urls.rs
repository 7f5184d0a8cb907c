//! The arguments of a crawler.

use clap::Parser;

use crate::web::urls;

/// The URLs that a crawl starts from.
#[derive(Parser, Clone, Debug)]
pub struct Urls {
    /// http:// or https:// URLs to start from
    #[arg(required = true, value_name = "URL", value_parser = urls::absolute)]
    pub urls: Vec<String>,
}
