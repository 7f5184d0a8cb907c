//! TLS: control connection, data connections, and resuming the session.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::client::{Resumption, Tls12Resumption};
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use tempfile::TempDir;

use super::client::ControlStream;
use super::{Ftp, Site, next_log_line};
use crate::support::eventually;

/// A version of TLS, and how a client of version 1.2 resumes sessions.
pub(super) type Kind = (&'static SupportedProtocolVersion, Tls12Resumption);

pub(super) const TLS13: Kind = (&rustls::version::TLS13, Tls12Resumption::Disabled);
const KINDS: [Kind; 3] = [
    TLS13,
    (&rustls::version::TLS12, Tls12Resumption::SessionIdOrTickets),
    (&rustls::version::TLS12, Tls12Resumption::SessionIdOnly), // curl
];

pub(super) type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A site with TLS, and the certificate store with which clients trust it.
pub(super) struct Secure {
    pub(super) site: Site,
    roots: Arc<RootCertStore>,
    /// Certificate and key.
    files: TempDir,
}

/// Makes a new certificate and its key in `dir`. Returns the store that trusts it.
fn make_certificate(dir: &Path) -> Arc<RootCertStore> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(dir.join("cert.pem"), cert.pem()).unwrap();
    fs::write(dir.join("key.pem"), signing_key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    Arc::new(roots)
}

impl Secure {
    pub(super) fn new(args: &[&str]) -> Self {
        let files = tempfile::tempdir().unwrap();
        let roots = make_certificate(files.path());
        let (chain, key) = (files.path().join("cert.pem"), files.path().join("key.pem"));
        let tls = ["-tls", chain.to_str().unwrap(), key.to_str().unwrap()];
        Secure { site: Site::new(&[&tls, args].concat()), roots, files }
    }

    /// The configuration of a client that stores tickets and uses each once.
    pub(super) fn config(&self, (version, resumption): Kind) -> Arc<ClientConfig> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        config.resumption = Resumption::in_memory_sessions(64).tls12_resumption(resumption);
        Arc::new(config)
    }

    /// A client that has logged in with TLS and set PROT P.
    pub(super) fn login(&self, config: &Arc<ClientConfig>) -> Ftp {
        self.login_as("anonymous", config)
    }

    fn login_as(&self, user: &str, config: &Arc<ClientConfig>) -> Ftp {
        self.login_after("AUTH TLS", user, config)
    }

    /// A client that has logged in after this command.
    pub(super) fn login_after(&self, auth: &str, user: &str, config: &Arc<ClientConfig>) -> Ftp {
        let mut ftp = self.site.connect();
        ftp.command(auth, 234);
        ftp = secure_control(ftp, config);
        ftp.login(user, "x");
        for (line, code) in [("TYPE I", 200), ("PBSZ 0", 200), ("PROT P", 200)] {
            ftp.command(line, code);
        }
        ftp
    }
}

pub(super) fn secure(stream: TcpStream, config: &Arc<ClientConfig>) -> Tls {
    let name = ServerName::try_from("localhost").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::clone(config), name).unwrap(), stream)
}

fn secure_control(ftp: Ftp, config: &Arc<ClientConfig>) -> Ftp {
    Ftp::new(ControlStream::Tls(Box::new(secure(ftp.into_stream(), config))))
}

fn get(ftp: &mut Ftp, line: &str, config: &Arc<ClientConfig>) -> Vec<u8> {
    let mut data = secure(ftp.data(), config);
    ftp.command(line, 150);
    let mut bytes = Vec::new();
    data.read_to_end(&mut bytes).unwrap();
    ftp.expect_reply(226, line);
    bytes
}

fn put(ftp: &mut Ftp, line: &str, bytes: &[u8], config: &Arc<ClientConfig>) {
    let mut data = secure(ftp.data(), config);
    ftp.command(line, 150);
    data.conn.complete_io(&mut data.sock).unwrap(); // the handshake, even if there are no bytes to send
    data.write_all(bytes).unwrap();
    data.conn.send_close_notify();
    data.flush().unwrap();
    drop(data); // without reading the rest, as lftp does
    ftp.expect_reply(226, line);
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
        // More than the buffers of either side; the period is prime to their sizes.
        let bytes: Vec<u8> = (0..5_000_000u32).map(|n| (n % 251).to_le_bytes()[0]).collect();
        put(&mut ftp, "STOR new", &bytes, &config);
        assert!(secure.site.read("new") == bytes);
        assert!(get(&mut ftp, "RETR new", &config) == bytes);
        assert!(String::from_utf8(get(&mut ftp, "LIST", &config)).unwrap().contains(" file\r\n"));
        ftp.command("QUIT", 221);
        assert_eq!(ftp.try_reply(), None);
    }
}

