//! Where the stream is: `redis://[USER:PASSWORD@]HOST[:PORT]/STREAM`.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// The address of a stream in Redis or Valkey.
#[derive(Clone, PartialEq, Eq)]
pub struct RelayUrl {
    /// The address of the broker, as the `redis` crate takes it.
    pub(super) broker: String,
    pub(super) stream: String,
    /// Host and port, for people: without a password.
    pub(super) host: String,
}

/// A text that is no address of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UrlError;

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected redis://HOST/STREAM or redis://USER:PASSWORD@HOST:PORT/STREAM")
    }
}

impl std::error::Error for UrlError {}

impl fmt::Debug for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "redis://{}/{}", self.host, self.stream)
    }
}

impl FromStr for RelayUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let mut url = Url::parse(text).map_err(|_| UrlError)?;
        let stream = url.path().trim_start_matches('/').to_owned();
        let host = url.host_str().ok_or(UrlError)?.to_owned();
        if url.scheme() != "redis" || stream.is_empty() || stream.contains('/') {
            return Err(UrlError);
        }
        url.set_path("");
        let host = format!("{host}:{}", url.port().unwrap_or(6379));
        Ok(RelayUrl { broker: url.to_string(), stream, host })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_streams() {
        let url: RelayUrl = "redis://ann:secret@box:7000/chat".parse().unwrap();
        assert_eq!((&*url.broker, &*url.stream), ("redis://ann:secret@box:7000", "chat"));
        assert_eq!(format!("{url:?}"), "redis://box:7000/chat", "without the password");
        let url: RelayUrl = "redis://[::1]/chat".parse().unwrap();
        assert_eq!(url.host, "[::1]:6379");
        for text in
            ["", "redis://box", "redis://box/", "redis://box/a/b", "http://box/chat", "box/chat"]
        {
            assert_eq!(text.parse::<RelayUrl>(), Err(UrlError), "{text}");
        }
    }
}
