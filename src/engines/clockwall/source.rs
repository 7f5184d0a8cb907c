//! The servers to follow, as they are written on a command line.

use std::str::FromStr;

use crate::net::{Endpoint, Family};

/// A server to follow, written `NAME=HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    name: String,
    pub(super) endpoint: Endpoint,
}

impl Source {
    /// The server's name in the table.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').and_then(|(name, addr)| {
            let (host, port) = addr.rsplit_once(':')?;
            Some((name, host.trim_start_matches('[').trim_end_matches(']'), port))
        });
        match parts {
            Some((name, host, port)) if !name.is_empty() && !host.is_empty() => {
                let port = port.parse().map_err(|_| format!("{port}: not a port number"))?;
                let endpoint = Endpoint::Tcp { host: host.to_owned(), port, family: Family::Any };
                Ok(Source { name: name.to_owned(), endpoint })
            }
            _ => Err("a clock is written NAME=HOST:PORT".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_have_a_name_and_an_address() {
        let source = |text: &str| text.parse::<Source>();
        let addr = |text: &str| source(text).unwrap().endpoint.to_string();
        assert_eq!(addr("London=localhost:8020"), "localhost:8020");
        assert_eq!(addr("v6=[::1]:1"), "[::1]:1");
        assert_eq!(addr("a=b=c:1"), "b=c:1");
        for text in
            ["", "London", "London=", "=localhost:1", "a=localhost", "a=:1", "a=b:x", "a=b:70000"]
        {
            assert!(source(text).is_err(), "{text}");
        }
    }
}
