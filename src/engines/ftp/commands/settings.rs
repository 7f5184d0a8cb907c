//! How the next transfer will go: TYPE, REST, and where its data connection will be.

use std::io;
use std::net::{IpAddr, SocketAddr};

use super::command::Command;
use super::data::{self, Endpoint};
use super::reply::Reply;
use super::session::{Done, Session};

impl Session<'_, '_> {
    pub(super) fn set_type(&mut self, command: &Command) -> Done {
        self.state.is_ascii = match command.word().to_ascii_uppercase().as_str() {
            "A" | "A N" => true,
            "I" | "L 8" => false,
            "" => return Err(Reply::new(501, "TYPE A or TYPE I.")),
            _ => return Err(Reply::new(504, "Only TYPE A and TYPE I.")),
        };
        Ok(Reply::new(200, if self.state.is_ascii { "TYPE is A." } else { "TYPE is I." }))
    }

    pub(super) fn rest(&mut self, command: &Command) -> Done {
        let digits = command.word().bytes().all(|byte| byte.is_ascii_digit());
        let Some(offset) = command.word().parse().ok().filter(|_| digits) else {
            return Err(Reply::new(501, "REST needs a number of bytes."));
        };
        if offset > 0 && self.state.is_ascii {
            return Err(Reply::new(504, "Only in TYPE I: bytes are counted as they lie here."));
        }
        self.state.restart = offset;
        Ok(Reply::new(350, format!("The next transfer starts at {offset}.")))
    }

    pub(super) fn pasv(&mut self) -> Done {
        self.not_after_epsv_all()?;
        let (_, local) = self.ips()?;
        let IpAddr::V4(local) = local else {
            return Err(Reply::new(425, "PASV cannot tell an IPv6 address: EPSV can."));
        };
        let port = self.listen(local.into())?;
        let [a, b, c, d] = self.server.options.public_address.unwrap_or(local).octets();
        let [high, low] = port.to_be_bytes();
        Ok(Reply::new(227, format!("Entering passive mode ({a},{b},{c},{d},{high},{low}).")))
    }

    pub(super) fn epsv(&mut self, command: &Command) -> Done {
        let (_, local) = self.ips()?;
        let own = if local.is_ipv4() { "1" } else { "2" };
        match command.word() {
            word if word.eq_ignore_ascii_case("ALL") => {
                self.state.is_epsv_only = true;
                return Ok(Reply::new(200, "From now on only EPSV."));
            }
            "" => {}
            word if word == own => {}
            word if word.parse::<u64>().is_ok() => {
                return Err(Reply::new(522, format!("Only ({own}) on this connection.")));
            }
            _ => return Err(Reply::new(501, "EPSV, EPSV 1, EPSV 2 or EPSV ALL.")),
        }
        let port = self.listen(local)?;
        Ok(Reply::new(229, format!("Entering extended passive mode (|||{port}|)")))
    }

    fn listen(&mut self, ip: IpAddr) -> Result<u16, Reply> {
        self.state.endpoint = None; // its port may be the one that is free
        let failed = |err: io::Error| Reply::new(425, format!("No port to listen on: {err}"));
        let (endpoint, port) = data::listen(ip, self.server.ports.as_ref()).map_err(failed)?;
        self.state.endpoint = Some(endpoint);
        Ok(port)
    }

    pub(super) fn port(&mut self, command: &Command) -> Done {
        self.not_after_epsv_all()?;
        let addr = parse_port(command.word());
        self.set_active(addr.ok_or_else(|| Reply::new(501, "It goes PORT h1,h2,h3,h4,p1,p2."))?)
    }

    pub(super) fn eprt(&mut self, command: &Command) -> Done {
        self.not_after_epsv_all()?;
        let addr = match parse_eprt(command.word()) {
            Eprt::Addr(addr) => addr,
            Eprt::OtherProtocol => return Err(Reply::new(522, "Only (1,2).")),
            Eprt::Nonsense => return Err(Reply::new(501, "It goes EPRT |1|address|port|.")),
        };
        self.set_active(addr)
    }

