//! A web site to crawl, on 127.0.0.1: everything in `site/web.rs`, until it is killed.
//!
//! `cargo run --release --example site -- [PORT]`; 0, the default, picks a free port.

use std::io::Write;

#[path = "site/web.rs"]
mod web;

fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(0);
    let site = web::Site::on_port(port, web::Robots::Text(""));
    writeln!(std::io::stderr(), "listening on {}", site.addr())?;
    loop {
        std::thread::park();
    }
}
