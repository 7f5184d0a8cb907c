//! The addresses of hosts, looked up once.

use std::collections::HashMap;
use std::sync::Mutex;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::threads::lock;

/// A cache of the addresses of hosts.
///
/// ureq's default resolver starts a thread for every request that has a timeout.
#[derive(Debug, Default)]
pub(super) struct AddressCache(Mutex<HashMap<String, ResolvedSocketAddrs>>);

impl Resolver for AddressCache {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(ureq::Error::BadUri(uri.to_string()));
        };
        let name = DefaultResolver::host_and_port(scheme, authority).unwrap_or_default();
        if let Some(addrs) = self.cache().get(&name) {
            return Ok(addrs.clone());
        }
        // The lock is not held: a slow look-up must not delay others. The system bounds its time.
        let resolved = std::net::ToSocketAddrs::to_socket_addrs(&name)?;
        let mut addrs = self.empty();
        let family = config.ip_family();
        let wanted = family.keep_wanted(resolved);
        wanted.map_while(|addr| addrs.try_push(addr).ok()).for_each(drop);
        if addrs.is_empty() {
            return Err(ureq::Error::HostNotFound);
        }
        self.cache().insert(name, addrs.clone());
        Ok(addrs)
    }
}

impl AddressCache {
    fn cache(&self) -> std::sync::MutexGuard<'_, HashMap<String, ResolvedSocketAddrs>> {
        lock(&self.0)
    }
}
