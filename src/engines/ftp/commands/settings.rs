//! Commands that prepare the next transfer: its type and offset, and its data connection.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::arg::Arg;
use crate::engines::ftp::data::{Endpoint, listen};
use crate::engines::ftp::facts::Facts;
use crate::engines::ftp::outcome::{Outcome, done};
use crate::engines::ftp::reply::ReplyError;
use crate::engines::ftp::session::Session;
use crate::machine::sleep;

/// The least time that a reply to EPSV takes. curl 7.88.1 reads the control connection once right after it
/// has sent EPSV. If the reply is there already, as from a server on the same machine, it waits for
/// a second before it connects, at each file of a session but the first. 8.11 and later do not, nor 7.61.
const EPSV_TIME: Duration = Duration::from_micros(100);

pub(super) fn set_type(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    session.state.is_ascii = match arg.text().to_ascii_uppercase().as_str() {
        "A" | "A N" => true,
        "I" | "L 8" => false,
        "" => return Err(ReplyError::new(501, "Missing type, use TYPE A or TYPE I.")),
        _ => return Err(ReplyError::new(504, "Only TYPE A and TYPE I are supported.")),
    };
    done(200, if session.state.is_ascii { "Type set to A." } else { "Type set to I." })
}

pub(super) fn stru(_: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    only(arg, "F", "Structure set to F.", "Only STRU F is supported.")
}

pub(super) fn mode(_: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    only(arg, "S", "Mode set to S.", "Only MODE S is supported.")
}

fn only(arg: &Arg, value: &str, accepted: &str, refused: &str) -> Outcome {
    if arg.text().eq_ignore_ascii_case(value) {
        return done(200, accepted);
    }
    Err(ReplyError::new(504, refused))
}

pub(super) fn allo(_: &mut Session<'_, '_>, _: &Arg) -> Outcome {
    done(202, "ALLO command ignored.")
}

pub(super) fn opts(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    let (name, value) = arg.text().split_once(' ').unwrap_or((arg.text(), ""));
    match (name.to_ascii_uppercase().as_str(), value) {
        ("MLST", list) => {
            session.state.facts = Facts::parse(list);
            let list = session.state.facts.list();
            done(200, format!("MLST OPTS {list}").trim_end())
        }
        ("UTF8" | "UTF-8", value) if session.server.options.names.converts() => {
            let is_utf8 = !value.eq_ignore_ascii_case("OFF");
            session.control.set_utf8(is_utf8);
            done(200, format!("Names are in {} now.", session.control.charset().name()))
        }
        ("UTF8" | "UTF-8", value) if value.eq_ignore_ascii_case("OFF") => {
            Err(ReplyError::new(504, "Always in UTF8 mode."))
        }
        ("UTF8" | "UTF-8", _) => done(200, "Always in UTF8 mode."),
        _ => Err(ReplyError::new(501, "Option not understood.")),
    }
}

pub(super) fn rest(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    let is_number = arg.text().bytes().all(|byte| byte.is_ascii_digit());
    let Some(offset) = arg.text().parse().ok().filter(|_| is_number) else {
        return Err(ReplyError::new(501, "REST needs an offset in bytes."));
    };
    if offset > 0 && session.state.is_ascii {
        return Err(ReplyError::new(504, "REST not supported in ASCII mode, use TYPE I."));
    }
    session.state.restart = Some(offset);
    done(350, format!("Restart position accepted ({offset})."))
}

pub(super) fn pasv(session: &mut Session<'_, '_>, _: &Arg) -> Outcome {
    check_not_epsv_only(session)?;
    let (_, local) = session.ips()?;
    let IpAddr::V4(local) = local else {
        return Err(ReplyError::new(425, "PASV not possible over IPv6, use EPSV."));
    };
    let port = open_passive(session, local.into())?;
    let [a, b, c, d] = session.server.options.public_address.unwrap_or(local).octets();
    let [high, low] = port.to_be_bytes();
    done(227, format!("Entering Passive Mode ({a},{b},{c},{d},{high},{low})."))
}

pub(super) fn epsv(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    let begun = Instant::now();
    let (_, local) = session.ips()?;
    let protocol = if local.is_ipv4() { "1" } else { "2" };
    match arg.text() {
        text if text.eq_ignore_ascii_case("ALL") => {
            session.state.is_epsv_only = true;
            return done(200, "EPSV ALL ok.");
        }
        "" => {}
        text if text == protocol => {}
        text if text.parse::<u64>().is_ok() => return Err(wrong_protocol(protocol)),
        _ => return Err(ReplyError::new(501, "Usage: EPSV, EPSV 1, EPSV 2 or EPSV ALL.")),
    }
    let port = open_passive(session, local)?;
    sleep::until(begun + EPSV_TIME);
    done(229, format!("Entering Extended Passive Mode (|||{port}|)"))
}

/// `supported` are the numbers of the protocols that would be accepted (RFC 2428).
fn wrong_protocol(supported: &str) -> ReplyError {
    ReplyError::new(522, format!("Network protocol not supported, use ({supported})"))
}

