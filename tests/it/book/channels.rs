//! 8.4: pipelines, closing, capacity, mirrors.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::thread;

use crate::support::{Process, command, run};

const NO_ARGS: &[&str] = &[];

fn lines(items: impl IntoIterator<Item = impl ToString>) -> String {
    items.into_iter().map(|item| item.to_string() + "\n").collect()
}

#[test]
fn finite_pipelines_print_a_hundred_squares() {
    let squares = lines((0..100).map(|n| n * n));
    run("pipeline2", NO_ARGS).is(0, &squares, "");
    run("pipeline3", NO_ARGS).is(0, &squares, "");
    run("sendrecv", NO_ARGS).is(0, &squares, "");
}

#[test]
fn pipeline1_runs_until_stdout_is_closed() {
    let mut child = command("pipeline1", NO_ARGS).stdout(Stdio::piped()).spawn().unwrap();
    let mut start = [0; 12];
    child.stdout.take().unwrap().read_exact(&mut start).unwrap(); // and closes it
    assert_eq!(&start, b"0\n1\n4\n9\n16\n2");
    assert!(child.wait().unwrap().success(), "a closed stdout is success");
}

#[test]
fn small_channel_lessons_print_their_lines() {
    let check = |name: &str, stdout: &str| run(name, NO_ARGS).is(0, stdout, "");
    check("channels", "A\ncapacity 3\nlen 2\nB\nC\nsame true\n");
    check("closed", "1\n2\n3\nclosed\nclosed\nreturned 4\n");
    check("buffered", "发送成功\n");
    check("evenodd", "0\n2\n4\n6\n8\n");
}

#[test]
fn recv_and_its_sender_both_print() {
    let outcome = run("recv", NO_ARGS);
    let mut lines = outcome.lines();
    lines.sort_unstable(); // who prints first after they met is open
    assert_eq!((outcome.code(), lines), (0, vec!["发送成功", "接收成功 10"]));
}

#[test]
fn a_deadlock_ends_with_gos_error_and_status() {
    for _ in 0..50 {
        run("deadlock", NO_ARGS).is(2, "", "fatal error: all threads are asleep - deadlock!\n");
        run("deadlock", &["-receiver"]).is(0, "发送成功\n", "");
    }
}

#[test]
fn mirroredquery_prints_the_fastest_of_its_own_mirrors() {
    run("mirroredquery", NO_ARGS).is(0, "asia\n", "");
}

/// Answers one request with `answer`; without an answer it waits for the client to disconnect.
fn mirror(answer: &'static str) -> (String, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/query?a=b", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        if answer.is_empty() {
            _ = client.read_to_end(&mut Vec::new()); // it may be shut down before the request is whole
            return;
        }
        let mut head = BufReader::new(&client).lines().map_while(Result::ok);
        assert_eq!(head.next().as_deref(), Some("GET /query?a=b HTTP/1.0"));
        assert!(head.any(|line| line.is_empty()));
        client.write_all(answer.as_bytes()).unwrap();
    });
    (url, server)
}

#[test]
fn mirroredquery_takes_the_first_good_answer_and_disconnects_the_rest() {
    let (silent, silent_server) = mirror("");
    let (broken, broken_server) = mirror("HTTP/1.0 500 Oops\r\n\r\nno");
    let (good, good_server) = mirror("HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nyes\n");
    let outcome = run("mirroredquery", &[&silent, &broken, &good]);
    assert_eq!((outcome.code(), &*outcome.stdout), (0, "yes\n"), "{outcome:?}");
    for server in [silent_server, broken_server, good_server] {
        server.join().unwrap();
    }
}

#[test]
fn mirroredquery_without_an_answer_fails() {
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    let outcome = run("mirroredquery", &[&gone, &gone, &gone]);
    assert_eq!((outcome.code(), &*outcome.stdout), (1, ""));
    assert_eq!(
        outcome.stderr.lines().count(),
        4,
        "one line per mirror, and the total failure: {outcome:?}"
    );
    assert_eq!(run("mirroredquery", &[&gone]).code(), 2, "three or none");
    assert_eq!(run("mirroredquery", &["a", "b", "c"]).code(), 2, "not URLs");
}

#[test]
fn an_interrupt_ends_a_pipeline() {
    let process = Process::with_open_stdin("pipeline1", NO_ARGS);
    assert_eq!(process.line().as_deref(), Some("0"));
    super::every::assert_interruptible(process);
}
