//! Every command and its replies.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

use super::{Ftp, Site};
use crate::support::has_ipv6;

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn commands_reply_with_the_code_of_their_state() {
    let site = Site::new(&[]);
    let mut ftp = site.connect();
    let check = |ftp: &mut Ftp, lines: &[(&str, u16)]| {
        for (line, code) in lines {
            ftp.command(line, *code);
        }
    };
    let needs_login = [
        "CWD /",
        "CDUP",
        "PWD",
        "TYPE I",
        "PASV",
        "EPSV",
        "RETR file",
        "STOR x",
        "LIST",
        "MLSD",
        "SIZE file",
        "RNFR file",
        "DELE file",
        "MKD d",
        "STAT file",
        "ABOR",
        "SITE HELP",
        "REST 1",
    ];
    for line in needs_login {
        ftp.command(line, 530);
    }
    check(
        &mut ftp,
        &[
            ("NOOP", 200),
            ("noop", 200),
            ("SYST", 215),
            ("FEAT", 211),
            ("HELP", 214),
            ("STAT", 211),
            ("ACCT x", 202),
            ("OPTS UTF8 ON", 200),
            ("OPTS NONSENSE", 501),
            ("PASS x", 503),
            ("USER", 501),
            ("AUTH TLS", 502),
            ("PBSZ 0", 503),
            ("PROT P", 503),
            ("CCC", 533),
            ("NONSENSE", 500),
            ("", 500),
            ("MKD a\0b", 501),
            ("USER anonymous", 331),
            ("PASS x", 230),
        ],
    );
    check(
        &mut ftp,
        &[
            ("PASS x", 503),
            ("PWD", 257),
            ("XPWD", 257),
            ("CWD sub", 250),
            ("CDUP", 250),
            ("CDUP", 250),
            ("CWD none", 550),
            ("CWD file", 550),
            ("CWD", 501),
            ("TYPE A", 200),
            ("TYPE A N", 200),
            ("TYPE I", 200),
            ("TYPE L 8", 200),
            ("TYPE E", 504),
            ("TYPE", 501),
            ("STRU F", 200),
            ("STRU R", 504),
            ("MODE S", 200),
            ("MODE B", 504),
            ("ALLO 5", 202),
            ("REST 5", 350),
            ("REST x", 501),
            ("REST -1", 501),
            ("SIZE file", 213),
            ("SIZE sub", 550),
            ("MDTM file", 213),
            ("MDTM none", 550),
            ("RNTO x", 503),
            ("ABOR", 226),
            ("RETR file", 425),
            ("STOR x", 425),
            ("LIST", 425),
            ("MLST file", 250),
            ("MLST", 250),
            ("STAT sub", 212),
            ("STAT none", 550),
            ("SITE HELP", 214),
            ("SITE NONSENSE", 504),
            ("OPTS MLST size;", 200),
            ("EPSV 2", 522),
            ("EPSV 3", 522),
            ("EPSV x", 501),
            ("PORT 1,2,3", 501),
            ("EPRT |3|x|1|", 522),
            ("REIN", 220),
            ("PWD", 530),
            ("QUIT", 221),
        ],
    );
    assert_eq!(ftp.try_reply(), None);
}

