//! netcat --ssl.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;

use super::{free_port, is_installed, is_listening, listening};
use crate::support::{DEADLINE, Process, eventually, run_with};

/// A certificate for localhost with its key, in files.
struct Certificate {
    _dir: TempDir,
    cert: PathBuf,
    key: PathBuf,
    roots: RootCertStore,
}

impl Certificate {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).unwrap();
        let files = ["cert.pem", "key.pem"].map(|name| dir.path().join(name));
        fs::write(&files[0], cert.pem()).unwrap();
        fs::write(&files[1], signing_key.serialize_pem()).unwrap();
        let [cert, key] = files;
        Certificate { _dir: dir, cert, key, roots }
    }

    fn cert(&self) -> &str {
        self.cert.to_str().unwrap()
    }

    /// A netcat that listens with this certificate, and its port.
    fn listen(&self, args: &[&str]) -> (Process, String) {
        let files = ["-l", "--ssl", "--ssl-cert", self.cert(), "--ssl-key"];
        let key = [self.key.to_str().unwrap(), "127.0.0.1", "0"];
        let (process, addr) = listening(&[args, &files, &key].concat());
        (process, addr.rsplit_once(':').unwrap().1.to_owned())
    }

    fn connect(&self, port: &str) -> StreamOwned<ClientConnection, TcpStream> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let client = ClientConnection::new(Arc::new(config), name).unwrap();
        let stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        StreamOwned::new(client, stream)
    }
}

const UNANNOUNCED: &str = "closed without TLS close_notify; what was received may be incomplete";

#[test]
fn megabytes_both_ways_between_two_of_ours() {
    let certificate = Certificate::new();
    let block: Vec<u8> = (0..2_000_000u32).map(|i| b'a' + (i % 23).to_le_bytes()[0]).collect();
    let (mut there, port) = certificate.listen(&[]);
    let sending = block.clone();
    let there = thread::spawn(move || {
        there.send(&sending);
        there.close_stdin();
        there.wait()
    });
    let args = ["-vv", "--ssl-trustfile", certificate.cert(), "localhost", &port];
    let here = run_with("netcat", &args, &block);
    assert!(here.stderr.contains("netcat: TLSv1_3, TLS13_"), "{}", here.stderr);
    for outcome in [here, there.join().unwrap()] {
        assert!(outcome.code() == 0 && outcome.stdout.as_bytes() == block, "{}", outcome.stderr);
    }
}

#[test]
fn a_half_closed_session_goes_on_the_other_way() {
    let certificate = Certificate::new();
    let (mut there, port) = certificate.listen(&["-N"]);
    there.send(b"greeting\n");
    there.close_stdin();
    let mut here = Process::with_open_stdin("netcat", &["--ssl", "127.0.0.1", &port]);
    assert_eq!(here.line().as_deref(), Some("greeting"));
    eventually("only the sending thread is left", || here.n_threads() == 2);
    here.send(b"after the end\n");
    here.close_stdin();
    here.wait().is(0, "greeting\n", "");
    assert_eq!((there.wait().code(), &*there.wait().stdout), (0, "after the end\n"));
}

#[test]
fn only_trusted_servers_are_talked_to() {
    let certificate = Certificate::new();
    let check = |args: &[&str], host: &str, cause: &str| {
        let (mut there, port) = certificate.listen(&[]);
        let outcome = run_with("netcat", &[args, &[host, &port]].concat(), b"secret");
        assert_eq!((outcome.code(), outcome.stderr.lines().count()), (1, 1), "{outcome:?}");
        assert!(outcome.stderr.contains(cause), "{outcome:?}");
        assert_eq!((there.wait().code(), &*there.wait().stdout), (1, ""));
    };
    let file = ["--ssl-trustfile", certificate.cert()];
    check(&file, "127.0.0.1", "not valid for name");
    check(&["--ssl-verify"], "localhost", "invalid peer certificate");
    let other = Certificate::new();
    check(&["--ssl-trustfile", other.cert()], "localhost", "invalid peer certificate");
    let (_there, port) = certificate.listen(&["-k"]);
    let named = [&file[..], &["--ssl-servername", "localhost", "127.0.0.1", &port]].concat();
    run_with("netcat", &named, b"x").is(0, "", "");
    let missing = run_with("netcat", &["--ssl-trustfile", "/nonexistent", "localhost", &port], b"");
    assert_eq!((missing.code(), missing.stderr.lines().count()), (1, 1), "{missing:?}");
}

