//! Who is let in: so many connections from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Counts = Mutex<HashMap<IpAddr, usize>>;

pub(super) struct Door {
    n_max: usize,
    counts: Arc<Counts>,
}

/// One connection's place, given back when dropped.
pub(super) struct Place(Option<(IpAddr, Arc<Counts>)>);

impl Door {
    /// Zero lets any number in.
    pub(super) fn new(n_max: usize) -> Self {
        Door { n_max, counts: Arc::default() }
    }

    /// A place for a client from `ip`, if it has not too many.
    pub(super) fn enter(&self, ip: IpAddr) -> Option<Place> {
        let ip = ip.to_canonical(); // ::ffff:127.0.0.1 is 127.0.0.1
        if self.n_max == 0 || ip.is_loopback() {
            return Some(Place(None));
        }
        let mut counts = lock(&self.counts);
        let n = counts.entry(ip).or_default();
        (*n < self.n_max).then(|| {
            *n += 1;
            Place(Some((ip, Arc::clone(&self.counts))))
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((ip, counts)) = &self.0 else { return };
        let mut counts = lock(counts);
        match counts.get_mut(ip) {
            Some(n) if *n > 1 => *n -= 1,
            _ => _ = counts.remove(ip),
        }
    }
}

fn lock(counts: &Counts) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_from_one_address() {
        let door = Door::new(2);
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = door.enter(ip("192.0.2.1")).expect("none is in");
        let _second = door.enter(ip("::ffff:192.0.2.1")).expect("one is in");
        assert!(door.enter(ip("192.0.2.1")).is_none());
        let other = door.enter(ip("192.0.2.2")).expect("another address");
        drop((first, other));
        let _third = door.enter(ip("192.0.2.1")).expect("one has left");
        assert_eq!(lock(&door.counts).len(), 1, "addresses that left are forgotten");
    }

    #[test]
    fn loopback_and_zero_are_exempt() {
        let home: IpAddr = "127.0.0.9".parse().unwrap();
        let door = Door::new(1);
        let places: Vec<_> = (0..10).map(|_| door.enter(home)).collect();
        assert!(places.iter().all(Option::is_some));
        let (open, away) = (Door::new(0), "192.0.2.1".parse().unwrap());
        assert!((0..10).all(|_| open.enter(away).is_some()));
    }
}