#[test]
fn files_are_transferred_unchanged() {
    let site = Site::new(&[]);
    let mut ftp = site.login();
    assert_eq!(ftp.get("RETR file"), b"one\ntwo\n");
    let bytes: Vec<u8> = (0..3_000_000u32).map(|n| n.to_le_bytes()[n as usize % 3]).collect();
    ftp.put("STOR new", &bytes, 226);
    assert!(site.read("new") == bytes && ftp.get("RETR new") == bytes);
    ftp.command("REST 2999990", 350);
    assert_eq!(ftp.get("RETR new"), &bytes[2_999_990..]);
    assert_eq!(ftp.get("RETR new").len(), 3_000_000, "REST is valid for one transfer");
    ftp.command("REST 10", 350);
    ftp.put("STOR new", b"tail", 226);
    assert_eq!(site.read("new"), [&bytes[..10], b"tail"].concat());
    ftp.put("APPE new", b"+", 226);
    ftp.put("APPE fresh", b"+", 226);
    assert_eq!((site.read("new").len(), &*site.read("fresh")), (15, &b"+"[..]));
    let first = ftp.put("STOU", b"unique", 226);
    let name = first.strip_prefix("150 FILE: ").unwrap();
    assert_eq!(site.read(name), b"unique");
    ftp.put("STOR empty", b"", 226);
    assert_eq!(ftp.get("RETR empty"), b"");
    assert_eq!(ftp.command("SIZE new", 213), "213 15");
}

#[test]
fn ascii_mode_converts_line_ends() {
    let site = Site::new(&[]);
    let mut ftp = site.login();
    ftp.command("TYPE A", 200);
    assert_eq!(ftp.get("RETR file"), b"one\r\ntwo\r\n");
    ftp.put("STOR text", b"a\r\nb\rc\r\n\r", 226);
    assert_eq!(site.read("text"), b"a\nb\rc\n\r");
    ftp.command("SIZE file", 550);
    ftp.command("REST 1", 504);
    let long = "line\n".repeat(200_000);
    fs::write(site.path("long"), &long).unwrap();
    assert!(ftp.text("RETR long") == long.replace('\n', "\r\n"));
    ftp.put("STOR back", long.replace('\n', "\r\n").as_bytes(), 226);
    assert!(site.read("back") == long.as_bytes());
}

#[test]
fn listings_in_all_formats() {
    let site = Site::new(&[]);
    fs::write(site.path(".hidden"), "").unwrap();
    let mut ftp = site.login();
    assert_eq!(ftp.text("NLST"), "file\r\nsub\r\n");
    assert_eq!(ftp.text("NLST -a"), ".hidden\r\nfile\r\nsub\r\n");
    assert_eq!(ftp.text("NLST sub"), "sub/inner\r\n");
    assert_eq!(ftp.text("NLST f*"), "file\r\n");
    assert_eq!(ftp.text("NLST sub/*"), "sub/inner\r\n");
    assert_eq!(ftp.text("NLST none*"), "");
    assert_eq!(ftp.text("LIST file"), ftp.text("LIST -la file"));
    assert!(ftp.text("LIST -l").lines().all(|line| line.contains(" ftp      ftp ")));
    assert!(ftp.text("LIST -R").ends_with("inner\r\n"));
    let facts = ftp.text("MLSD");
    assert_eq!(facts.lines().count(), 3);
    assert!(facts.lines().any(|line| line.starts_with("type=file;size=8;modify=2")), "{facts}");
    ftp.command("OPTS MLST size;", 200);
    assert!(ftp.text("MLSD").contains("size=8; file\r\n"));
    assert!(ftp.command("MLST file", 250).contains("\r\n size=8; /file\r\n"));
    drop(ftp.data());
    ftp.command("MLSD file", 501);
    drop(ftp.data());
    ftp.command("LIST none", 550);
}

#[test]
fn file_names_may_contain_any_printable_character() {
    let site = Site::new(&[]);
    let mut ftp = site.login();
    for name in ["a b", " lead", "trail ", "quo\"te", "grüße", "-x", "a;b=c", "*", "100%"] {
        ftp.put(&format!("STOR {name}"), name.as_bytes(), 226);
        assert_eq!(site.read(name), name.as_bytes());
        assert_eq!(ftp.get(&format!("RETR {name}")), name.as_bytes());
        assert!(ftp.text("MLSD").contains(&format!("; {name}\r\n")));
        ftp.command(&format!("DELE {name}"), 250);
    }
    let made = ftp.command("MKD d\"q\"", 257);
    assert!(made.starts_with("257 \"/d\"\"q\"\"\" "), "{made}");
    ftp.command("CWD d\"q\"", 250);
    assert!(ftp.command("PWD", 257).starts_with("257 \"/d\"\"q\"\"\" "));
}

