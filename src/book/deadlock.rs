//! deadlock: a send that nobody receives, on a channel that notices when every thread is blocked.
//! Go: a lecture's send on an unbuffered channel, where the runtime ends the program.
//!
//! Look at: `State::check` does what Go's runtime does. It ends the program when every thread that
//! is alive waits and none of them can go on. With `-receiver` the send succeeds.

use std::io::{self, Write};
use std::process::{self, ExitCode};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread;

use clap::Parser;
use threadbare::cli;

/// Send a value that nobody receives
#[derive(Parser)]
struct Args {
    /// Start a thread that receives the value
    #[arg(long)]
    receiver: bool,
}

/// An unbuffered channel, for one sender.
#[derive(Default)]
struct Channel {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    value: Option<u32>,
    n_alive: usize,
    n_sending: usize,
    n_receiving: usize,
}

fn main() -> ExitCode {
    cli::run(|args: Args| {
        let channel = Channel::default();
        channel.lock().n_alive = if args.receiver { 2 } else { 1 }; // known before either blocks
        thread::scope(|s| {
            if args.receiver {
                s.spawn(|| (channel.recv(), channel.end_thread()));
            }
            channel.send(10);
            channel.end_thread();
        });
        writeln!(cli::stdout(), "发送成功")?;
        Ok(())
    })
}

impl Channel {
    fn send(&self, value: u32) {
        let mut state = self.lock();
        state.value = Some(value);
        state.n_sending += 1;
        state.check();
        self.changed.notify_all();
        let state = self.changed.wait_while(state, |state| state.value.is_some());
        state.expect("no thread panics").n_sending -= 1;
    }

    fn recv(&self) -> Option<u32> {
        let mut state = self.lock();
        state.n_receiving += 1;
        state.check();
        let state = self.changed.wait_while(state, |state| state.value.is_none());
        let mut state = state.expect("no thread panics");
        state.n_receiving -= 1;
        self.changed.notify_all();
        state.value.take()
    }

    fn end_thread(&self) {
        let mut state = self.lock();
        state.n_alive -= 1;
        state.check();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics")
    }
}

impl State {
    /// Called by each thread that is about to wait or to end.
    fn check(&self) {
        // A thread that was woken counts as waiting until it runs, but it can go on.
        let can_go_on = if self.value.is_some() { self.n_receiving } else { self.n_sending } > 0;
        if self.n_alive > 0 && self.n_sending + self.n_receiving == self.n_alive && !can_go_on {
            _ = writeln!(io::stderr(), "fatal error: all threads are asleep - deadlock!");
            process::exit(2); // Go's status
        }
    }
}
