//! TLS: the session, its data connections, and who may not have them.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::client::{Resumption, Tls12Resumption};
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use super::client::{Wire, stranger};
use super::{Ftp, Site};

/// Versions of TLS, and how a client of 1.2 resumes.
type Kind = (&'static SupportedProtocolVersion, Tls12Resumption);

const TLS13: Kind = (&rustls::version::TLS13, Tls12Resumption::Disabled);
const KINDS: [Kind; 3] = [
    TLS13,
    (&rustls::version::TLS12, Tls12Resumption::SessionIdOrTickets),
    (&rustls::version::TLS12, Tls12Resumption::SessionIdOnly), // as curl does it
];

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A site with TLS, and what a client needs to trust it.
struct Secure {
    site: Site,
    roots: Arc<RootCertStore>,
}

impl Secure {
    fn new(args: &[&str]) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let (chain, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
        fs::write(&chain, cert.pem()).unwrap();
        fs::write(&key, signing_key.serialize_pem()).unwrap();
        let tls = ["-tls", chain.to_str().unwrap(), key.to_str().unwrap()];
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).unwrap();
        Secure { site: Site::new(&[&tls, args].concat()), roots: Arc::new(roots) }
    }

    /// A client's configuration: it remembers tickets, and a ticket serves once.
    fn config(&self, (version, resumption): Kind) -> Arc<ClientConfig> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        config.resumption = Resumption::in_memory_sessions(64).tls12_resumption(resumption);
        Arc::new(config)
    }

    /// A client with TLS on both connections, logged in.
    fn login(&self, config: &Arc<ClientConfig>) -> Ftp {
        let mut ftp = self.site.connect();
        ftp.says("AUTH TLS", 234);
        ftp = secure_control(ftp, config);
        ftp.login("anonymous", "x");
        for (line, code) in [("TYPE I", 200), ("PBSZ 0", 200), ("PROT P", 200)] {
            ftp.says(line, code);
        }
        ftp
    }
}

fn secure(stream: TcpStream, config: &Arc<ClientConfig>) -> Tls {
    let name = ServerName::try_from("localhost").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::clone(config), name).unwrap(), stream)
}

fn secure_control(ftp: Ftp, config: &Arc<ClientConfig>) -> Ftp {
    Ftp::of(Wire::Tls(Box::new(secure(ftp.into_stream(), config))))
}

fn get(ftp: &mut Ftp, line: &str, config: &Arc<ClientConfig>) -> Vec<u8> {
    let mut data = secure(ftp.data(), config);
    ftp.says(line, 150);
    let mut bytes = Vec::new();
    data.read_to_end(&mut bytes).unwrap();
    ftp.hears(226, line);
    bytes
}

fn put(ftp: &mut Ftp, line: &str, bytes: &[u8], config: &Arc<ClientConfig>) {
    let mut data = secure(ftp.data(), config);
    ftp.says(line, 150);
    data.conn.complete_io(&mut data.sock).unwrap(); // the handshake, where there are no bytes
    data.write_all(bytes).unwrap();
    data.conn.send_close_notify();
    data.flush().unwrap();
    drop(data); // without reading on, as lftp does it
    ftp.hears(226, line);
}

#[test]
fn a_hundred_transfers_in_one_login() {
    let secure = Secure::new(&[]);
    for kind in KINDS {
        let config = secure.config(kind);
        let mut ftp = secure.login(&config);
        for nth in 0..50 {
            let bytes = vec![b'x'; nth * 1000];
            put(&mut ftp, "STOR new", &bytes, &config);
            assert!(get(&mut ftp, "RETR new", &config) == bytes, "{nth}");
        }
        assert!(String::from_utf8(get(&mut ftp, "LIST", &config)).unwrap().contains(" file\r\n"));
        ftp.says("QUIT", 221);
        assert_eq!(ftp.try_reply(), None);
    }
}

/// As curl does it: who shakes hands before the transfer begins gets a ticket for the next upload,
/// though a stranger has come first.
#[test]
fn uploads_alone_do_not_run_out_of_tickets() {
    let secure_site = Secure::new(&[]);
    let config = secure_site.config(TLS13);
    let mut ftp = secure_site.login(&config);
    for nth in 0..30 {
        let addr = ftp.pasv();
        let _stranger = stranger(addr);
        let mut data = secure(TcpStream::connect(addr).unwrap(), &config);
        data.conn.write_tls(&mut data.sock).unwrap();
        if nth == 0 {
            ftp.says("STOR new", 150); // even who waits for the word is served
            data.conn.complete_io(&mut data.sock).unwrap();
        } else {
            ftp.send("STOR new\r\n");
            data.conn.complete_io(&mut data.sock).unwrap();
            ftp.hears(150, "STOR");
        }
        data.write_all(&[nth; 100]).unwrap();
        data.conn.read_tls(&mut data.sock).unwrap(); // the ticket
        data.conn.process_new_packets().unwrap();
        data.conn.send_close_notify();
        data.flush().unwrap();
        drop(data);
        ftp.hears(226, "STOR");
    }
}

#[test]
fn a_data_connection_must_resume_this_very_session() {
    let with = Secure::new(&[]);
    for kind in KINDS {
        refuses_strangers(&with, kind);
    }
    let without = Secure::new(&["-no-tls-resume"]);
    let own = without.config(TLS13);
    let mut ftp = without.login(&own);
    let fresh = without.config(TLS13);
    assert_eq!(get(&mut ftp, "RETR sub/inner", &fresh), b"inner");
}

