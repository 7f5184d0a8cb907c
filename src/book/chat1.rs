//! 8.10 chat1: a thread owns the clients, so there is nothing to lock.
//! Go: gopl.io/ch8/chat, page 254.

use std::collections::HashMap;
use std::net::{Shutdown, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, bounded};
use threadbare::cli;
use threadbare::net::{self, Conn};
use threadbare::threads;

type Line = Arc<[u8]>;

/// What the broadcaster hears, in one order: with a channel for each kind, a leave could overtake
/// its enter.
enum Event {
    Entering(SocketAddr, Client),
    Message(Line),
    Leaving(SocketAddr),
}

struct Client {
    conn: Arc<Conn>, // before `queue`, whose drop lets the reader close the connection
    queue: Sender<Line>,
}

/// Lines that may wait for a client, and how long its queue may stay full.
const QUEUE: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    cli::run(|args: cli::Listen| {
        let listener = net::listen(&args.addr(), 2)?;
        let (events, heard) = bounded(QUEUE);
        thread::scope(|s| {
            s.spawn(|| broadcaster(heard));
            for conn in listener.incoming() {
                let events = events.clone();
                threads::spawn(s, move || handle_conn(&Arc::new(conn), &events));
            }
            drop(events); // the last client's end will be the broadcaster's
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
        let kept = client.queue.send_timeout(line.clone(), PATIENCE).is_ok();
        if !kept {
            _ = client.conn.shutdown(Shutdown::Both); // wakes its reader and its writer
        }
        kept
    });
}

fn handle_conn(conn: &Arc<Conn>, events: &Sender<Event>) {
    let who = conn.peer();
    let (queue, lines) = bounded(QUEUE);
    thread::scope(|s| {
        let event = |event| events.send(event).expect("the broadcaster hears us all");
        threads::spawn(s, || client_writer(conn, lines));
        _ = queue.send(line(format!("You are {who}")));
        event(Event::Entering(who, Client { conn: conn.clone(), queue }));
        for text in conn.lines() {
            event(Event::Message(line([format!("{who}: ").as_bytes(), &text].concat())));
        }
        event(Event::Leaving(who));
    }); // joins the writer, which ends when the broadcaster has dropped its queue
}

fn client_writer(conn: &Conn, lines: Receiver<Line>) {
    for line in lines {
        if conn.write_line(line).is_err() {
            return; // dropping `lines` tells the broadcaster
        }
    }
}

fn line(text: impl Into<Vec<u8>>) -> Line {
    text.into().into()
}
