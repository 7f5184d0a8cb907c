//! A limit on the simultaneous connections from one IP address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use crate::threads::lock;

type Counts = Mutex<HashMap<IpAddr, usize>>;

/// A limit on the number of simultaneous connections from one IP address.
#[derive(Debug)]
pub struct PerIpLimit {
    n_max: usize,
    /// Whether the limit applies to loopback addresses too.
    includes_loopback: bool,
    counts: Arc<Counts>,
}

/// The permit of one connection, returned to its [`PerIpLimit`] when dropped.
#[derive(Debug)]
pub struct IpPermit(Option<(IpAddr, Arc<Counts>)>);

impl PerIpLimit {
    /// Allows `n_max` connections from each address except loopback; 0 for no limit.
    #[must_use]
    pub fn new(n_max: usize) -> Self {
        PerIpLimit { n_max, includes_loopback: false, counts: Arc::default() }
    }

    /// Allows `n_max` connections from each address, loopback included; 0 for no limit.
    #[must_use]
    pub fn including_loopback(n_max: usize) -> Self {
        PerIpLimit { includes_loopback: true, ..PerIpLimit::new(n_max) }
    }

    /// Returns a permit for one more connection from `ip`, or `None` if the limit is reached.
    ///
    /// An IPv4 address mapped to IPv6 counts as the IPv4 address.
    #[must_use]
    pub fn try_acquire(&self, ip: IpAddr) -> Option<IpPermit> {
        let ip = ip.to_canonical(); // ::ffff:127.0.0.1 is 127.0.0.1
        if self.n_max == 0 || (ip.is_loopback() && !self.includes_loopback) {
            return Some(IpPermit(None));
        }
        let mut counts = lock(&self.counts);
        let n = counts.entry(ip).or_default();
        (*n < self.n_max).then(|| {
            *n += 1;
            IpPermit(Some((ip, Arc::clone(&self.counts))))
        })
    }
}

impl Drop for IpPermit {
    fn drop(&mut self) {
        let Some((ip, counts)) = &self.0 else { return };
        let mut counts = lock(counts);
        match counts.get_mut(ip) {
            Some(n) if *n > 1 => *n -= 1,
            _ => _ = counts.remove(ip),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_per_address_are_limited() {
        let limit = PerIpLimit::new(2);
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = limit.try_acquire(ip("192.0.2.1")).expect("the first");
        let _second = limit.try_acquire(ip("::ffff:192.0.2.1")).expect("the second");
        assert!(limit.try_acquire(ip("192.0.2.1")).is_none());
        let other = limit.try_acquire(ip("192.0.2.2")).expect("another address");
        drop((first, other));
        let _third = limit.try_acquire(ip("192.0.2.1")).expect("one was returned");
        assert_eq!(lock(&limit.counts).len(), 1, "addresses without connections are removed");
    }

    #[test]
    fn loopback_and_zero_are_exempt() {
        let loopback: IpAddr = "127.0.0.9".parse().unwrap();
        let limit = PerIpLimit::new(1);
        let permits: Vec<_> = (0..10).map(|_| limit.try_acquire(loopback)).collect();
        assert!(permits.iter().all(Option::is_some));
        let strict = PerIpLimit::including_loopback(1);
        let _first = strict.try_acquire(loopback).expect("the first");
        assert!(strict.try_acquire(loopback).is_none());
        let (unlimited, ip) = (PerIpLimit::new(0), "192.0.2.1".parse().unwrap());
        assert!((0..10).all(|_| unlimited.try_acquire(ip).is_some()));
    }
}
