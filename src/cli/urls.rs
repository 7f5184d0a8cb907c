//! URLs as arguments.

use clap::Parser;

use crate::web::urls;

/// Crawl web sites and print the URL of every page.
#[derive(Parser, Clone, Debug)]
pub struct Urls {
    /// URLs to start from; without http:// or https://, a host such as localhost:8000 is asked by http
    #[arg(required = true, value_name = "URL", value_parser = urls::absolute)]
    pub urls: Vec<String>,
}
