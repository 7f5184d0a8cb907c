//! URLs as arguments.

use clap::Parser;

use crate::web::urls;

/// One or more absolute web URLs: where a crawl starts.
#[derive(Parser, Clone, Debug)]
pub struct Urls {
    /// http:// or https:// URLs to start from
    #[arg(required = true, value_name = "URL", value_parser = urls::absolute)]
    pub urls: Vec<String>,
}
