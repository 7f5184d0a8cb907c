//! Random input: the server never panics, and every session ends with a last reply.

use std::io::{Read, Write};
use std::net::TcpStream;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{Ftp, Site};

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

/// Sends `bytes`, ends the write half, and reads all replies. Returns the code of the last one.
fn last_code(site: &Site, bytes: &[u8]) -> u16 {
    let mut ftp = Ftp::new(TcpStream::connect(site.server.addr).unwrap());
    _ = ftp.stream().write_all(bytes); // the server may have closed the connection
    _ = ftp.stream().shutdown(std::net::Shutdown::Write);
    let mut last = 0;
    while let Some((code, text)) = ftp.try_reply() {
        last = code;
        if let Some(port) = text.strip_prefix("229 ").and_then(|text| text.split('|').nth(3)) {
            use_data(port);
        }
    }
    last
}

/// Connects to the data port, sends and receives a few bytes, and closes.
fn use_data(port: &str) {
    if let Ok(mut data) = TcpStream::connect(("127.0.0.1", port.parse().unwrap())) {
        _ = data.write_all(b"data\n");
        _ = data.shutdown(std::net::Shutdown::Write);
        _ = data.set_read_timeout(Some(std::time::Duration::from_millis(50)));
        _ = data.read(&mut [0; 100]);
    }
}

#[test]
fn random_bytes() {
    let mut site = Site::new(&["-data-timeout", "50ms"]);
    let bytes = proptest::collection::vec(
        prop_oneof![4 => any::<u8>(), 1 => Just(b'\r'), 1 => Just(b'\n'), 1 => Just(255u8)],
        0..400,
    );
    let run = runner(150).run(&bytes, |bytes| {
        prop_assert!(matches!(last_code(&site, &bytes), 221 | 421));
        Ok(())
    });
    run.unwrap();
    assert_alive_and_stop(&mut site);
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn random_commands() {
    let mut site = Site::new(&["-data-timeout", "50ms", "-login-delay", "0s"]);
    let verb = prop::sample::select(vec![
        "USER anonymous",
        "PASS x",
        "REIN",
        "CWD",
        "CDUP",
        "PWD",
        "TYPE",
        "STRU F",
        "MODE S",
        "PASV",
        "EPSV",
        "PORT 127,0,0,1,200,1",
        "EPRT |1|127.0.0.1|65000|",
        "RETR",
        "STOR",
        "APPE",
        "STOU",
        "REST",
        "ABOR",
        "RNFR",
        "RNTO",
        "DELE",
        "MKD",
        "RMD",
        "LIST",
        "LIST -laR",
        "NLST",
        "MLSD",
        "MLST",
        "SIZE",
        "MDTM",
        "MFMT 20010203040506",
        "FEAT",
        "OPTS",
        "STAT",
        "SYST",
        "HELP",
        "NOOP",
        "ALLO 1",
        "SITE CHMOD 644",
        "AUTH TLS",
        "PBSZ 0",
        "PROT P",
        "CCC",
        "QUIT",
        "ACCT",
        "\u{ff}\u{f4}\u{ff}\u{f2}ABOR",
        "NONSENSE",
    ]);
    let arg = prop::sample::select(vec![
        "",
        " file",
        " sub",
        " new",
        " sub/inner",
        " ..",
        " A",
        " I",
        " 3",
        " *",
    ]);
    let lines = proptest::collection::vec((verb, arg, any::<bool>()), 1..25);
    let run = runner(150).run(&lines, |lines| {
        let mut script = String::from("USER anonymous\r\nPASS x\r\n");
        for (verb, arg, needs_data) in lines {
            if needs_data {
                script += "EPSV\r\n";
            }
            script.extend([verb, arg, "\r\n"]);
        }
        let bytes: Vec<u8> = script.chars().map(|c| u32::from(c).to_le_bytes()[0]).collect();
        prop_assert!(matches!(last_code(&site, &bytes), 221 | 421));
        Ok(())
    });
    run.unwrap();
    assert_alive_and_stop(&mut site);
}

/// Asserts that the server still serves, has not panicked, and shuts down cleanly.
fn assert_alive_and_stop(site: &mut Site) {
    site.connect().command("NOOP", 200);
    site.server.process.signal(rustix::process::Signal::TERM);
    let ended = site.server.process.wait();
    assert_eq!(ended.code(), 0);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}