/// Listens on `ip` for the next data connection. Returns the port.
fn open_passive(session: &mut Session<'_, '_>, ip: IpAddr) -> Result<u16, ReplyError> {
    session.state.endpoint = None; // first: it may occupy the only free port
    let listening = listen(ip, session.server.ports.as_ref());
    let (endpoint, port) = listening.map_err(|err| ReplyError::no_connection(&err))?;
    session.state.endpoint = Some(endpoint);
    Ok(port)
}

pub(super) fn port(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    check_not_epsv_only(session)?;
    let usage = || ReplyError::new(501, "Usage: PORT h1,h2,h3,h4,p1,p2.");
    set_active(session, parse_port(arg.text()).ok_or_else(usage)?)?;
    done(200, "PORT command successful.")
}

pub(super) fn eprt(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    check_not_epsv_only(session)?;
    match parse_eprt(arg.text()) {
        Eprt::Addr(addr) => set_active(session, addr)?,
        Eprt::OtherProtocol => return Err(wrong_protocol("1,2")),
        Eprt::Malformed => return Err(ReplyError::new(501, "Usage: EPRT |1|address|port|.")),
    }
    done(200, "EPRT command successful.")
}

/// Accepts only the client's own address, and no port of a system service: otherwise the server
/// could be made to connect to other machines (RFC 2577, 3).
fn set_active(session: &mut Session<'_, '_>, addr: SocketAddr) -> Result<(), ReplyError> {
    let (peer, _) = session.ips()?;
    if addr.ip().to_canonical() != peer {
        return Err(ReplyError::new(504, "Not the address of the control connection."));
    }
    if addr.port() < 1024 {
        return Err(ReplyError::new(504, "Ports below 1024 are not allowed."));
    }
    session.state.endpoint = Some(Endpoint::Active(SocketAddr::new(peer, addr.port())));
    Ok(())
}

fn check_not_epsv_only(session: &Session<'_, '_>) -> Result<(), ReplyError> {
    if session.state.is_epsv_only {
        return Err(ReplyError::new(501, "Not allowed after EPSV ALL."));
    }
    Ok(())
}

fn parse_port(text: &str) -> Option<SocketAddr> {
    let mut numbers = [0u8; 6];
    let mut fields = text.split(',');
    for number in &mut numbers {
        *number = fields.next()?.trim().parse().ok()?;
    }
    let [a, b, c, d, high, low] = numbers;
    let addr = SocketAddr::from(([a, b, c, d], u16::from_be_bytes([high, low])));
    fields.next().is_none().then_some(addr)
}

/// The argument of EPRT (RFC 2428, 2).
#[derive(Debug, PartialEq, Eq)]
enum Eprt {
    Addr(SocketAddr),
    OtherProtocol,
    Malformed,
}

fn parse_eprt(text: &str) -> Eprt {
    let delimiter = text.chars().next().filter(char::is_ascii_graphic).unwrap_or('|');
    let fields: Vec<&str> = text.split(delimiter).collect();
    let &["", protocol, ip, port, ""] = fields.as_slice() else { return Eprt::Malformed };
    let ip = match protocol {
        "1" => ip.parse().map(IpAddr::V4),
        "2" => ip.parse().map(IpAddr::V6),
        _ if protocol.parse::<u32>().is_ok() => return Eprt::OtherProtocol,
        _ => return Eprt::Malformed,
    };
    match (ip, port.parse()) {
        (Ok(ip), Ok(port)) => Eprt::Addr(SocketAddr::new(ip, port)),
        _ => Eprt::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_parsed() {
        assert_eq!(parse_port("127,0,0,1,4,1"), Some("127.0.0.1:1025".parse().unwrap()));
        for bad in ["", "1,2,3,4,5", "1,2,3,4,5,6,7", "256,0,0,1,4,1", "a,0,0,1,4,1", "127.0.0.1"] {
            assert_eq!(parse_port(bad), None, "{bad}");
        }
        let check = |text: &str, expected: Eprt| assert_eq!(parse_eprt(text), expected, "{text}");
        check("|1|127.0.0.1|1025|", Eprt::Addr("127.0.0.1:1025".parse().unwrap()));
        check("|2|::1|1025|", Eprt::Addr("[::1]:1025".parse().unwrap()));
        check("!2!::1!1025!", Eprt::Addr("[::1]:1025".parse().unwrap()));
        check("|3|x|1025|", Eprt::OtherProtocol);
        for bad in ["", "|", "|1|::1|1025|", "|1|127.0.0.1|99999|", "|1|127.0.0.1|1025", "ä"] {
            check(bad, Eprt::Malformed);
        }
    }

    proptest! {
        #[test]
        fn addresses_are_parsed_as_they_are_written(ip: std::net::Ipv4Addr, port: u16) {
            let addr = SocketAddr::from((ip, port));
            let ([a, b, c, d], [high, low]) = (ip.octets(), port.to_be_bytes());
            prop_assert_eq!(parse_port(&format!("{a},{b},{c},{d},{high},{low}")), Some(addr));
            prop_assert_eq!(parse_eprt(&format!("|1|{ip}|{port}|")), Eprt::Addr(addr));
        }

        #[test]
        fn text_without_six_numbers_is_no_address(text in "[|,0-9:.]{0,7}") {
            prop_assert_eq!(parse_port(&text), None);
            prop_assert!(!matches!(parse_eprt(&text), Eprt::Addr(_)));
        }
    }
}