#[test]
fn a_data_connection_must_resume_the_session_of_its_control_connection() {
    let with = Secure::new(&[]);
    for kind in KINDS {
        refuses_strangers(&with, kind);
    }
    let without = Secure::new(&["--tls-resume=off"]);
    let own = without.config(TLS13);
    let mut ftp = without.login(&own);
    let fresh = without.config(TLS13);
    assert_eq!(get(&mut ftp, "RETR sub/inner", &fresh), b"inner");
}

fn refuses_strangers(with: &Secure, kind: Kind) {
    let (own, other) = (with.config(kind), with.config(kind));
    let mut ftp = with.login(&own);
    // Without a ticket; with a ticket of another user; and again with the tickets that the first
    // handshake on the data port may have issued.
    let fresh = with.config(kind);
    let _other = with.login_as("ftp", &other);
    for config in [&fresh, &other, &fresh, &other] {
        let mut data = secure(ftp.data(), config);
        ftp.command("RETR file", 150);
        assert_eq!(data.read_to_end(&mut Vec::new()).unwrap_or(0), 0);
        assert!(ftp.expect_reply(522, "RETR").ends_with(
            "TLS session reuse required: this client does not resume TLS sessions; \
            the administrator can allow that with --tls-resume=off."
        ));
        let mut data = secure(ftp.data(), config);
        ftp.command("STOR file", 150);
        _ = data.write_all(b"forged");
        _ = data.read_to_end(&mut Vec::new());
        ftp.expect_reply(522, "STOR");
    }
    assert_eq!(with.site.read("file"), b"one\ntwo\n");
    assert_eq!(get(&mut ftp, "RETR sub/inner", &own), b"inner");
}

/// A client that shares its tickets between its logins (rclone 1.60) resumes any of them, as long as
/// that one lives.
#[test]
fn logins_of_one_user_share_their_sessions() {
    let mut with = Secure::new(&[]);
    for kind in KINDS {
        let (own, other) = (with.config(kind), with.config(kind));
        let mut ftp = with.login(&own);
        let mut second = with.login(&other);
        put(&mut ftp, "STOR new", b"contents", &other);
        assert_eq!(get(&mut ftp, "RETR new", &other), b"contents");
        assert_eq!(get(&mut second, "RETR new", &own), b"contents");
        let dead = with.config(kind);
        let mut third = with.login(&dead);
        third.command("QUIT", 221);
        assert_eq!(third.try_reply(), None);
        let mut data = secure(ftp.data(), &dead);
        ftp.command("RETR file", 150);
        assert_eq!(data.read_to_end(&mut Vec::new()).unwrap_or(0), 0);
        ftp.expect_reply(522, "RETR");
    }
    with.site.server.process.signal(rustix::process::Signal::TERM);
    let log = with.site.server.process.wait().stderr;
    let line = "127.0.0.1: RETR /file: this client does not resume TLS sessions \
        (--tls-resume=off allows that)";
    assert_eq!(log.matches(line).count(), KINDS.len(), "{log}");
}

#[test]
fn input_behind_auth_is_discarded() {
    let secure = Secure::new(&[]);
    let mut ftp = secure.site.connect();
    ftp.send("AUTH TLS\r\nUSER anonymous\r\nPASS x\r\nMKD injected\r\n");
    ftp.expect_reply(234, "AUTH");
    let mut ftp = secure_control(ftp, &secure.config(TLS13));
    ftp.command("PWD", 530);
    assert!(!secure.site.path("injected").exists());
    // So are commands queued during a transfer.
    let mut ftp = secure.site.login();
    let data = ftp.data();
    ftp.send("STOR new\r\nAUTH TLS\r\nNOOP\r\nNOOP\r\n");
    ftp.expect_reply(150, "STOR");
    ftp.command("STAT", 211); // all lines before this one have been read
    drop(data);
    ftp.expect_reply(226, "STOR");
    ftp.expect_reply(234, "AUTH");
    let mut ftp = secure_control(ftp, &secure.config(TLS13));
    ftp.command("PWD", 530);
    // A login without TLS is reset.
    let mut ftp = secure.site.login();
    ftp.command("AUTH TLS", 234);
    let mut ftp = secure_control(ftp, &secure.config(TLS13));
    ftp.command("PWD", 530);
}

#[test]
fn an_upload_without_close_notify_is_not_complete() {
    let secured = Secure::new(&[]);
    let config = secured.config(TLS13);
    let mut ftp = secured.login(&config);
    let mut data = secure(ftp.data(), &config);
    ftp.command("STOR file", 150);
    data.write_all(b"half").unwrap();
    drop(data.sock.try_clone().unwrap().shutdown(std::net::Shutdown::Write));
    ftp.expect_reply(426, "STOR");
    assert_eq!(secured.site.read("file"), b"one\ntwo\n");
}

