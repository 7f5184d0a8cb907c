//! Serves the web site of `site/web.rs` on 127.0.0.1 until the process is killed.
//!
//! `cargo run --release --example site -- [PORT]`; 0, the default, is any free port.

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
