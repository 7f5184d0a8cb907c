//! When an upload's TLS 1.3 session ticket is sent, to a client that begins the handshake before the
//! transfer is announced.
//!
//! curl 7.88 uses a ticket once, keeps only the last one, and looks for a new one when it has sent a
//! file, without waiting: it needs the ticket before. Other clients never read from the data connection
//! of an upload. When they close it with the ticket unread, their kernel resets the connection and drops
//! what it has not sent yet (RFC 2525, 2.17): they must get the ticket at the end of their data. Which
//! kind a client is shows too late, but libcurl alone begins with `AUTH SSL`, and with implicit TLS it is
//! the usual client. Where that is wrong, one upload fails, and the address is remembered.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::threads::lock;

/// Addresses remembered.
const ADDRESSES_MAX: usize = 1000;

/// The addresses of clients that have shown when they need tickets, the latest first.
#[derive(Debug, Default)]
pub(super) struct TicketHabits(Mutex<VecDeque<(IpAddr, bool)>>);

impl TicketHabits {
    fn is_early(&self, ip: IpAddr) -> Option<bool> {
        lock(&self.0).iter().find(|(other, _)| *other == ip).map(|(_, is_early)| *is_early)
    }

    fn record(&self, ip: IpAddr, is_early: bool) {
        let mut addresses = lock(&self.0);
        addresses.retain(|(other, _)| *other != ip);
        addresses.push_front((ip, is_early));
        addresses.truncate(ADDRESSES_MAX);
    }
}

/// When the tickets of a session's uploads are sent.
#[derive(Debug)]
pub(super) struct TicketTime {
    habits: Arc<TicketHabits>,
    ip: IpAddr,
    /// Whether tickets are sent early to a client that has shown nothing yet.
    is_early: bool,
    /// Whether the client of an early handshake was sent a ticket at the end of its data.
    has_sent_late: AtomicBool,
}

impl TicketTime {
    /// For the session of a client at `ip`.
    pub(super) fn new(habits: &Arc<TicketHabits>, ip: IpAddr, is_early: bool) -> Self {
        let has_sent_late = AtomicBool::new(false);
        TicketTime { habits: Arc::clone(habits), ip, is_early, has_sent_late }
    }

    /// The ticket of the next upload.
    pub(super) fn next(self: &Arc<Self>) -> UploadTicket {
        let is_early = self.habits.is_early(self.ip).unwrap_or(self.is_early);
        UploadTicket { time: Arc::clone(self), is_early }
    }

    /// Records that the client had no ticket for a data connection.
    pub(super) fn record_missing(&self) {
        if self.has_sent_late.load(Ordering::Relaxed) {
            self.habits.record(self.ip, true);
        }
    }
}

/// The ticket of an upload whose handshake began early.
#[derive(Debug)]
pub(super) struct UploadTicket {
    time: Arc<TicketTime>,
    /// Whether it is sent with the handshake, not at the end of the client's data.
    pub(super) is_early: bool,
}

impl UploadTicket {
    /// Records that all data was received, and that the ticket was sent then if it was not before.
    pub(super) fn record_end(&self) {
        if !self.is_early {
            self.time.has_sent_late.store(true, Ordering::Relaxed);
        }
    }

    /// Records that the client has reset the connection.
    pub(super) fn record_reset(&self) {
        if self.is_early {
            self.time.habits.record(self.time.ip, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn addresses_are_remembered_by_what_their_clients_did() {
        let habits = Arc::default();
        let time = |last: u8, is_early| {
            Arc::new(TicketTime::new(&habits, [127, 0, 0, last].into(), is_early))
        };
        let (early, late) = (time(1, true), time(2, false));
        assert!(early.next().is_early && !late.next().is_early);
        late.record_missing(); // it has never resumed
        late.next().record_reset(); // something else
        early.next().record_end();
        early.record_missing();
        assert!(early.next().is_early && !late.next().is_early);
        early.next().record_reset();
        late.next().record_end();
        late.record_missing();
        assert!(!early.next().is_early && late.next().is_early);
        assert!(!time(1, true).next().is_early && time(2, false).next().is_early);
        assert!(time(3, true).next().is_early && !time(3, false).next().is_early);
    }

    #[test]
    fn the_oldest_addresses_are_forgotten() {
        let habits = TicketHabits::default();
        let ip = |n: u32| IpAddr::from(Ipv4Addr::from_bits(n));
        (0..=1000).for_each(|n| habits.record(ip(n), true));
        assert_eq!(habits.is_early(ip(0)), None);
        assert_eq!(habits.is_early(ip(1)), Some(true));
        assert_eq!(lock(&habits.0).len(), ADDRESSES_MAX);
    }
}
