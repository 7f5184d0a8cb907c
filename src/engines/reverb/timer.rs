//! One thread for all that is to happen later.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::client::{Client, Plan};
use crate::threads::{lock, wait, wait_timeout_while};

/// It wakes at most once in so long; what falls due meanwhile is done together.
const GRAIN: Duration = Duration::from_millis(1);

/// What is to happen to a client.
#[derive(Debug)]
pub(super) enum What {
    /// It hears some lines for the `nth` time.
    Echo { lines: Arc<[u8]>, nth: u8 },
    /// What its kernel did not take is tried again.
    Retry,
}

struct Task {
    due: Instant,
    /// Among those due at once, the first planned is the first done.
    nth: u64,
    client: Arc<Client>,
    what: What,
}

#[derive(Default)]
pub(super) struct Timer {
    queue: Mutex<Queue>,
    /// There is something to do earlier than before.
    changed: Condvar,
    /// There is nothing to do.
    emptied: Condvar,
}

#[derive(Default)]
struct Queue {
    tasks: BinaryHeap<Task>,
    n_planned: u64,
    n_in_hand: usize,
    n_shouting: usize,
    /// No shout is taken any more.
    is_closing: bool,
    is_over: bool,
}

impl Timer {
    /// Echoes some lines, each with its newline, when the client has room for them.
    pub(super) fn shout(&self, client: &Arc<Client>, lines: Vec<u8>) {
        client.wait_for_room();
        let mut queue = self.queue();
        if lines.is_empty() || queue.is_closing {
            return;
        }
        queue.n_shouting += 1; // it is waited for, though it is not planned yet
        drop(queue);
        let plan = client.shout(lines);
        let mut queue = self.queue();
        queue.n_shouting -= 1;
        if queue.is_closing {
            self.emptied.notify_all(); // perhaps
        }
        self.add(queue, client, plan);
    }

    pub(super) fn plan(&self, client: &Arc<Client>, plan: Plan) {
        if !plan.is_empty() {
            self.add(self.queue(), client, plan);
        }
    }

    fn add(&self, mut queue: MutexGuard<'_, Queue>, client: &Arc<Client>, plan: Plan) {
        if queue.is_over {
            drop(queue);
            return client.give_up();
        }
        let first = queue.first();
        for (due, what) in plan {
            queue.n_planned += 1;
            let (nth, client) = (queue.n_planned, Arc::clone(client));
            queue.tasks.push(Task { due, nth, client, what });
        }
        if queue.first().is_some_and(|now| first.is_none_or(|first| now < first)) {
            self.changed.notify_one();
        }
    }

    /// Does what is to be done until [`finish`](Self::finish) ends it.
    pub(super) fn run(&self) {
        let (mut hand, mut rested) = (Vec::new(), Instant::now());
        while self.take(&mut hand, rested) {
            for Task { due, client, what, .. } in hand.drain(..) {
                self.plan(&client, client.go_on(what, due));
            }
            rested = Instant::now() + GRAIN;
        }
    }

    /// Waits for tasks that are due, not before `rested`. False at the end.
    fn take(&self, hand: &mut Vec<Task>, rested: Instant) -> bool {
        let mut queue = self.queue();
        queue.n_in_hand = 0;
        loop {
            if queue.is_over {
                return false;
            }
            let now = Instant::now();
            let wake = queue.first().map(|first| first.max(rested));
            if wake.is_some_and(|wake| wake <= now) {
                while queue.first().is_some_and(|first| first <= now) {
                    hand.extend(queue.tasks.pop());
                }
                queue.n_in_hand = hand.len();
                return true;
            }
            if queue.tasks.is_empty() {
                self.emptied.notify_all();
            }
            queue = wait(&self.changed, queue, wake.map(|wake| wake - now));
        }
    }

    /// Waits until nothing is left to do, at most until `deadline`; then ends the thread that runs.
    pub(super) fn finish(&self, deadline: Instant) {
        let mut queue = self.queue();
        queue.is_closing = true;
        let left = deadline.saturating_duration_since(Instant::now());
        let has_work =
            |queue: &mut Queue| !queue.tasks.is_empty() || queue.n_in_hand + queue.n_shouting > 0;
        let mut queue = wait_timeout_while(&self.emptied, queue, left, has_work);
        queue.is_over = true;
        let given_up = std::mem::take(&mut queue.tasks);
        drop(queue);
        self.changed.notify_one();
        for task in given_up {
            task.client.give_up();
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }
}

impl Queue {
    /// When there is next something to do.
    fn first(&self) -> Option<Instant> {
        self.tasks.peek().map(|task| task.due)
    }
}

impl Ord for Task {
    /// The greatest is due first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.nth).cmp(&(self.due, self.nth))
    }
}

impl PartialOrd for Task {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Task {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Task {}
