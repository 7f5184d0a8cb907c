//! Standard streams that another program has made non-blocking: nothing is lost, nothing fails.

use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::process::{Child, Stdio};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::ioctl_fionread;

use crate::support::{DEADLINE, Process, command, eventually, pseudo_terminal};

fn set_nonblocking(file: impl AsFd) {
    let flags = fcntl_getfl(&file).unwrap();
    fcntl_setfl(file, flags | OFlags::NONBLOCK).unwrap();
}

/// A pipe for the stdin of a program, whose reading end does not block.
fn input() -> (PipeReader, PipeWriter) {
    let (reader, writer) = std::io::pipe().unwrap();
    set_nonblocking(&reader);
    (reader, writer)
}

#[test]
fn questions_on_a_nonblocking_stdin_are_sent() {
    for name in ["netcat2", "netcat3", "netcat"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (reader, mut writer) = input();
        let mut netcat = command(name, &[listener.local_addr().unwrap().to_string()]);
        let mut netcat = Process::start(netcat.stdin(reader));
        let (mut peer, _) = listener.accept().unwrap();
        peer.set_read_timeout(Some(DEADLINE)).unwrap();
        for question in [b"first", b"other"] {
            writer.write_all(question).unwrap();
            let mut received = [0; 5];
            peer.read_exact(&mut received).unwrap();
            assert_eq!(&received, question, "{name}");
        }
        drop((writer, peer));
        assert_eq!(netcat.wait().code(), 0, "{name}");
    }
}

#[test]
fn a_key_on_a_nonblocking_stdin_is_seen() {
    for name in ["countdown2", "countdown3"] {
        let (reader, mut writer) = input();
        let mut countdown = Process::start(command(name, &["-delay", "1h"]).stdin(reader));
        assert!(countdown.line().unwrap().starts_with("Commencing countdown."));
        writer.write_all(b"\n").unwrap();
        let outcome = countdown.wait();
        assert_eq!((outcome.code(), outcome.lines().pop()), (0, Some("Launch aborted!")), "{name}");
    }
}

/// A program whose stdout is a full pipe that does not block.
fn with_full_stdout(name: &str, args: &[&str]) -> (Child, PipeReader) {
    let (reader, writer) = std::io::pipe().unwrap();
    set_nonblocking(&writer);
    let child = command(name, args).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    (child, reader)
}

fn wait_until_full(reader: &PipeReader) {
    eventually("the pipe is full", || ioctl_fionread(reader).unwrap() > 60_000);
}

#[test]
fn lines_for_a_nonblocking_stdout_all_arrive() {
    let (mut pipeline, reader) = with_full_stdout("pipeline1", &[]);
    wait_until_full(&reader);
    let lines = BufReader::new(reader).lines().map(Result::unwrap);
    for (n, line) in (0..50_000_u64).zip(lines) {
        assert_eq!(line, (n * n).to_string());
    }
    pipeline.kill().unwrap();
    pipeline.wait().unwrap();
}

#[test]
fn bytes_for_a_nonblocking_stdout_all_arrive() {
    let bytes: Vec<u8> = (0..2_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    for args in [&[][..], &["-w", "1m"]] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap().to_string();
        let (netcat, mut reader) = with_full_stdout("netcat", &[args, &[&addr]].concat());
        let (mut peer, _) = listener.accept().unwrap();
        let sent = bytes.clone();
        let sender = std::thread::spawn(move || peer.write_all(&sent).unwrap());
        wait_until_full(&reader);
        let mut received = Vec::new();
        reader.read_to_end(&mut received).unwrap();
        sender.join().unwrap();
        let ended = netcat.wait_with_output().unwrap();
        assert_eq!(
            (ended.status.code(), String::from_utf8_lossy(&ended.stderr)),
            (Some(0), "".into())
        );
        assert!(received == bytes, "{} bytes", received.len());
    }
}

#[test]
fn on_a_terminal_a_key_after_the_end_of_input_counts() {
    for name in ["countdown2", "countdown3"] {
        let (mut terminal, end) = pseudo_terminal();
        let mut countdown = Process::start(command(name, &["-delay", "1h"]).stdin(end));
        assert!(countdown.line().unwrap().starts_with("Commencing countdown."));
        terminal.write_all(b"\x04\x04\n").unwrap(); // ^D twice, and Return
        let outcome = countdown.wait();
        assert_eq!((outcome.code(), outcome.lines().pop()), (0, Some("Launch aborted!")), "{name}");
    }
}

#[test]
fn a_terminal_that_hangs_up_is_no_key() {
    let (terminal, end) = pseudo_terminal();
    let mut countdown = Process::start(command("countdown2", &["-delay", "50ms"]).stdin(end));
    assert!(countdown.line().unwrap().starts_with("Commencing countdown."));
    drop(terminal);
    let outcome = countdown.wait();
    assert_eq!((outcome.code(), outcome.lines().pop()), (0, Some("Lift off!")));
}
