//! TLS 1.3: when uploads bring a session ticket.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use rustls::client::{
    ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, NamedGroup};

use super::Ftp;
use super::client::stranger;
use super::secure::{Secure, TLS13, Tls, secure};

/// Keeps the last ticket only, as curl, PHP's and Ruby's clients do.
#[derive(Debug, Default)]
struct LastTicket(Mutex<Option<Tls13ClientSessionValue>>);

impl ClientSessionStore for LastTicket {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        *self.0.lock().unwrap() = Some(ticket);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.lock().unwrap().take()
    }
}

fn last_ticket_only(secure: &Secure) -> Arc<ClientConfig> {
    let mut config = Arc::unwrap_or_clone(secure.config(TLS13));
    config.resumption = Resumption::store(Arc::new(LastTicket::default()));
    Arc::new(config)
}

/// Ends the data of an upload, and closes without reading.
fn end(mut data: Tls) {
    data.conn.send_close_notify();
    data.flush().unwrap_or(()); // the server may have closed it
}

/// Begins the handshake of an upload before it is announced, sends this and never reads. Returns the code
/// of the last reply.
fn put_without_reading(ftp: &mut Ftp, bytes: &[u8], config: &Arc<ClientConfig>) -> u16 {
    let mut data = secure(ftp.data(), config);
    data.conn.write_tls(&mut data.sock).unwrap();
    ftp.send("STOR new\r\n");
    data.conn.complete_io(&mut data.sock).unwrap();
    ftp.expect_reply(150, "STOR");
    if data.write_all(bytes).is_ok() {
        end(data);
    }
    ftp.reply().0
}

/// 200 kB, which the kernel has not sent yet when the connection is closed.
fn contents(nth: u8) -> Vec<u8> {
    vec![nth; 200_000]
}

/// curl knows from SIZE that a file is empty, and closes without reading the tickets.
#[test]
fn an_empty_download_may_be_closed_at_once() {
    let secure_site = Secure::new(&[]);
    fs::write(secure_site.site.path("empty"), "").unwrap();
    let config = secure_site.config(TLS13);
    for nth in 0..50 {
        let mut ftp = secure_site.login(&config);
        let mut data = secure(ftp.data(), &config);
        data.conn.write_tls(&mut data.sock).unwrap();
        ftp.send("RETR empty\r\n");
        data.conn.complete_io(&mut data.sock).unwrap();
        drop(data);
        ftp.expect_reply(150, "RETR");
        ftp.expect_reply(226, &format!("RETR {nth}"));
    }
}

/// With the ticket unread, closing would reset the connection and lose the end of the file.
#[test]
fn a_client_that_never_reads_uploads_whole_files() {
    let secure_site = Secure::new(&[]);
    let config = secure_site.config(TLS13);
    for login in 0..10 {
        let mut ftp = secure_site.login(&config);
        for nth in 0..6 {
            let bytes = contents(10 * login + nth);
            assert_eq!(put_without_reading(&mut ftp, &bytes, &config), 226, "{login} {nth}");
            assert!(secure_site.site.read("new") == bytes, "{login} {nth}");
        }
    }
}

/// So does one that begins as curl does, but for the one upload that shows what it is.
#[test]
fn a_client_that_has_lost_an_upload_gets_no_ticket_in_the_next() {
    let secure_site = Secure::new(&[]);
    let config = secure_site.config(TLS13);
    let mut codes = Vec::new();
    for nth in 0..40 {
        let mut ftp = secure_site.login_after("AUTH SSL", "anonymous", &config);
        codes.push(put_without_reading(&mut ftp, &contents(nth), &config));
    }
    let n_lost = codes.iter().filter(|code| **code != 226).count();
    assert!(n_lost <= 1, "{codes:?}");
}

