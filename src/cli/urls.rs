//! URLs as arguments.

use std::path::Path;

use clap::Parser;

use crate::web::urls;

/// Crawl web sites and print the URL of every page.
#[derive(Parser, Clone, Debug)]
pub struct Urls {
    /// URLs to start from; without http:// or https://, a host such as localhost:8000 is asked by http
    #[arg(required = true, value_name = "URL", value_parser = url)]
    pub urls: Vec<String>,
}

fn url(text: &str) -> Result<String, String> {
    if !text.contains("://") && Path::new(text).is_dir() {
        return Err("is a folder; only `crawl check` takes one".to_owned());
    }
    urls::absolute(text)
}
