//! Who is let in: so many connections from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Counts = Mutex<HashMap<IpAddr, usize>>;

/// A bound on the connections from one address.
#[derive(Debug)]
pub struct Door {
    n_max: usize,
    /// Whether this machine itself is bound too.
    is_strict: bool,
    counts: Arc<Counts>,
}

/// One connection's place, given back when dropped.
#[derive(Debug)]
pub struct Place(Option<(IpAddr, Arc<Counts>)>);

impl Door {
    /// Lets any number in from loopback, and with zero from everywhere.
    #[must_use]
    pub fn new(n_max: usize) -> Self {
        Door { n_max, is_strict: false, counts: Arc::default() }
    }

    /// The same for loopback as for others.
    #[must_use]
    pub fn strict(n_max: usize) -> Self {
        Door { is_strict: true, ..Door::new(n_max) }
    }

    /// A place for a client from `ip`, if it has not too many.
    #[must_use]
    pub fn enter(&self, ip: IpAddr) -> Option<Place> {
        let ip = ip.to_canonical(); // ::ffff:127.0.0.1 is 127.0.0.1
        if self.n_max == 0 || (ip.is_loopback() && !self.is_strict) {
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
        let strict = Door::strict(1);
        let _first = strict.enter(home).expect("none is in");
        assert!(strict.enter(home).is_none());
        let (open, away) = (Door::new(0), "192.0.2.1".parse().unwrap());
        assert!((0..10).all(|_| open.enter(away).is_some()));
    }
}