#[test]
fn required_tls_refuses_logins_and_transfers_without_it() {
    let secure = Secure::new(&["-require-tls"]);
    let mut ftp = secure.site.connect();
    for (line, code) in
        [("USER anonymous", 530), ("PASS x", 530), ("AUTH KERBEROS", 504), ("CCC", 533)]
    {
        ftp.command(line, code);
    }
    ftp.command("AUTH TLS", 234);
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
        ftp.command(line, code);
    }
    drop(ftp.data());
    ftp.command("RETR file", 521);
    ftp.command("PROT P", 200);
    assert_eq!(get(&mut ftp, "RETR sub/inner", &config), b"inner");
    assert!(ftp.command("FEAT", 211).contains("\r\n AUTH TLS\r\n"));
}

#[test]
fn stat_and_abor_work_during_a_stalled_transfer_with_tls() {
    let secured = Secure::new(&[]);
    fs::File::create(secured.site.path("large")).unwrap().set_len(64 << 20).unwrap();
    let config = secured.config(TLS13);
    let mut ftp = secured.login(&config);
    let mut data = secure(ftp.data(), &config);
    ftp.command("RETR large", 150);
    data.read_exact(&mut [0; 1000]).unwrap();
    assert!(ftp.command("STAT", 211).contains("RETR /large: "));
    ftp.command("ABOR", 426);
    ftp.expect_reply(226, "ABOR");
    let _idle = ftp.data(); // no handshake
    ftp.command("RETR large", 150);
    ftp.command("ABOR", 426);
    ftp.expect_reply(226, "ABOR");
    assert_eq!(get(&mut ftp, "RETR sub/inner", &config), b"inner");
}

#[test]
fn a_client_without_handshake_is_closed_after_the_idle_timeout() {
    let secure = Secure::new(&["-idle", "200ms"]);
    let mut ftp = secure.site.connect();
    ftp.command("AUTH TLS", 234);
    let mut last = Vec::new();
    ftp.into_stream().read_to_end(&mut last).unwrap();
    assert!(last.is_empty() || last[0] == 21, "{last:?}"); // an alert of TLS
}

#[test]
fn sighup_reads_the_certificate_again() {
    let mut secure_site = Secure::new(&[]);
    let old = secure_site.config(TLS13);
    let mut ftp = secure_site.login(&old);
    secure_site.roots = make_certificate(secure_site.files.path());
    secure_site.site.server.process.signal(rustix::process::Signal::HUP);
    let new = secure_site.config(TLS13);
    eventually("the new certificate is used", || {
        let mut ftp = secure_site.site.connect();
        ftp.command("AUTH TLS", 234);
        secure(ftp.into_stream(), &new).flush().is_ok()
    });
    put(&mut ftp, "STOR new", b"contents", &old); // a session that has begun goes on
    assert_eq!(get(&mut ftp, "RETR new", &old), b"contents");
    let mut second = secure_site.login(&new);
    assert_eq!(get(&mut second, "RETR new", &new), b"contents");
    fs::write(secure_site.files.path().join("key.pem"), "nonsense").unwrap();
    secure_site.site.server.process.signal(rustix::process::Signal::HUP);
    let line = next_log_line(&secure_site.site.server.process);
    let expected = "key.pem: no private key in PEM; the certificate stays as it was";
    assert!(line.ends_with(expected), "{line}");
    let mut third = secure_site.login(&new);
    assert_eq!(get(&mut third, "RETR new", &new), b"contents");
}

#[test]
fn implicit_tls_begins_with_the_first_byte() {
    let secure_site = Secure::new(&["-implicit-port", "0"]);
    let line = next_log_line(&secure_site.site.server.process);
    let addr = line.strip_prefix("listening on ").expect(&line);
    for kind in KINDS {
        let config = secure_site.config(kind);
        let stream = TcpStream::connect(addr).unwrap();
        let mut ftp = Ftp::new(ControlStream::Tls(Box::new(secure(stream, &config))));
        ftp.expect_reply(220, "a connection");
        ftp.login("anonymous", "x");
        ftp.command("TYPE I", 200);
        put(&mut ftp, "STOR new", b"contents", &config); // protected without PROT P
        assert_eq!(get(&mut ftp, "RETR new", &config), b"contents");
        ftp.command("AUTH TLS", 503);
        ftp.command("PROT C", 200);
        assert_eq!(ftp.get("RETR new"), b"contents");
        ftp.command("QUIT", 221);
        assert_eq!(ftp.try_reply(), None);
    }
}
