//! Tests which ports of a host accept connections.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam::channel::{Sender, bounded};

use crate::net::{DialOptions, Endpoint, Error, Protocol, Stream};
use crate::threads;

/// Ports tested at once: most of the time is spent waiting for hosts that do not answer.
const PROBES_MAX: usize = 64;
/// Sent to a UDP port, because an empty datagram is lost on some servers.
const UDP_PROBE: &[u8] = b"\0";
/// How long to wait for a UDP port to refuse, if no other time is asked for.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

/// What is known of one port: the address that accepts, or why none does.
pub type Probe = Result<SocketAddr, Error>;

/// Tests every port of `ports` on the host of `endpoint` and calls `report` with each result, in the
/// order of the ports. `endpoint`'s own port is not used; several ports are tested at once.
///
/// A port is open if one of the host's addresses accepts a connection; for UDP, if none refuses a
/// datagram within a second or the timeout: a port that drops datagrams counts as open.
///
/// # Errors
/// When the host cannot be resolved or has no address.
pub fn probe(
    endpoint: &Endpoint,
    ports: &[u16],
    protocol: Protocol,
    options: &DialOptions,
    mut report: impl FnMut(Probe),
) -> Result<(), Error> {
    let hosts = endpoint.addrs()?;
    let (next, n_threads) = (AtomicUsize::new(0), ports.len().min(PROBES_MAX));
    let (probes_tx, probes_rx) = bounded(PROBES_MAX);
    thread::scope(|scope| {
        for _ in 0..n_threads {
            let (probes_tx, next, hosts) = (probes_tx.clone(), &next, &hosts);
            threads::spawn(scope, move || {
                let probe_port = |port| probe_port(hosts, port, protocol, options);
                probe_all(ports, next, &probes_tx, probe_port);
            });
        }
        drop(probes_tx); // the last thread closes the channel
        let mut early: Vec<Option<Probe>> = ports.iter().map(|_| None).collect();
        let mut n_reported = 0;
        for (index, probe) in probes_rx {
            early[index] = Some(probe);
            while let Some(probe) = early.get_mut(n_reported).and_then(Option::take) {
                report(probe);
                n_reported += 1;
            }
        }
    });
    Ok(())
}

/// Tests one port after the other, as long as there are any.
fn probe_all(
    ports: &[u16],
    next: &AtomicUsize,
    probes: &Sender<(usize, Probe)>,
    probe_port: impl Fn(u16) -> Probe,
) {
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(&port) = ports.get(index) else { return };
        if probes.send((index, probe_port(port))).is_err() {
            return;
        }
    }
}

/// Tests one port on each address until one accepts.
fn probe_port(hosts: &[SocketAddr], port: u16, protocol: Protocol, options: &DialOptions) -> Probe {
    let addrs = hosts.iter().map(|host| {
        let mut addr = *host;
        addr.set_port(port);
        addr
    });
    let probes = addrs.map(|addr| match protocol {
        Protocol::Tcp => Stream::dial(addr, options).map(|_| addr),
        Protocol::Udp => probe_udp(addr, options)
            .map(|()| addr)
            .map_err(|err| Error::new("dial", addr.to_string(), err)),
    });
    let mut last = None;
    for probe in probes {
        if probe.is_ok() {
            return probe;
        }
        last = Some(probe);
    }
    last.expect("there is an address")
}

/// Sends a datagram and waits for the host to refuse it.
fn probe_udp(addr: SocketAddr, options: &DialOptions) -> io::Result<()> {
    let socket = UdpSocket::bind(super::udp::local_addr(addr, options.source_port))?;
    socket.connect(addr)?;
    socket.send(UDP_PROBE)?;
    socket.set_read_timeout(Some(options.timeout.unwrap_or(REFUSAL_TIMEOUT)))?;
    match socket.recv(&mut [0; 16]) {
        Err(err) if err.kind() == io::ErrorKind::ConnectionRefused => Err(err),
        _ => Ok(()), // an answer, or nothing
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::net::Family;

    #[test]
    fn ports_are_reported_in_their_order() {
        let open: Vec<_> = (0..20).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let mut ports: Vec<u16> = open.iter().map(|l| l.local_addr().unwrap().port()).collect();
        drop(open.into_iter().step_by(2).collect::<Vec<_>>()); // dropped at once
        let host = "127.0.0.1".to_owned();
        let endpoint = Endpoint::Tcp { host, port: 0, family: Family::Any };
        ports.sort_unstable();
        let mut reported = Vec::new();
        let report = |probe: Probe| {
            reported.push(match probe {
                Ok(addr) => addr.to_string(),
                Err(err) => err.to_string(),
            });
        };
        probe(&endpoint, &ports, Protocol::Tcp, &DialOptions::default(), report).unwrap();
        assert_eq!(reported.len(), ports.len());
        for (line, port) in reported.iter().zip(&ports) {
            assert!(line.contains(&format!("127.0.0.1:{port}")), "{line}: {port}");
        }
    }
}