/// A client as curl, but for `AUTH SSL`, is refused once for want of a ticket.
#[test]
fn a_client_that_had_no_ticket_gets_it_before_the_next_upload() {
    let secure_site = Secure::new(&[]);
    let config = last_ticket_only(&secure_site);
    let mut ftp = secure_site.login(&config);
    assert_eq!(put_without_reading(&mut ftp, b"contents", &config), 226);
    assert_eq!(put_without_reading(&mut ftp, b"contents", &config), 522);
    let mut ftp = secure_site.login(&config);
    for nth in 0..10 {
        let mut data = secure(ftp.data(), &config);
        data.conn.write_tls(&mut data.sock).unwrap();
        ftp.send("STOR new\r\n");
        data.conn.complete_io(&mut data.sock).unwrap();
        ftp.expect_reply(150, "STOR");
        data.write_all(b"contents").unwrap();
        data.conn.read_tls(&mut data.sock).unwrap(); // the ticket
        data.conn.process_new_packets().unwrap();
        end(data);
        ftp.expect_reply(226, &format!("STOR {nth}"));
    }
}

/// A client that begins with AUTH SSL and the handshake before the transfer is announced (curl) gets a ticket for the
/// next upload, even if a stranger has connected first.
#[test]
fn uploads_alone_do_not_run_out_of_tickets() {
    let secure_site = Secure::new(&[]);
    let config = last_ticket_only(&secure_site);
    let mut ftp = secure_site.login_after("AUTH SSL", "anonymous", &config);
    for nth in 0..30 {
        let addr = ftp.pasv();
        let _stranger = stranger(addr);
        let mut data = secure(TcpStream::connect(addr).unwrap(), &config);
        data.conn.write_tls(&mut data.sock).unwrap();
        if nth == 0 {
            ftp.command("STOR new", 150); // a client may also wait for the announcement
            data.conn.complete_io(&mut data.sock).unwrap();
        } else {
            ftp.send("STOR new\r\n");
            data.conn.complete_io(&mut data.sock).unwrap();
            ftp.expect_reply(150, "STOR");
        }
        data.write_all(&[nth; 100]).unwrap();
        data.conn.read_tls(&mut data.sock).unwrap(); // the ticket
        data.conn.process_new_packets().unwrap();
        end(data);
        ftp.expect_reply(226, "STOR");
    }
}

/// A client that uses each ticket once, keeps only the last one, and reads to the end after an upload
/// (PHP's) gets a ticket there.
#[test]
fn uploads_end_with_a_ticket() {
    let secure_site = Secure::new(&[]);
    let config = last_ticket_only(&secure_site);
    let mut ftp = secure_site.login(&config);
    for nth in 0..30 {
        let mut data = secure(ftp.data(), &config);
        ftp.command("STOR new", 150);
        data.write_all(&[nth; 100]).unwrap();
        data.conn.send_close_notify();
        data.flush().unwrap();
        assert_eq!(data.read_to_end(&mut Vec::new()).unwrap(), 0);
        ftp.expect_reply(226, "STOR");
    }
}

/// A client that does not read (Perl's `Net::FTP`) resets the connection when it closes it with a ticket
/// unread, and the server might lose the end of the file.
#[test]
fn uploads_begin_without_a_ticket_where_nothing_must_be_resumed() {
    let secure_site = Secure::new(&["-no-tls-resume"]);
    let config = secure_site.config(TLS13);
    let mut ftp = secure_site.login(&config);
    let mut data = secure(ftp.data(), &config);
    data.conn.write_tls(&mut data.sock).unwrap();
    ftp.send("STOR new\r\n");
    data.conn.complete_io(&mut data.sock).unwrap(); // the handshake, before the announcement
    ftp.expect_reply(150, "STOR");
    data.write_all(b"contents").unwrap();
    data.sock.set_nonblocking(true).unwrap();
    let unread = data.sock.peek(&mut [0]).unwrap_err();
    assert_eq!(unread.kind(), std::io::ErrorKind::WouldBlock);
    data.sock.set_nonblocking(false).unwrap();
    data.conn.send_close_notify();
    data.flush().unwrap();
    drop(data);
    ftp.expect_reply(226, "STOR");
    assert_eq!(secure_site.site.read("new"), b"contents");
}
