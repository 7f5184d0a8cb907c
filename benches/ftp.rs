//! 8.2 ftpd: transfers over loopback, compared with a minimal server for the same commands that has
//! one thread per session and uses sendfile.
//!
//! `scripts/compare-ftp` compares with other servers.

#![allow(missing_docs)] // criterion's macros generate public functions

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use socket2::SockRef;
use threadbare::engines::ftp::{self, Options, Rights, Users};
use threadbare::fs::jail::Jail;
use threadbare::net;

mod support;

const SMALL: usize = 4 << 10;
const LARGE: usize = 64 << 20;
const N_SMALL: usize = 500;

/// A client with one session; it opens data connections with PASV.
struct Client {
    lines: BufReader<TcpStream>,
    buf: Vec<u8>,
}

impl Client {
    fn new(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut client = Client { lines: BufReader::new(stream), buf: vec![0; 256 << 10] };
        client.reply();
        for line in ["USER anonymous", "PASS x", "TYPE I"] {
            client.command(line);
        }
        client
    }

    fn reply(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    fn command(&mut self, line: &str) -> String {
        self.lines.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
        self.reply()
    }

    fn open_data(&mut self) -> TcpStream {
        let text = self.command("PASV");
        let list = text.split(['(', ')']).nth(1).unwrap();
        let n: Vec<u16> = list.split(',').map(|n| n.parse().unwrap()).collect();
        TcpStream::connect(("127.0.0.1", n[4] * 256 + n[5])).unwrap()
    }

    fn get(&mut self, name: &str) -> usize {
        let mut data = self.open_data();
        self.command(&format!("RETR {name}"));
        let mut n_bytes = 0;
        while let n @ 1.. = data.read(&mut self.buf).unwrap() {
            n_bytes += n;
        }
        self.reply();
        // Avoids TIME_WAIT: with thousands of ports in it, finding a free one would dominate.
        SockRef::from(&data).set_linger(Some(Duration::ZERO)).unwrap();
        n_bytes
    }

    fn put(&mut self, name: &str, bytes: &[u8]) {
        let mut data = self.open_data();
        self.command(&format!("STOR {name}"));
        data.write_all(bytes).unwrap();
        drop(data);
        assert!(self.reply().starts_with("226"));
    }
}

fn options() -> Options {
    Options { sessions_per_ip_max: 0, ..Options::default() }
}

/// The least that a server with one thread per session costs: the same system calls, no checks.
fn serve_bare(listener: &TcpListener, dir: &Path) {
    while let Ok((control, _)) = listener.accept() {
        control.set_nodelay(true).unwrap();
        let dir = dir.to_owned();
        thread::spawn(move || bare_session(&control, &dir));
    }
}

fn bare_session(mut control: &TcpStream, dir: &Path) {
    let mut port = None;
    control.write_all(b"220 bare\r\n").unwrap();
    for line in BufReader::new(control).lines().map_while(Result::ok) {
        if let Some(name) = line.strip_prefix("RETR ") {
            let file = File::open(dir.join(name)).unwrap();
            let listener: TcpListener = port.take().unwrap();
            let (data, _) = listener.accept().unwrap();
            data.set_nodelay(true).unwrap();
            control.write_all(b"150 Opening data connection.\r\n").unwrap();
            while net::send_file(&data, &file).unwrap() > 0 {}
            drop(data);
            control.write_all(b"226 Transfer complete.\r\n").unwrap();
        } else if line == "PASV" {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let [high, low] = listener.local_addr().unwrap().port().to_be_bytes();
            port = Some(listener);
            control.write_all(format!("227 (127,0,0,1,{high},{low}).\r\n").as_bytes()).unwrap();
        } else {
            control.write_all(b"200 OK.\r\n").unwrap();
        }
    }
}

fn files(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("small"), vec![b'x'; SMALL]).unwrap();
    std::fs::write(dir.path().join("large"), vec![b'x'; LARGE]).unwrap();
    let jail = Jail::new(dir.path()).unwrap();
    let users = Users::new(Some(Rights::Write), 1);
    let listener = net::listen("127.0.0.1:0", 2).unwrap();
    let addr = listener.local_addr().unwrap();
    let bare_listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let bare_addr = bare_listener.local_addr().unwrap();
    let path = dir.path().to_owned();
    thread::spawn(move || serve_bare(&bare_listener, &path)); // runs until the bench ends
    thread::scope(|scope| {
        scope.spawn(|| ftp::serve(&listener, &jail, &users, &options()));
        small(c, addr, bare_addr);
        large(c, addr, bare_addr);
        listener.shutdown();
    });
}

fn small(c: &mut Criterion, addr: SocketAddr, bare_addr: SocketAddr) {
    let mut group = c.benchmark_group("ftp: 500 RETRs of 4 KiB in one session");
    group.throughput(Throughput::Elements(N_SMALL as u64));
    for (name, addr) in [("ftpd", addr), ("bare threads with sendfile", bare_addr)] {
        let mut client = Client::new(addr);
        group.bench_function(name, |b| {
            b.iter(|| (0..N_SMALL).for_each(|_| assert_eq!(client.get("small"), SMALL)));
        });
    }
    group.finish();
}

fn large(c: &mut Criterion, addr: SocketAddr, bare_addr: SocketAddr) {
    let mut group = c.benchmark_group("ftp: 64 MiB");
    group.throughput(Throughput::Bytes(LARGE as u64));
    for (name, addr) in [("RETR", addr), ("RETR, bare threads with sendfile", bare_addr)] {
        let mut client = Client::new(addr);
        group.bench_function(name, |b| b.iter(|| assert_eq!(client.get("large"), LARGE)));
    }
    let mut client = Client::new(addr);
    let bytes = vec![b'x'; LARGE];
    group.bench_function("STOR", |b| b.iter(|| client.put("new", &bytes)));
    group.finish();
}

criterion_group! { name = benches; config = support::short(); targets = files }
criterion_main!(benches);
