//! What a clock is held to, be it a lesson or the tool.

use crate::support::{Client, Server, eventually, limited};

/// Seconds since midnight of a line `HH:MM:SS`.
pub(crate) fn seconds(line: &str) -> u32 {
    let parts: Vec<u32> = line.split(':').map(|part| part.parse().unwrap()).collect();
    assert_eq!((line.len(), parts.len()), (8, 3), "{line}");
    parts[0] * 3600 + parts[1] * 60 + parts[2]
}

/// Hears that many lines; each is a second after the last.
pub(crate) fn assert_ticks(client: &mut Client, n_lines: usize) {
    let times: Vec<u32> = (0..n_lines).map(|_| seconds(&client.line())).collect();
    let is_next = |pair: &[u32]| (pair[0] + 1) % 86_400 == pair[1];
    assert!(times.windows(2).all(is_next), "skipped or repeated: {times:?}");
}

pub(crate) fn hear_a_line_each(clients: &mut [Client]) {
    for client in clients {
        client.line();
    }
}

/// With 64 descriptors there is room for 48 clients; more are told so until some leave.
pub(crate) fn assert_full_is_said_and_passes(name: &str) {
    let server = Server::of(limited("-n 64", name, &["-port", "0"]));
    let mut clients: Vec<Client> = (0..48).map(|_| server.connect()).collect();
    hear_a_line_each(&mut clients);
    for _ in 0..20 {
        assert_eq!(server.connect().rest(), b"server full\n");
    }
    clients.truncate(40);
    eventually("there is room again", || !server.connect().line().starts_with("server"));
    let warnings = server.process.stderr_so_far();
    assert_eq!(warnings.matches("server full at 48 clients").count(), 1, "{warnings}");
}
