//! What Linux's table of TCP sockets says about both ends of a connection.

use std::fs;
use std::net::{IpAddr, SocketAddr};

/// Returns the number of bytes, with the end of the stream as one, that were sent from `local` and
/// that `peer` has not acknowledged; 0 where the system does not tell, or has forgotten the
/// connection.
pub(super) fn n_unacknowledged(local: SocketAddr, peer: SocketAddr) -> u64 {
    find(local, peer).map_or(0, |socket| socket.n_unacknowledged)
}

/// Whether `peer` is on this machine and no process has its end of the connection open any more.
/// False where the system does not tell.
///
/// The peer must have ended its half: a connection that nobody has accepted yet belongs to no
/// process either.
pub(super) fn is_closed(local: SocketAddr, peer: SocketAddr) -> bool {
    let is_local = peer.ip().is_loopback() || peer.ip() == local.ip();
    match find(peer, local).or_else(|| find(mapped(peer), mapped(local))) {
        Some(socket) => socket.inode == 0,
        None => is_local && find(local, peer).is_some(), // our own end shows that there is a table
    }
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SocketRow {
    n_unacknowledged: u64,
    /// 0 if no process has the socket open.
    inode: u64,
}

/// The row of the socket at `local` that is connected to `peer`.
fn find(local: SocketAddr, peer: SocketAddr) -> Option<SocketRow> {
    let path = if local.is_ipv4() { "/proc/self/net/tcp" } else { "/proc/self/net/tcp6" };
    row(&fs::read_to_string(path).ok()?, local, peer)
}

/// The row in a table as of proc(5): `sl local rem st tx_queue:rx_queue tr:when retrnsmt uid timeout
/// inode …`.
fn row(table: &str, local: SocketAddr, peer: SocketAddr) -> Option<SocketRow> {
    let (local, peer) = (kernel_format(local), kernel_format(peer));
    let mut rows = table.lines().map(|row| row.split_ascii_whitespace().skip(1));
    rows.find_map(|mut row| {
        let is_ours = row.next() == Some(&*local) && row.next() == Some(&*peer);
        let queues = row.nth(1).filter(|_| is_ours)?;
        let n_unacknowledged = u64::from_str_radix(queues.split(':').next()?, 16).ok()?;
        Some(SocketRow { n_unacknowledged, inode: row.nth(4)?.parse().ok()? })
    })
}

/// The address of a client of IPv4 as a socket of IPv6 has it.
fn mapped(addr: SocketAddr) -> SocketAddr {
    match addr.ip() {
        IpAddr::V4(ip) => (ip.to_ipv6_mapped(), addr.port()).into(),
        IpAddr::V6(_) => addr,
    }
}

/// An address in hexadecimal, each 32 bits in the machine's byte order.
fn kernel_format(addr: SocketAddr) -> String {
    let octets = match addr.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let words = octets.chunks_exact(4).map(|word| word.try_into().expect("four octets"));
    let words: Vec<String> =
        words.map(|word| format!("{:08X}", u32::from_ne_bytes(word))).collect();
    format!("{}:{:04X}", words.concat(), addr.port())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn a_row_of_the_table_is_found() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   \
             uid  timeout inode\n   \
             0: 0100007F:1F40 0100007F:B644 01 00000010:00000000 00:00000000 00000000  1000        \
             0 4711 1 0 20 4 30 10 -1\n   \
             1: 0100007F:B644 0100007F:1F40 04 000F4241:00000000 00:00000000 00000000     0        \
             0 0 1 0 20 4 30 10 -1\n";
        let [a, b]: [SocketAddr; 2] =
            ["127.0.0.1:46660", "127.0.0.1:8000"].map(|addr| addr.parse().unwrap());
        let socket = |n_unacknowledged, inode| Some(SocketRow { n_unacknowledged, inode });
        assert_eq!(row(table, a, b), socket(1_000_001, 0));
        assert_eq!(row(table, b, a), socket(16, 4711));
        assert_eq!(row(table, a, a), None);
        let v6 = kernel_format("[::1]:8000".parse().unwrap());
        assert_eq!(v6, "00000000000000000000000001000000:1F40");
        let v4 = kernel_format(mapped(b));
        assert_eq!(v4, "0000000000000000FFFF00000100007F:1F40");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_half_closed_peer_is_not_closed() {
        for (listen, dial) in [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::", "127.0.0.1")] {
            let Ok(listener) = TcpListener::bind((listen, 0)) else { continue }; // no IPv6
            let port = listener.local_addr().unwrap().port();
            let client = TcpStream::connect((dial, port)).unwrap();
            let addrs = (client.local_addr().unwrap(), client.peer_addr().unwrap());
            let (peer, _) = listener.accept().unwrap();
            peer.shutdown(Shutdown::Write).unwrap();
            assert_eq!((&client).read(&mut [0]).unwrap(), 0);
            assert!(!is_closed(addrs.0, addrs.1), "{listen}");
            drop(peer);
            assert!(is_closed(addrs.0, addrs.1), "{listen}");
        }
        let [nobody, elsewhere] = ["127.0.0.1:1", "192.0.2.1:1"].map(|addr| addr.parse().unwrap());
        assert!(!is_closed(nobody, elsewhere));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_peer_that_does_not_read_leaves_bytes_unacknowledged() {
        for host in ["127.0.0.1", "::1"] {
            let Ok(listener) = TcpListener::bind((host, 0)) else { continue }; // no IPv6
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (mut peer, _) = listener.accept().unwrap();
            let addrs = (client.local_addr().unwrap(), client.peer_addr().unwrap());
            client.set_nonblocking(true).unwrap();
            let (mut n_sent, block) = (0, vec![b'x'; 1 << 16]);
            while let Ok(n) = (&client).write(&block) {
                n_sent += n as u64;
            }
            let n_left = n_unacknowledged(addrs.0, addrs.1);
            assert!(0 < n_left && n_left <= n_sent, "{n_left} of {n_sent}");
            drop(client);
            peer.read_to_end(&mut Vec::new()).unwrap();
            let start = Instant::now(); // an acknowledgement may be delayed
            while n_unacknowledged(addrs.0, addrs.1) > 0 {
                assert!(start.elapsed() < Duration::from_mins(1), "still unacknowledged");
                thread::yield_now();
            }
        }
    }
}