#[test]
fn a_client_without_tls_and_a_silent_one_do_not_stop_a_listener() {
    let certificate = Certificate::new();
    let (netcat, port) = certificate.listen(&["-k", "-w", "300ms"]);
    let connect = || TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    connect().write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let line = netcat.stderr_line().unwrap();
    assert!(line.starts_with("netcat: TLS handshake: 127.0.0.1:"), "{line}");
    let silent = connect();
    let line = netcat.stderr_line().unwrap();
    let expected = format!("netcat: TLS handshake: {}: timed out", silent.local_addr().unwrap());
    assert_eq!(line, expected);
    let mut client = certificate.connect(&port);
    client.write_all(b"at last\n").unwrap();
    assert_eq!(netcat.line().as_deref(), Some("at last"));
}

#[test]
fn an_end_without_close_notify_is_reported() {
    let certificate = Certificate::new();
    let (mut netcat, port) = certificate.listen(&[]);
    let mut client = certificate.connect(&port);
    client.write_all(b"cut off\n").unwrap();
    let addr = client.sock.local_addr().unwrap();
    assert_eq!(netcat.line().as_deref(), Some("cut off"));
    drop(client); // rustls sends no close_notify unasked
    let outcome = netcat.wait();
    assert_eq!(outcome.code(), 0, "ncat ends no session in another way: {outcome:?}");
    assert!(outcome.stderr.ends_with(&format!("netcat: {addr}: {UNANNOUNCED}\n")));
    // A server that was verified, behind somebody who cuts the connection.
    let (_there, port) = certificate.listen(&["-k"]);
    let (relay, relay_port) = relay_of_one_record(port);
    let args = ["--ssl-trustfile", certificate.cert(), "localhost", &relay_port];
    let outcome = run_with("netcat", &args, b"");
    assert_eq!(outcome.code(), 1, "{outcome:?}");
    assert!(outcome.stderr.contains(UNANNOUNCED), "{outcome:?}");
    relay.join().unwrap();
}

/// Passes on what both ends of a handshake send, and closes when the client has ended its half.
fn relay_of_one_record(port: String) -> (thread::JoinHandle<()>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let relay_port = listener.local_addr().unwrap().port().to_string();
    let relay = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut server = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let back = thread::spawn(move || {
            let mut buf = [0; 4096];
            let n = from.read(&mut buf).unwrap(); // the server's part of the handshake
            to.write_all(&buf[..n]).unwrap();
        });
        _ = std::io::copy(&mut client, &mut server);
        back.join().unwrap();
    });
    (relay, relay_port)
}

#[test]
fn clients_of_others_upload() {
    let certificate = Certificate::new();
    let block = vec![b'x'; 300_000];
    for (name, args) in [
        ("ncat", "--ssl 127.0.0.1 PORT"),
        ("socat", "- OPENSSL:127.0.0.1:PORT,verify=0"),
        ("openssl", "s_client -quiet -no_ign_eof -connect 127.0.0.1:PORT"),
    ] {
        if !is_installed(name) {
            continue;
        }
        let (mut netcat, port) = certificate.listen(&[]);
        netcat.close_stdin();
        let args = args.replace("PORT", &port);
        let mut client = Command::new(name);
        let mut client = Process::start(client.args(args.split(' ')).stdin(Stdio::piped()));
        client.send(&block);
        client.close_stdin();
        let outcome = netcat.wait();
        assert_eq!((outcome.code(), outcome.stdout.len()), (0, 300_000), "{name}: {outcome:?}");
        client.wait();
    }
}

#[test]
fn servers_of_others_are_uploaded_to() {
    let certificate = Certificate::new();
    let block = vec![b'x'; 300_000];
    let (cert, key) = (certificate.cert(), certificate.key.to_str().unwrap());
    for (name, args) in [
        ("ncat", "-l --ssl --ssl-cert CERT --ssl-key KEY 127.0.0.1 PORT"),
        ("socat", "- OPENSSL-LISTEN:PORT,bind=127.0.0.1,cert=CERT,key=KEY,verify=0"),
    ] {
        if !is_installed(name) {
            continue;
        }
        let port = free_port();
        let args = args.replace("CERT", cert).replace("KEY", key);
        let args = args.replace("PORT", &port.to_string());
        let mut server = Command::new(name);
        let mut server = Process::start(server.args(args.split(' ')).stdin(Stdio::piped()));
        server.send(b"greeting\n");
        eventually("the server listens", || is_listening(port));
        let args = ["--ssl-trustfile", cert, "localhost", &port.to_string()];
        let mut ours = Process::with_open_stdin("netcat", &[&["-4"][..], &args].concat());
        assert_eq!(ours.line().as_deref(), Some("greeting"), "{name}");
        ours.send(&block);
        ours.close_stdin();
        let outcome = ours.wait();
        let n_received = server.wait().stdout.len();
        assert_eq!(n_received, 300_000, "{name}: {outcome:?}");
        let is_cut = name == "ncat" && outcome.stderr.contains(UNANNOUNCED); // at times
        assert_eq!(outcome.code(), i32::from(is_cut), "{name}: {outcome:?}");
    }
}
