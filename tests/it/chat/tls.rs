//! TLS beside the plain port, and over the web.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rcgen::generate_simple_self_signed;
use rustix::process::Signal;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::log_in;
use crate::support::{DEADLINE, Server, eventually, run};

type Session = BufReader<StreamOwned<ClientConnection, TcpStream>>;

/// Writes a new certificate and its key; returns the certificate.
fn certify(dir: &Path) -> CertificateDer<'static> {
    let certified = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(dir.join("key.pem"), certified.signing_key.serialize_pem()).unwrap();
    fs::write(dir.join("cert.pem"), certified.cert.pem()).unwrap();
    CertificateDer::from_pem_slice(certified.cert.pem().as_bytes()).unwrap()
}

fn connect(addr: SocketAddr, trusted: &CertificateDer<'static>) -> std::io::Result<Session> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let mut session = StreamOwned::new(ClientConnection::new(config, name).unwrap(), stream);
    session.flush()?; // performs the handshake
    Ok(BufReader::new(session))
}

fn line(session: &mut Session) -> String {
    let mut line = String::new();
    session.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

fn args(dir: &Path) -> [String; 5] {
    let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    ["--tls".into(), path("cert.pem"), path("key.pem"), "--tls-port".into(), "0".into()]
}

/// The address in the next line on stderr, behind `announced`.
fn address(server: &Server, announced: &str) -> SocketAddr {
    let line = server.process.stderr_line().unwrap();
    let addr = line.strip_prefix(announced).unwrap_or_else(|| panic!("{line}"));
    addr.trim_end_matches('/').parse().unwrap()
}

#[test]
fn clients_with_and_without_tls_are_in_one_room() {
    let dir = tempfile::tempdir().unwrap();
    let certificate = certify(dir.path());
    let args = args(dir.path());
    let args: Vec<&str> =
        args.iter().map(String::as_str).chain(["--web", "0", "-flood", "0"]).collect();
    let server = Server::start("chat", &args);
    let tls_addr = address(&server, "TLS on ");
    let web_addr = address(&server, "web page on http://");
    let (mut nik, _) = log_in(&server, "nik");
    let mut ann = connect(tls_addr, &certificate).unwrap();
    assert_eq!(line(&mut ann), "What is your name?");
    ann.get_mut().write_all(b"ann\n").unwrap();
    assert_eq!(line(&mut ann), "Welcome, ann. Type /help for a list of commands.");
    assert_eq!(line(&mut ann), "In lobby: nik, ann");
    assert_eq!(nik.line(), "ann has arrived");
    // More than a record, and more than the kernel takes at once.
    let long = "x".repeat(60_000);
    for n in 0..40 {
        nik.send(format!("{n}{long}\n"));
    }
    for n in 0..40 {
        let expected = format!("nik: {n}{long}");
        assert!(nik.line() == expected && line(&mut ann) == expected, "line {n}");
    }
    ann.get_mut().write_all(format!("{long}\n").as_bytes()).unwrap();
    assert!(nik.line() == format!("ann: {long}"));
    assert!(line(&mut ann) == format!("ann: {long}"));
    ann.get_mut().write_all(b"/quit\n").unwrap();
    assert_eq!(line(&mut ann), "Goodbye.");
    let mut rest = Vec::new();
    ann.read_to_end(&mut rest).expect("the end is announced (close_notify)");
    assert_eq!(nik.line(), "ann has left");
    // The page by HTTPS and by HTTP on one port.
    let mut page = connect(web_addr, &certificate).unwrap();
    page.get_mut().write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(line(&mut page), "HTTP/1.1 200 OK");
    let mut page = TcpStream::connect(web_addr).unwrap();
    page.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut head = [0; 15];
    page.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
}

#[test]
fn a_certificate_is_read_again_on_sighup_and_garbage_harms_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let old = certify(dir.path());
    let args = [vec!["-port".to_owned(), "off".to_owned()], args(dir.path()).to_vec()].concat();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let process = crate::support::Process::start(&mut crate::support::command(
        "chat",
        &[&["-bind", "127.0.0.1"], &args[..]].concat(),
    ));
    let announced = process.stderr_line().unwrap();
    let addr = announced.strip_prefix("TLS on ").unwrap().parse().unwrap();
    let mut ann = connect(addr, &old).unwrap();
    assert_eq!(line(&mut ann), "What is your name?");
    let mut garbage = TcpStream::connect(addr).unwrap();
    garbage.write_all(b"hello?\r\n\r\n").unwrap();
    _ = garbage.read_to_end(&mut Vec::new()); // an alert, then the end
    fs::write(dir.path().join("key.pem"), "nonsense").unwrap();
    process.signal(Signal::HUP);
    let warning = process.stderr_line().unwrap();
    assert!(warning.ends_with("; it stays as it was") && warning.contains("key.pem"), "{warning}");
    assert!(connect(addr, &old).is_ok());
    let new = certify(dir.path());
    process.signal(Signal::HUP);
    eventually("the new certificate is used", || connect(addr, &new).is_ok());
    assert!(connect(addr, &old).is_err());
    ann.get_mut().write_all(b"ann\n").unwrap();
    assert_eq!(line(&mut ann), "Welcome, ann. Type /help for a list of commands.");
}

#[test]
fn a_server_without_a_port_or_a_certificate_does_not_start() {
    assert_eq!(run("chat", &["-port", "off"]).code(), 1);
    assert_eq!(run("chat", &["-port", "on"]).code(), 2);
    assert_eq!(run("chat", &["--tls-port", "0"]).code(), 2);
    let refused = run("chat", &["--tls", "/nonexistent/c", "/nonexistent/k", "--tls-port", "0"]);
    assert_eq!(refused.code(), 1);
    assert!(refused.stderr.starts_with("chat: /nonexistent/c: "), "{refused:?}");
}
