//! Port numbers of services by name.

use std::fs;

/// The transport protocol of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// Services of IANA's registry for machines without `/etc/services`; the ports are the same for both
/// protocols.
const WELL_KNOWN: [(&str, u16); 20] = [
    ("echo", 7),
    ("discard", 9),
    ("daytime", 13),
    ("chargen", 19),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("time", 37),
    ("domain", 53),
    ("finger", 79),
    ("http", 80),
    ("pop3", 110),
    ("ntp", 123),
    ("imap2", 143),
    ("snmp", 161),
    ("irc", 194),
    ("https", 443),
    ("imaps", 993),
    ("pop3s", 995),
];

/// Returns the port of the service called `name`, by `/etc/services` or else a small table of
/// well-known ones.
#[must_use]
pub fn service_port(name: &str, protocol: Protocol) -> Option<u16> {
    let services = fs::read_to_string("/etc/services").unwrap_or_default();
    let well_known = || WELL_KNOWN.iter().find(|(known, _)| *known == name).map(|(_, port)| *port);
    port_in(&services, name, protocol).or_else(well_known)
}

/// The port of a service in a table as of services(5): `name port/protocol [alias …] # comment`.
fn port_in(services: &str, name: &str, protocol: Protocol) -> Option<u16> {
    let protocol = match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    };
    services.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_ascii_whitespace();
        let (official, port) = (words.next()?, words.next()?);
        let port = port.strip_suffix(protocol)?.strip_suffix('/')?;
        let is_named = official == name || words.any(|alias| alias == name);
        port.parse().ok().filter(|_| is_named)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_a_port_for_each_protocol() {
        let services = "# Network services\n\ntftp\t69/udp\nhttp  80/tcp www # WorldWideWeb\n\
                        syslog 514/udp\nshell 514/tcp cmd syslog # no passwords\nbad 70000/tcp\n";
        let check = |name, protocol, port| {
            assert_eq!(port_in(services, name, protocol), port, "{name}");
        };
        check("http", Protocol::Tcp, Some(80));
        check("www", Protocol::Tcp, Some(80));
        check("http", Protocol::Udp, None);
        check("tftp", Protocol::Udp, Some(69));
        check("syslog", Protocol::Udp, Some(514));
        check("syslog", Protocol::Tcp, Some(514));
        check("WorldWideWeb", Protocol::Tcp, None);
        check("bad", Protocol::Tcp, None);
        check("", Protocol::Tcp, None);
    }

    #[test]
    fn well_known_services_need_no_table() {
        assert_eq!(service_port("https", Protocol::Tcp), Some(443));
        assert_eq!(service_port("no such service", Protocol::Tcp), None);
    }
}
