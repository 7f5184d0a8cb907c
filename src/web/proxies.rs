//! Which requests go through a proxy.

use std::net::IpAddr;

pub use ureq::Proxy;

/// Which requests go through a proxy; by default none.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// The proxy for `http:` URLs.
    pub(super) http: Option<Proxy>,
    /// The proxy for `https:` URLs.
    pub(super) https: Option<Proxy>,
    exceptions: Vec<Exception>,
}

/// Hosts that are asked without a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Exception {
    All,
    /// A host with all hosts below it.
    Domain(String),
    /// An address, and how many of its leading bits count.
    Network(IpAddr, u32),
}

impl Proxies {
    /// The proxies that environment variables name, as for curl: `http_proxy`, `https_proxy`,
    /// `all_proxy` for what has none of its own, and `no_proxy` for the hosts to ask without one; or
    /// in capital letters, save `HTTP_PROXY`, which a CGI program gets from its client. `given` is
    /// used instead of all but `no_proxy`. `variable` returns their values; an empty one counts as
    /// not set.
    ///
    /// # Errors
    /// When a value is no URL of a proxy; the message names the variable.
    pub fn new(
        given: Option<Proxy>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let first = |names: &[&'static str]| {
            let mut values = names.iter().filter_map(|name| Some((*name, variable(name)?)));
            values.find(|(_, value)| !value.is_empty())
        };
        let proxy = |names: &[&'static str]| {
            let named = first(names).or_else(|| first(&["all_proxy", "ALL_PROXY"]));
            let parsed = named.map(|(name, value)| {
                parse(&value).map_err(|err| format!("{name}: {value}: {err}"))
            });
            parsed.transpose()
        };
        let (http, https) = match given {
            Some(given) => (Some(given.clone()), Some(given)),
            None => (proxy(&["http_proxy"])?, proxy(&["https_proxy", "HTTPS_PROXY"])?),
        };
        let exceptions = first(&["no_proxy", "NO_PROXY"]).map(|(_, value)| exceptions(&value));
        Ok(Proxies { http, https, exceptions: exceptions.unwrap_or_default() })
    }

    /// The proxy for requests to `url`, if there is one.
    pub(super) fn proxy(&self, url: &str) -> Option<&Proxy> {
        let is_https = url.starts_with("https:");
        let proxy = if is_https { &self.https } else { &self.http };
        proxy.as_ref().filter(|_| !self.exceptions.iter().any(|one| one.matches(host(url))))
    }
}

/// Parses the URL of a proxy: `http://`, `https://`, `socks4://`, `socks4a://`, `socks5://` or
/// `socks5h://`, http if it has no scheme.
///
/// # Errors
/// When it is none.
pub fn parse(url: &str) -> Result<Proxy, String> {
    let proxy = Proxy::new(url).map_err(|_| "no URL of a proxy".to_owned())?;
    if proxy.host().is_empty() { Err("no host".to_owned()) } else { Ok(proxy) }
}

/// The host of an absolute URL, without brackets.
fn host(url: &str) -> &str {
    let authority = super::urls::origin(url);
    let authority = authority.split_once("://").map_or(authority, |(_, authority)| authority);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, authority)| authority);
    match authority.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// The hosts of a `no_proxy`, separated by commas or spaces.
fn exceptions(list: &str) -> Vec<Exception> {
    let words = list.split([',', ' ', '\t']).filter(|word| !word.is_empty());
    words.map(exception).collect()
}

fn exception(word: &str) -> Exception {
    if word == "*" {
        return Exception::All;
    }
    let (address, n_bits) = word.split_once('/').map_or((word, None), |(a, n)| (a, Some(n)));
    let bare = address.trim_matches(['[', ']']);
    if let (Ok(address), Ok(n_bits)) = (bare.parse(), n_bits.map_or(Ok(128), str::parse)) {
        return Exception::Network(address, n_bits);
    }
    Exception::Domain(word.trim_start_matches("*.").trim_matches('.').to_ascii_lowercase())
}

impl Exception {
    fn matches(&self, host: &str) -> bool {
        match self {
            Exception::All => true,
            Exception::Domain(domain) => {
                let rest = host.trim_end_matches('.').strip_suffix(domain.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            Exception::Network(network, n_bits) => {
                host.parse().is_ok_and(|host| is_within(host, *network, *n_bits))
            }
        }
    }
}

/// Whether the first `n_bits` of two addresses are equal.
fn is_within(host: IpAddr, network: IpAddr, n_bits: u32) -> bool {
    let shift = |n: u32| n.saturating_sub(n_bits);
    match (host, network) {
        (IpAddr::V4(host), IpAddr::V4(network)) => {
            let difference = host.to_bits() ^ network.to_bits();
            difference.checked_shr(shift(32)).unwrap_or(0) == 0
        }
        (IpAddr::V6(host), IpAddr::V6(network)) => {
            let difference = host.to_bits() ^ network.to_bits();
            difference.checked_shr(shift(128)).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The port of the proxy for `url` where these variables are set.
    fn port(variables: &[(&str, &str)], url: &str) -> Option<u16> {
        let value = |name: &str| {
            let variable = variables.iter().find(|(one, _)| *one == name);
            variable.map(|(_, value)| (*value).to_owned())
        };
        Proxies::new(None, value).unwrap().proxy(url).map(Proxy::port)
    }

    #[test]
    fn variables_name_proxies_by_scheme() {
        let (http, https) = ("http://h/", "https://h/");
        let both = [("http_proxy", "http://p:1"), ("https_proxy", "p:2")];
        assert_eq!((port(&both, http), port(&both, https)), (Some(1), Some(2)));
        let all = [("all_proxy", "socks5://p:3"), ("https_proxy", "p:2")];
        assert_eq!((port(&all, http), port(&all, https)), (Some(3), Some(2)));
        let upper = [("HTTP_PROXY", "p:1"), ("HTTPS_PROXY", "p:2")];
        assert_eq!((port(&upper, http), port(&upper, https)), (None, Some(2)));
        assert_eq!(port(&[("http_proxy", "")], http), None);
        let wrong = |name: &str| (name == "http_proxy").then(|| "p q".to_owned());
        assert_eq!(Proxies::new(None, wrong).unwrap_err(), "http_proxy: p q: no URL of a proxy");
    }

    #[test]
    fn no_proxy_is_read_as_curl_reads_it() {
        let check = |list: &str, url: &str, is_direct: bool| {
            let variables = [("all_proxy", "p:1"), ("no_proxy", list)];
            assert_eq!(port(&variables, url).is_none(), is_direct, "{list} {url}");
        };
        check("*", "http://h/", true);
        check("a, Example.org", "http://www.example.org:81/", true);
        check(".example.org", "https://example.org/", true);
        check("*.example.org", "https://a.example.org/", true);
        check("example.org", "http://anexample.org/", false);
        check("localhost 127.0.0.1", "http://127.0.0.1:8000/", true);
        check("10.0.0.0/8", "http://10.1.2.3/", true);
        check("10.0.0.0/8", "http://11.1.2.3/", false);
        check("0.0.0.0/0", "http://11.1.2.3/", true);
        check("::1,[fe80::]/10", "http://[::1]:80/", true);
        check("fe80::/10", "http://[fe81::1]/", true);
        check("fe80::/10", "http://[::1]/", false);
        check("", "http://h/", false);
    }
}
