//! The agents of ureq that make requests: one without a proxy, and one per scheme with a proxy.

use ureq::config::Config;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::transport::{Connector, DefaultConnector};
use ureq::{Agent, ProxyProtocol};

use super::addresses::AddressCache;
use super::encoding;
use super::fetch_options::Options;
use super::forward_proxy::{ForwardProxy, ProxyAddress};
use super::proxies::{Proxies, Proxy};
use super::response_head::HeadMender;

/// The agents that make requests; clones share their connections.
#[derive(Clone, Debug)]
pub(super) struct Agents {
    direct: Agent,
    http: Option<Agent>,
    https: Option<Agent>,
    proxies: Proxies,
}

impl Agents {
    pub(super) fn new(options: &Options) -> Self {
        let Proxies { http, https, .. } = &options.proxies;
        Agents {
            direct: direct(options),
            http: http.as_ref().map(|proxy| match proxy.protocol() {
                ProxyProtocol::Http => forwarding(options, proxy),
                _ => tunnelling(options, proxy),
            }),
            https: https.as_ref().map(|proxy| tunnelling(options, proxy)),
            proxies: options.proxies.clone(),
        }
    }

    /// The agent for requests to `url`.
    pub(super) fn agent(&self, url: &str) -> &Agent {
        let is_https = url.starts_with("https:");
        let with_proxy = if is_https { &self.https } else { &self.http };
        match with_proxy {
            Some(agent) if self.proxy(url).is_some() => agent,
            _ => &self.direct,
        }
    }

    /// The proxy for requests to `url`, if there is one.
    pub(super) fn proxy(&self, url: &str) -> Option<&Proxy> {
        self.proxies.proxy(url)
    }

    /// Ends all requests of these agents and their clones; later ones fail.
    pub(super) fn shutdown(&self) {
        let all = [Some(&self.direct), self.http.as_ref(), self.https.as_ref()];
        for agent in all.into_iter().flatten() {
            agent.clone().shutdown();
        }
    }
}

/// An agent that connects to the hosts of URLs.
fn direct(options: &Options) -> Agent {
    let connector = DefaultConnector::default().chain(HeadMender::Always);
    Agent::with_parts(config(options, None), connector, AddressCache::default())
}

/// An agent that asks the proxy for a tunnel to the host, by CONNECT or by SOCKS.
fn tunnelling(options: &Options, proxy: &Proxy) -> Agent {
    let connector = DefaultConnector::default().chain(HeadMender::InTunnels);
    Agent::with_parts(config(options, Some(proxy)), connector, AddressCache::default())
}

/// An agent that sends requests for `http:` URLs to the proxy, which refuses tunnels to port 80.
fn forwarding(options: &Options, proxy: &Proxy) -> Agent {
    let connector =
        DefaultConnector::default().chain(HeadMender::Always).chain(ForwardProxy::new(proxy));
    Agent::with_parts(config(options, None), connector, ProxyAddress::new(proxy))
}

fn config(options: &Options, proxy: Option<&Proxy>) -> Config {
    let authorities = options.authorities.clone();
    let roots =
        authorities.map_or(RootCerts::WebPki, |authorities| RootCerts::Specific(authorities.0));
    let tls = TlsConfig::builder().root_certs(roots).disable_verification(options.is_insecure);
    Config::builder()
        .tls_config(tls.build())
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(proxy.cloned())
        .timeout_global(Some(options.timeout))
        .max_idle_connections_per_host(options.n_idle)
        .max_idle_connections(4 * options.n_idle)
        .user_agent(&options.user_agent)
        .accept_encoding(encoding::ACCEPTED)
        .build()
}