    /// Only the client itself may be called back, and no service on its machine.
    fn set_active(&mut self, addr: SocketAddr) -> Done {
        let (peer, _) = self.ips()?;
        if addr.ip().to_canonical() != peer {
            return Err(Reply::new(504, "Only to your own address."));
        }
        if addr.port() < 1024 {
            return Err(Reply::new(504, "Only to ports from 1024 on."));
        }
        self.state.endpoint = Some(Endpoint::Active(SocketAddr::new(peer, addr.port())));
        Ok(Reply::new(200, "I shall call back."))
    }

    pub(super) fn ips(&self) -> Result<(IpAddr, IpAddr), Reply> {
        self.control.ips().map_err(|_| Reply::new(425, "You have hung up."))
    }

    fn not_after_epsv_all(&self) -> Result<(), Reply> {
        if self.state.is_epsv_only {
            return Err(Reply::new(501, "You said EPSV ALL."));
        }
        Ok(())
    }
}

fn parse_port(word: &str) -> Option<SocketAddr> {
    let mut numbers = [0u8; 6];
    let mut fields = word.split(',');
    for number in &mut numbers {
        *number = fields.next()?.trim().parse().ok()?;
    }
    let [a, b, c, d, high, low] = numbers;
    let addr = SocketAddr::from(([a, b, c, d], u16::from_be_bytes([high, low])));
    fields.next().is_none().then_some(addr)
}

#[derive(Debug, PartialEq, Eq)]
enum Eprt {
    Addr(SocketAddr),
    OtherProtocol,
    Nonsense,
}

fn parse_eprt(word: &str) -> Eprt {
    let mark = word.chars().next().filter(char::is_ascii_graphic).unwrap_or('|');
    let fields: Vec<&str> = word.split(mark).collect();
    let &["", protocol, ip, port, ""] = fields.as_slice() else { return Eprt::Nonsense };
    let ip = match protocol {
        "1" => ip.parse().map(IpAddr::V4),
        "2" => ip.parse().map(IpAddr::V6),
        _ if protocol.parse::<u32>().is_ok() => return Eprt::OtherProtocol,
        _ => return Eprt::Nonsense,
    };
    match (ip, port.parse()) {
        (Ok(ip), Ok(port)) => Eprt::Addr(SocketAddr::new(ip, port)),
        _ => Eprt::Nonsense,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses() {
        assert_eq!(parse_port("127,0,0,1,4,1"), Some("127.0.0.1:1025".parse().unwrap()));
        for bad in ["", "1,2,3,4,5", "1,2,3,4,5,6,7", "256,0,0,1,4,1", "a,0,0,1,4,1", "127.0.0.1"] {
            assert_eq!(parse_port(bad), None, "{bad}");
        }
        let check = |word: &str, expected: Eprt| assert_eq!(parse_eprt(word), expected, "{word}");
        check("|1|127.0.0.1|1025|", Eprt::Addr("127.0.0.1:1025".parse().unwrap()));
        check("|2|::1|1025|", Eprt::Addr("[::1]:1025".parse().unwrap()));
        check("!2!::1!1025!", Eprt::Addr("[::1]:1025".parse().unwrap()));
        check("|3|x|1025|", Eprt::OtherProtocol);
        for bad in ["", "|", "|1|::1|1025|", "|1|127.0.0.1|99999|", "|1|127.0.0.1|1025", "ä"] {
            check(bad, Eprt::Nonsense);
        }
    }

    proptest! {
        #[test]
        fn any_argument_is_answered(word in "\\PC{0,30}", dense in "[|,0-9:.]{0,30}") {
            for word in [word, dense] {
                _ = (parse_port(&word), parse_eprt(&word));
            }
        }
    }
}
