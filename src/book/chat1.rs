//! 8.10 chat1: one thread owns the set of clients, so there is nothing to lock.
//! Go: gopl.io/ch8/chat, page 254.
//!
//! Repaired: in the original one client that stops reading blocks everyone, and a line over 64 KiB
//! disconnects its sender; here the first is disconnected, and the line answered with an error.

use std::collections::HashMap;
use std::net::{Shutdown, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, bounded};
use threadbare::net::{self, Conn};
use threadbare::{cli, threads};

type Line = Arc<[u8]>;

/// What the broadcaster receives, over one channel: with a channel for each kind of event, a client
/// could leave before it has entered.
enum Event {
    Entering(SocketAddr, Client),
    Message(Line),
    Leaving(SocketAddr),
}

struct Client {
    conn: Arc<Conn>, // dropped before `lines_tx`, whose drop lets the reader close the connection
    lines_tx: Sender<Line>,
}

/// Length of each queue, and how long a client's queue may stay full before it is disconnected.
const QUEUE: usize = 1_000;
const STALL_TIMEOUT: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    cli::run(|args: cli::Listen| {
        let listener = net::listen(&args.addr(), 2)?;
        let (events_tx, events_rx) = bounded(QUEUE);
        thread::scope(|s| {
            s.spawn(|| broadcaster(events_rx));
            for conn in listener.incoming() {
                let events_tx = events_tx.clone();
                threads::spawn(s, move || handle_conn(&Arc::new(conn), &events_tx));
            }
            drop(events_tx); // the broadcaster ends with the last client
        });
        Ok(())
    })
}

fn broadcaster(events: Receiver<Event>) {
    let mut clients = HashMap::new();
    for event in events {
        match event {
            Event::Message(line) => broadcast(&mut clients, &line),
            Event::Entering(who, client) => {
                broadcast(&mut clients, &line(format!("{who} has arrived")));
                clients.insert(who, client);
            }
            Event::Leaving(who) => {
                clients.remove(&who);
                broadcast(&mut clients, &line(format!("{who} has left")));
            }
        }
    }
}

fn broadcast(clients: &mut HashMap<SocketAddr, Client>, line: &Line) {
    clients.retain(|_, client| {
        let is_kept = client.lines_tx.send_timeout(line.clone(), STALL_TIMEOUT).is_ok();
        if !is_kept {
            _ = client.conn.shutdown(Shutdown::Both); // wakes its reader and its writer
        }
        is_kept
    });
}

fn handle_conn(conn: &Arc<Conn>, events_tx: &Sender<Event>) {
    let who = conn.peer();
    let (lines_tx, lines_rx) = bounded(QUEUE);
    thread::scope(|s| {
        let send = |event| events_tx.send(event).expect("the broadcaster outlives us");
        threads::spawn(s, || client_writer(conn, lines_rx));
        _ = lines_tx.send(line(format!("You are {who}")));
        send(Event::Entering(who, Client { conn: conn.clone(), lines_tx }));
        for text in conn.lines() {
            send(Event::Message(line([format!("{who}: ").as_bytes(), &text].concat())));
        }
        send(Event::Leaving(who));
    }); // joins the writer, which ends when the broadcaster has dropped `lines_tx`
}

fn client_writer(conn: &Conn, lines: Receiver<Line>) {
    for line in lines {
        if conn.write_line(line).is_err() {
            return; // dropping `lines` makes the broadcaster drop this client
        }
    }
}

fn line(text: impl Into<Vec<u8>>) -> Line {
    text.into().into()
}
