//! Names and addresses that are banned for a time.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::names;

/// Most bans at the same time.
const BANS_MAX: usize = 1_000;

/// The bans in force.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Bans(Vec<Ban>);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Ban {
    target: Target,
    until: Timestamp,
}

/// Whom a ban is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Target {
    /// Everyone at an address; for IPv6 in the same network of 64 bits, which one user has.
    Addr(IpAddr),
    /// Everyone with this name, or one that looks like it.
    Name(String),
}

impl Target {
    /// The address or name that `text` is; `None` if it is neither.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text.parse::<IpAddr>() {
            Ok(addr) => Some(Target::Addr(addr.to_canonical())),
            Err(_) => names::normalize(text).map(Target::Name),
        }
    }

    pub(super) fn has_name(&self, name: &str) -> bool {
        matches!(self, Target::Name(banned) if names::is_similar(banned, name))
    }

    pub(super) fn has_addr(&self, addr: IpAddr) -> bool {
        matches!(self, Target::Addr(banned) if network(*banned) == network(addr))
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::Addr(addr) => addr.fmt(f),
            Target::Name(name) => name.fmt(f),
        }
    }
}

fn network(addr: IpAddr) -> IpAddr {
    match addr.to_canonical() {
        IpAddr::V6(addr) => IpAddr::V6((addr.to_bits() & !u128::from(u64::MAX)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl Bans {
    /// Bans `target` for this time instead of any time before; false if there are too many bans.
    pub(super) fn add(&mut self, target: Target, time: Duration, now: Timestamp) -> bool {
        self.0.retain(|ban| ban.until > now && ban.target != target);
        let Ok(until) = now.checked_add(time) else { return false };
        let has_room = self.0.len() < BANS_MAX;
        if has_room {
            self.0.push(Ban { target, until });
        }
        has_room
    }

    /// Lifts a ban; false if there is none.
    pub(super) fn remove(&mut self, target: &Target) -> bool {
        let n_before = self.0.len();
        self.0.retain(|ban| ban.target != *target);
        self.0.len() < n_before
    }

    /// How long the longest ban still is among those that `is_meant` by.
    pub(super) fn remaining(
        &self,
        now: Timestamp,
        is_meant: impl Fn(&Target) -> bool,
    ) -> Option<Duration> {
        let meant = self.0.iter().filter(|ban| ban.until > now && is_meant(&ban.target));
        meant.map(|ban| left(ban.until, now)).max()
    }

    /// All bans, and how long they still are.
    pub(super) fn list(&self, now: Timestamp) -> impl Iterator<Item = (&Target, Duration)> {
        let bans = self.0.iter().filter(move |ban| ban.until > now);
        bans.map(move |ban| (&ban.target, left(ban.until, now)))
    }
}

fn left(until: Timestamp, now: Timestamp) -> Duration {
    until.duration_since(now).try_into().unwrap_or_default() // it is in the future
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bans_end_and_can_be_lifted() {
        let (mut bans, now) = (Bans::default(), Timestamp::now());
        let minute = Duration::from_mins(1);
        let target = |text: &str| Target::parse(text).unwrap();
        assert!(bans.add(target("Ian"), minute, now));
        assert!(bans.add(target("192.0.2.1"), minute, now));
        assert!(bans.add(target("2001:db8::1"), minute, now));
        let by_name = |name: &str, at| bans.remaining(at, |target| target.has_name(name));
        assert_eq!(by_name("lan", now), Some(minute), "it looks the same");
        assert_eq!((by_name("lan", now + minute), by_name("ann", now)), (None, None));
        let by_addr = |addr: &str| {
            let addr = addr.parse().unwrap();
            bans.remaining(now, |target| target.has_addr(addr)).is_some()
        };
        assert!(by_addr("192.0.2.1") && by_addr("::ffff:192.0.2.1") && !by_addr("192.0.2.2"));
        assert!(by_addr("2001:db8::ffff") && !by_addr("2001:db8:0:1::1"));
        assert_eq!(bans.list(now).count(), 3);
        assert!(bans.remove(&target("Ian")) && !bans.remove(&target("Ian")));
        assert_eq!(Target::parse("a b"), None);
    }

    #[test]
    fn the_number_of_bans_is_bounded() {
        let (mut bans, now) = (Bans::default(), Timestamp::now());
        for n in 0..BANS_MAX {
            assert!(bans.add(Target::Name(format!("n{n}")), Duration::from_mins(1), now));
        }
        assert!(!bans.add(Target::Name("one.more".to_owned()), Duration::from_mins(1), now));
        assert!(!bans.add(Target::Name("x".to_owned()), Duration::MAX, now), "no such time");
    }
}
