//! How much of what a TCP connection has sent its peer has not acknowledged yet.

use std::fs;
use std::net::{IpAddr, SocketAddr};

/// Returns the number of bytes, with the end of the stream as one, that were sent from `local` and
/// that `peer` has not acknowledged; 0 where the system does not tell, or has forgotten the
/// connection.
pub(super) fn n_unacknowledged(local: SocketAddr, peer: SocketAddr) -> u64 {
    let path = if local.is_ipv4() { "/proc/self/net/tcp" } else { "/proc/self/net/tcp6" };
    let table = fs::read_to_string(path).unwrap_or_default();
    send_queue(&table, local, peer).unwrap_or(0)
}

/// The send queue in the table `/proc/net/tcp`, see proc(5): `sl local rem st tx_queue:rx_queue …`.
fn send_queue(table: &str, local: SocketAddr, peer: SocketAddr) -> Option<u64> {
    let (local, peer) = (kernel_format(local), kernel_format(peer));
    let mut rows = table.lines().map(|row| row.split_ascii_whitespace().skip(1));
    let queues = rows.find_map(|mut row| {
        let is_ours = row.next() == Some(&*local) && row.next() == Some(&*peer);
        row.nth(1).filter(|_| is_ours)
    })?;
    u64::from_str_radix(queues.split(':').next()?, 16).ok()
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
    use std::net::{TcpListener, TcpStream};
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn a_row_of_the_table_is_found() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n   \
             0: 0100007F:1F40 0100007F:B644 01 00000010:00000000 00:00000000\n   \
             1: 0100007F:B644 0100007F:1F40 04 000F4241:00000000 00:00000000\n";
        let [a, b]: [SocketAddr; 2] =
            ["127.0.0.1:46660", "127.0.0.1:8000"].map(|addr| addr.parse().unwrap());
        assert_eq!(send_queue(table, a, b), Some(1_000_001));
        assert_eq!(send_queue(table, b, a), Some(16));
        assert_eq!(send_queue(table, a, a), None);
        let v6 = kernel_format("[::1]:8000".parse().unwrap());
        assert_eq!(v6, "00000000000000000000000001000000:1F40");
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