/// Names are bytes: those of other encodings than UTF-8 are kept, and 255 (CP1251's last letter) with
/// and without Telnet's escape.
#[test]
fn names_in_other_encodings_keep_their_bytes() {
    let site = Site::new(&[]);
    let mut ftp = site.login();
    let names: [(&[u8], &[u8]); 5] = [
        (b"\xcc\xee\xff.txt", b"\xcc\xee\xff.txt"), // CP1251
        (b"\xcc\xee\xff\xff.txt", b"\xcc\xee\xff.txt"),
        (b"\xcc\xee.txt", b"\xcc\xee.txt"),
        (b"\x93\xfa\x96\x7b", b"\x93\xfa\x96\x7b"), // Shift-JIS
        (b"\x81\x9b", b"\x81\x9b"),                 // CP850
    ];
    for (sent, stored) in names {
        let path = site.dir.path().join(OsStr::from_bytes(stored));
        ftp.send([b"MKD ", sent, b"\r\n"].concat());
        ftp.expect_reply(257, "MKD");
        assert!(path.is_dir(), "{sent:?}");
        let listing = ftp.get("NLST");
        assert!(listing.split(|byte| *byte == b'\n').any(|line| line == [stored, b"\r"].concat()));
        ftp.send([b"SITE CHMOD 700 ", sent, b"\r\n"].concat());
        ftp.expect_reply(200, "SITE CHMOD");
        ftp.send([b"RMD ", sent, b"\r\n"].concat());
        ftp.expect_reply(250, "RMD");
        assert!(!path.exists(), "{sent:?}");
    }
    for control in [b"MKD a\x1fb\r\n", b"MKD a\x7fb\r\n"] {
        ftp.send(control);
        ftp.expect_reply(553, "MKD");
    }
}

/// As vsftpd, proftpd and pyftpdlib send them. The file is longer than the server's buffer, and a
/// buffer ends between CR and LF.
#[test]
fn ascii_mode_sends_cr_lf_unchanged() {
    let site = Site::new(&[]);
    let text = [&b"a\nb\r\n\rc\n"[..], &vec![b'x'; (256 << 10) - 9], b"\r\nd"].concat();
    fs::write(site.path("text"), &text).unwrap();
    let mut ftp = site.login();
    ftp.command("TYPE A", 200);
    let expected = [&b"a\r\nb\r\n\rc\r\n"[..], &vec![b'x'; (256 << 10) - 9], b"\r\nd"].concat();
    assert!(ftp.get("RETR text") == expected);
}

#[test]
fn directories_renames_times_and_modes() {
    let site = Site::new(&[]);
    let mut ftp = site.login();
    ftp.command("MKD new", 257);
    ftp.command("MKD new", 550);
    ftp.command("RNFR new", 350);
    ftp.command("RNTO other", 250);
    ftp.command("RMD new", 550);
    ftp.command("RMD other", 250);
    ftp.command("RMD sub", 550);
    ftp.command("RMD /", 550);
    ftp.command("DELE sub", 550);
    ftp.command("MFMT 20010203040506 file", 213);
    assert_eq!(ftp.command("MDTM file", 213), "213 20010203040506");
    assert!(ftp.text("LIST file").contains(" Feb  3  2001 file"));
    ftp.command("MFMT 2001 file", 501);
    ftp.command("SITE CHMOD 600 file", 200);
    assert_eq!(fs::metadata(site.path("file")).unwrap().permissions().mode() & 0o777, 0o600);
    ftp.put("STOR file", b"new", 226);
    assert_eq!(fs::metadata(site.path("file")).unwrap().permissions().mode() & 0o777, 0o600);
    ftp.command("DELE file", 250);
    assert!(!site.path("file").exists());
}

