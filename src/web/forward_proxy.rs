//! Requests for `http:` URLs through a proxy: in the absolute form (RFC 9112, 3.2.2).

use data_encoding::BASE64;
use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use super::addresses::AddressCache;
use super::proxies::Proxy;

/// Resolves every host to the address of the proxy.
#[derive(Debug)]
pub(super) struct ProxyAddress {
    proxy: Uri,
    cache: AddressCache,
}

impl ProxyAddress {
    pub(super) fn new(proxy: &Proxy) -> Self {
        let uri = format!("http://{}:{}/", proxy.host(), proxy.port());
        let proxy = uri.parse().expect("it was part of a URI");
        ProxyAddress { proxy, cache: AddressCache::default() }
    }
}

impl Resolver for ProxyAddress {
    fn resolve(
        &self,
        _: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        self.cache.resolve(&self.proxy, config, timeout)
    }
}

/// Wraps a connection to the proxy so that requests have the absolute form.
#[derive(Debug)]
pub(super) struct ForwardProxy {
    /// The Proxy-Authorization header, or nothing.
    credentials: String,
}

impl ForwardProxy {
    pub(super) fn new(proxy: &Proxy) -> Self {
        let (user, password) = (proxy.username(), proxy.password());
        let credentials = (user.is_some() || password.is_some()).then(|| {
            let pair = format!("{}:{}", user.unwrap_or_default(), password.unwrap_or_default());
            format!("Proxy-Authorization: Basic {}\r\n", BASE64.encode(pair.as_bytes()))
        });
        ForwardProxy { credentials: credentials.unwrap_or_default() }
    }
}

impl<In: Transport> Connector<In> for ForwardProxy {
    type Out = ForwardTransport<In>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let host = details.uri.host().unwrap_or_default();
        let port = details.uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
        let origin = format!("http://{host}{port}");
        let credentials = self.credentials.clone();
        Ok(chained.map(|inner| ForwardTransport { inner, origin, credentials }))
    }
}

/// A connection to a proxy for requests to one origin.
#[derive(Debug)]
pub(super) struct ForwardTransport<In> {
    inner: In,
    origin: String,
    credentials: String,
}

impl<In: Transport> Transport for ForwardTransport<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let output = self.inner.buffers().output();
        let Some(head) = absolute_form(&output[..amount], &self.origin, &self.credentials) else {
            return self.inner.transmit_output(amount, timeout);
        };
        let Some(room) = output.get_mut(..head.len()) else {
            return Err(Error::LargeResponseHeader(head.len(), output.len()));
        };
        room.copy_from_slice(&head);
        self.inner.transmit_output(head.len(), timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

/// The head of a request with its path made absolute, and credentials; `None` if it is none.
fn absolute_form(head: &[u8], origin: &str, credentials: &str) -> Option<Vec<u8>> {
    let n_method = memchr::memchr(b' ', head)? + 1;
    let is_path = head[n_method..].starts_with(b"/");
    let n_line = memchr::memchr(b'\n', head)? + 1;
    let (method, rest, headers) = (&head[..n_method], &head[n_method..n_line], &head[n_line..]);
    is_path.then(|| [method, origin.as_bytes(), rest, credentials.as_bytes(), headers].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_get_the_absolute_form() {
        let check = |head: &str, credentials: &str, expected: Option<&str>| {
            let head = absolute_form(head.as_bytes(), "http://h:81", credentials);
            let head = head.map(|head| String::from_utf8(head).unwrap());
            assert_eq!(head.as_deref(), expected);
        };
        let head = "GET /a?b HTTP/1.1\r\nhost: h:81\r\n\r\n";
        let expected = "GET http://h:81/a?b HTTP/1.1\r\nhost: h:81\r\n\r\n";
        check(head, "", Some(expected));
        let expected = "HEAD http://h:81/ HTTP/1.1\r\nX: y\r\nhost: h:81\r\n\r\n";
        check("HEAD / HTTP/1.1\r\nhost: h:81\r\n\r\n", "X: y\r\n", Some(expected));
        check("the body", "", None);
    }
}
