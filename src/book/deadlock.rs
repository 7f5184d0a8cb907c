//! deadlock: a send that nobody receives, on a rendezvous that knows when everyone is asleep.
//! Go: a lecture's send on an unbuffered channel; there the runtime keeps this count.

use std::io::Write;
use std::process::{self, ExitCode};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread;

use clap::Parser;
use threadbare::cli;

/// Sends to nobody, or to a receiver
#[derive(Parser)]
struct Args {
    /// Start a thread that receives
    #[arg(long)]
    receiver: bool,
}

#[derive(Default)]
struct Rendezvous {
    state: Mutex<State>,
    woken: Condvar,
}

#[derive(Default)]
struct State {
    value: Option<u32>,
    alive: usize,
    asleep: usize,
    wakes: u64, // tells a real wake from a spurious one
}

fn main() -> ExitCode {
    cli::run(|args: Args| {
        let meeting = Rendezvous::default();
        thread::scope(|s| {
            meeting.join();
            if args.receiver {
                meeting.join(); // before it runs, or main could find itself alone
                s.spawn(|| (meeting.recv(), meeting.leave()));
            }
            meeting.send(10);
            meeting.leave();
        });
        writeln!(cli::stdout(), "发送成功")?;
        Ok(())
    })
}

impl Rendezvous {
    fn send(&self, value: u32) {
        let mut state = self.lock();
        state.value = Some(value);
        self.wake(&mut state);
        while state.value.is_some() {
            state = self.sleep(state);
        }
    }

    fn recv(&self) -> u32 {
        let mut state = self.lock();
        loop {
            if let Some(value) = state.value.take() {
                self.wake(&mut state);
                return value;
            }
            state = self.sleep(state);
        }
    }

    fn join(&self) {
        self.lock().alive += 1;
    }

    fn leave(&self) {
        let mut state = self.lock();
        state.alive -= 1;
        state.check();
    }

    fn wake(&self, state: &mut State) {
        state.asleep = 0;
        state.wakes += 1;
        self.woken.notify_all();
    }

    fn sleep<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.asleep += 1;
        state.check();
        let wakes = state.wakes;
        self.woken.wait_while(state, |state| state.wakes == wakes).expect("nobody panics inside")
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics inside")
    }
}

impl State {
    fn check(&self) {
        if self.alive > 0 && self.asleep == self.alive {
            _ = writeln!(std::io::stderr(), "fatal error: all threads are asleep - deadlock!");
            process::exit(2); // Go's status; the others hold nothing but the lock
        }
    }
}
