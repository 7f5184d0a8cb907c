//! Arguments that several programs share.

use std::path::PathBuf;

use clap::Parser;
use clap::builder::{OsStringValueParser, TypedValueParser};

/// Serve clients on an address and port.
#[derive(Parser, Clone, Debug)]
pub struct Listen {
    /// Port to listen on (0 = chosen by the system)
    #[arg(long, value_name = "N", default_value_t = 8000)]
    pub port: u16,
    /// Address or host name to listen on (a name: all its addresses; 0.0.0.0 or :: = every interface)
    #[arg(long, value_name = "ADDR", default_value = "localhost")]
    pub bind: String,
}

impl Listen {
    /// Returns `BIND:PORT`, with brackets around an IPv6 address, as the resolver takes it.
    #[must_use]
    pub fn addr(&self) -> String {
        let is_bare_ipv6 = self.bind.contains(':') && !self.bind.starts_with('[');
        let Listen { bind, port } = self;
        if is_bare_ipv6 { format!("[{bind}]:{port}") } else { format!("{bind}:{port}") }
    }
}

/// Connect to a server.
#[derive(Parser, Clone, Debug)]
pub struct Dial {
    /// HOST:PORT to connect to
    #[arg(default_value = "localhost:8000")]
    pub addr: String,
}

/// Make thumbnails of image files.
#[derive(Parser, Clone, Debug)]
pub struct Files {
    /// Files to read
    #[arg(required = true, value_name = "FILE", value_parser = path())]
    pub files: Vec<PathBuf>,
}

/// Parses one of several paths. An empty one is a path that does not exist, so that the others are
/// still handled; clap's own parser refuses the command line.
#[must_use]
pub fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Run a lesson that takes no arguments of its own.
#[derive(Parser, Clone, Copy, Debug)]
pub struct NoArgs {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_both_families() {
        let addr = |bind: &str| Listen { port: 1, bind: bind.to_owned() }.addr();
        assert_eq!(addr("127.0.0.1"), "127.0.0.1:1");
        assert_eq!(addr("::1"), "[::1]:1");
        assert_eq!(addr("[::1]"), "[::1]:1");
        assert_eq!(addr("localhost"), "localhost:1");
    }
}