fn refuses_strangers(with: &Secure, kind: Kind) {
    let (own, other) = (with.config(kind), with.config(kind));
    let mut ftp = with.login(&own);
    // No ticket at all; a ticket of another session of the same server; and, second time, one that
    // the first handshake on the data port may have given away.
    let fresh = with.config(kind);
    let _other = with.login(&other);
    for config in [&fresh, &other, &fresh, &other] {
        let mut data = secure(ftp.data(), config);
        ftp.says("RETR file", 150);
        assert_eq!(data.read_to_end(&mut Vec::new()).unwrap_or(0), 0);
        assert!(ftp.hears(522, "RETR").contains("must resume"));
        let mut data = secure(ftp.data(), config);
        ftp.says("STOR file", 150);
        _ = data.write_all(b"forged");
        _ = data.read_to_end(&mut Vec::new());
        ftp.hears(522, "STOR");
    }
    assert_eq!(with.site.read("file"), b"one\ntwo\n");
    assert_eq!(get(&mut ftp, "RETR sub/inner", &own), b"inner");
}

#[test]
fn what_came_in_clear_behind_auth_is_thrown_away() {
    let secure = Secure::new(&[]);
    let mut ftp = secure.site.connect();
    ftp.send("AUTH TLS\r\nUSER anonymous\r\nPASS x\r\nMKD injected\r\n");
    ftp.hears(234, "AUTH");
    let mut ftp = secure_control(ftp, &secure.config(TLS13));
    ftp.says("PWD", 530);
    assert!(!secure.site.path("injected").exists());
    // Nor is what waits for the end of a transfer done behind it.
    let mut ftp = secure.site.login();
    let data = ftp.data();
    ftp.send("STOR new\r\nAUTH TLS\r\nNOOP\r\nNOOP\r\n");
    ftp.hears(150, "STOR");
    ftp.says("STAT", 211); // all lines before this one have been read
    drop(data);
    ftp.hears(226, "STOR");
    ftp.hears(234, "AUTH");
    let mut ftp = secure_control(ftp, &secure.config(TLS13));
    ftp.says("PWD", 530);
    // Nor does who logged in in clear stay so.
    let mut ftp = secure.site.login();
    ftp.says("AUTH TLS", 234);
    let mut ftp = secure_control(ftp, &secure.config(TLS13));
    ftp.says("PWD", 530);
}

#[test]
fn an_upload_without_tls_farewell_is_not_complete() {
    let secured = Secure::new(&[]);
    let config = secured.config(TLS13);
    let mut ftp = secured.login(&config);
    let mut data = secure(ftp.data(), &config);
    ftp.says("STOR file", 150);
    data.write_all(b"half").unwrap();
    drop(data.sock.try_clone().unwrap().shutdown(std::net::Shutdown::Write));
    ftp.hears(426, "STOR");
    assert_eq!(secured.site.read("file"), b"one\ntwo\n");
}

#[test]
fn what_is_refused() {
    let secure = Secure::new(&["-require-tls"]);
    let mut ftp = secure.site.connect();
    for (line, code) in
        [("USER anonymous", 530), ("PASS x", 530), ("AUTH KERBEROS", 504), ("CCC", 533)]
    {
        ftp.says(line, code);
    }
    ftp.says("AUTH TLS", 234);
    let config = secure.config(TLS13);
    let mut ftp = secure_control(ftp, &config);
    ftp.login("anonymous", "x");
    for (line, code) in [
        ("PROT P", 503),
        ("PBSZ 0", 200),
        ("PROT C", 534),
        ("PROT E", 536),
        ("PROT X", 504),
        ("AUTH TLS", 503),
        ("CCC", 533),
    ] {
        ftp.says(line, code);
    }
    drop(ftp.data());
    ftp.says("RETR file", 521);
    ftp.says("PROT P", 200);
    assert_eq!(get(&mut ftp, "RETR sub/inner", &config), b"inner");
    assert!(ftp.says("FEAT", 211).contains("\r\n AUTH TLS\r\n"));
}

#[test]
fn stat_and_abor_reach_a_stalled_transfer_under_tls() {
    let secured = Secure::new(&[]);
    fs::File::create(secured.site.path("large")).unwrap().set_len(64 << 20).unwrap();
    let config = secured.config(TLS13);
    let mut ftp = secured.login(&config);
    let mut data = secure(ftp.data(), &config);
    ftp.says("RETR large", 150);
    data.read_exact(&mut [0; 1000]).unwrap();
    assert!(ftp.says("STAT", 211).contains("RETR /large: "));
    ftp.says("ABOR", 426);
    ftp.hears(226, "ABOR");
    let _silent = ftp.data(); // it never shakes hands
    ftp.says("RETR large", 150);
    ftp.says("ABOR", 426);
    ftp.hears(226, "ABOR");
    assert_eq!(get(&mut ftp, "RETR sub/inner", &config), b"inner");
}

#[test]
fn a_client_that_never_shakes_hands_is_sent_away() {
    let secure = Secure::new(&["-idle", "200ms"]);
    let mut ftp = secure.site.connect();
    ftp.says("AUTH TLS", 234);
    let mut last = Vec::new();
    ftp.into_stream().read_to_end(&mut last).unwrap();
    assert!(last.is_empty() || last[0] == 21, "{last:?}"); // an alert of TLS
}
