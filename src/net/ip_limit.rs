//! A bound on the connections from one IP address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use crate::threads::lock;

type Counts = Mutex<HashMap<IpAddr, usize>>;

/// A bound on the number of connections at once from one IP address.
#[derive(Debug)]
pub struct PerIpLimit {
    n_max: usize,
    /// Whether loopback addresses are bounded too.
    limits_loopback: bool,
    counts: Arc<Counts>,
}

/// One connection's permit, returned when dropped.
#[derive(Debug)]
pub struct IpPermit(Option<(IpAddr, Arc<Counts>)>);

impl PerIpLimit {
    /// At most `n_max` connections from each address but loopback; 0 for no limit.
    #[must_use]
    pub fn new(n_max: usize) -> Self {
        PerIpLimit { n_max, limits_loopback: false, counts: Arc::default() }
    }

    /// At most `n_max` connections from each address, loopback included; 0 for no limit.
    #[must_use]
    pub fn including_loopback(n_max: usize) -> Self {
        PerIpLimit { limits_loopback: true, ..PerIpLimit::new(n_max) }
    }

    /// A permit for one more connection from `ip`, or `None` above the limit.
    #[must_use]
    pub fn try_acquire(&self, ip: IpAddr) -> Option<IpPermit> {
        let ip = ip.to_canonical(); // ::ffff:127.0.0.1 is 127.0.0.1
        if self.n_max == 0 || (ip.is_loopback() && !self.limits_loopback) {
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
    fn bounds_connections_per_address() {
        let limit = PerIpLimit::new(2);
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = limit.try_acquire(ip("192.0.2.1")).expect("none is in");
        let _second = limit.try_acquire(ip("::ffff:192.0.2.1")).expect("one is in");
        assert!(limit.try_acquire(ip("192.0.2.1")).is_none());
        let other = limit.try_acquire(ip("192.0.2.2")).expect("another address");
        drop((first, other));
        let _third = limit.try_acquire(ip("192.0.2.1")).expect("one has left");
        assert_eq!(lock(&limit.counts).len(), 1, "addresses that left are forgotten");
    }

    #[test]
    fn loopback_and_zero_are_exempt() {
        let home: IpAddr = "127.0.0.9".parse().unwrap();
        let limit = PerIpLimit::new(1);
        let permits: Vec<_> = (0..10).map(|_| limit.try_acquire(home)).collect();
        assert!(permits.iter().all(Option::is_some));
        let strict = PerIpLimit::including_loopback(1);
        let _first = strict.try_acquire(home).expect("none is in");
        assert!(strict.try_acquire(home).is_none());
        let (open, away) = (PerIpLimit::new(0), "192.0.2.1".parse().unwrap());
        assert!((0..10).all(|_| open.try_acquire(away).is_some()));
    }
}
