//! Assertions about clock servers, shared by the lessons and the tool.

use crate::support::{Client, Server, eventually, limited};

/// Seconds since midnight of a line `HH:MM:SS`.
pub(crate) fn seconds(line: &str) -> u32 {
    let parts: Vec<u32> = line.split(':').map(|part| part.parse().unwrap()).collect();
    assert_eq!((line.len(), parts.len()), (8, 3), "{line}");
    parts[0] * 3600 + parts[1] * 60 + parts[2]
}

/// Reads `n_lines` lines and asserts that each is one second after the line before it.
pub(crate) fn assert_ticks(client: &mut Client, n_lines: usize) {
    let times: Vec<u32> = (0..n_lines).map(|_| seconds(&client.line())).collect();
    let is_next = |pair: &[u32]| (pair[0] + 1) % 86_400 == pair[1];
    assert!(times.windows(2).all(is_next), "a second was skipped or repeated: {times:?}");
}

pub(crate) fn read_a_line_each(clients: &mut [Client]) {
    for client in clients {
        client.line();
    }
}

/// With 64 file descriptors a server admits 48 clients and refuses more until some disconnect. Returns
/// the line about that in its log.
pub(crate) fn assert_refuses_above_limit(name: &str) -> String {
    let server = Server::of(limited("-n 64", name, &["-port", "0"]));
    let mut clients: Vec<Client> = (0..48).map(|_| server.connect()).collect();
    read_a_line_each(&mut clients);
    for _ in 0..20 {
        assert_eq!(server.connect().rest(), b"server full\n");
    }
    clients.truncate(40);
    eventually("there is room again", || !server.connect().line().starts_with("server"));
    let log = server.process.stderr_so_far();
    let warnings: Vec<_> = log.lines().filter(|line| line.contains("server full at 48")).collect();
    let &[warning] = &warnings[..] else { panic!("{log}") };
    warning.to_owned()
}

/// The line of a server's log starts with the time, and the name of the program.
pub(crate) fn assert_has_time(line: &str, name: &str) {
    let (time, rest) = line.split_once(' ').expect(line);
    assert!(time.parse::<jiff::Timestamp>().is_ok(), "{line}");
    assert!(rest.starts_with(&format!("{name}: ")), "{line}");
}