#[test]
fn replies_do_not_depend_on_how_the_bytes_arrive() {
    let site = Site::new(&[]);
    let script = "USER anonymous\r\nPASS x\r\nTYPE I\r\nNONSENSE\r\nMKD d\r\nRMD d\r\nPWD\r\n\
                  CWD /sub\r\nSIZE inner\r\nFEAT\r\nQUIT\r\n";
    let replies = |pieces: Vec<&[u8]>| {
        let mut ftp = site.connect();
        for piece in pieces {
            ftp.send(piece);
        }
        let mut replies = Vec::new();
        while let Some(reply) = ftp.try_reply() {
            replies.push(reply);
        }
        replies
    };
    let whole = replies(vec![script.as_bytes()]);
    assert_eq!(whole.len(), 11);
    assert_eq!(whole, replies(script.as_bytes().chunks(1).collect()));
}

#[test]
fn commands_during_a_transfer_wait_for_its_end() {
    let site = Site::new(&[]);
    let mut ftp = site.login();
    let mut data = ftp.data();
    ftp.send("STOR new\r\nSIZE new\r\nRNFR new\r\nRNTO newer\r\nQUIT\r\n");
    ftp.expect_reply(150, "STOR");
    data.write_all(b"12345").unwrap();
    drop(data);
    for code in [226, 213, 350, 250, 221] {
        ftp.expect_reply(code, "pipelined");
    }
    assert_eq!(site.read("newer"), b"12345");
}

#[test]
fn active_mode_connects_to_the_client_only() {
    let site = Site::new(&[]);
    let mut ftp = site.login();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let [high, low] = port.to_be_bytes();
    for line in [format!("PORT 127,0,0,1,{high},{low}"), format!("EPRT |1|127.0.0.1|{port}|")] {
        ftp.command(&line, 200);
        ftp.command("RETR sub/inner", 150);
        let mut text = String::new();
        listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
        assert_eq!(text, "inner");
        ftp.expect_reply(226, &line);
    }
    for line in [
        "PORT 127,0,0,2,100,0",
        "PORT 127,0,0,1,3,255",
        "EPRT |1|10.0.0.1|2000|",
        "EPRT |2|::1|2000|",
    ] {
        ftp.command(line, 504);
    }
    ftp.command("EPSV ALL", 200);
    ftp.command("PASV", 501);
    ftp.command("PORT 127,0,0,1,100,0", 501);
    assert_eq!(ftp.get("RETR sub/inner"), b"inner");
}

#[test]
fn ipv6() {
    if !has_ipv6() {
        return;
    }
    let site = Site::new(&["-bind", "::1"]);
    let mut ftp = site.login();
    assert_eq!(ftp.get("RETR sub/inner"), b"inner");
    ftp.command("PASV", 425);
    ftp.command("EPSV 1", 522);
    let listener = TcpListener::bind("[::1]:0").unwrap();
    ftp.command(&format!("EPRT |2|::1|{}|", listener.local_addr().unwrap().port()), 200);
    ftp.command("RETR sub/inner", 150);
    drop(listener.accept().unwrap());
    assert!(matches!(ftp.reply().0, 226 | 426));
}

#[test]
fn passive_ports_and_the_public_address() {
    // A port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let range = format!("{free}-{free}");
    let site = Site::new(&["-passive-ports", &range, "-public-address", "192.0.2.7"]);
    let mut ftp = site.login();
    let addr = ftp.pasv();
    assert_eq!(addr.to_string(), format!("192.0.2.7:{free}"));
    let mut other = site.login();
    other.command("EPSV", 425);
    let data = TcpStream::connect(("127.0.0.1", free)).unwrap();
    ftp.command("NLST sub", 150);
    ftp.expect_reply(226, "NLST");
    drop(data);
    other.command("EPSV", 229);
}
