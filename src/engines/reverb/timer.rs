//! One thread that runs all tasks that are due later.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::client::Client;
use super::task::{Schedule, TimerTask};
use crate::threads::{Condvar, lock, wait, wait_timeout_while};

/// Shortest time between two rounds; tasks that become due in between run together.
const ROUND_MIN: Duration = Duration::from_millis(1);

/// A task in the queue.
struct Scheduled {
    due: Instant,
    /// Tasks that are due at the same time run in this order.
    seq: u64,
    client: Arc<Client>,
    task: TimerTask,
}

/// A queue of tasks by the time when they are due, and the thread that runs them.
#[derive(Default)]
pub(super) struct Timer {
    queue: Mutex<Queue>,
    /// Notified when the earliest task is due earlier than before, or the timer ends.
    changed: Condvar,
    /// Notified when no task is left.
    emptied: Condvar,
}

#[derive(Default)]
struct Queue {
    tasks: BinaryHeap<Scheduled>,
    next_seq: u64,
    /// Tasks taken off the queue and still running.
    n_running: usize,
    /// Readers that have a shout to be scheduled.
    n_shouting: usize,
    /// Whether no more shouts are accepted.
    is_closing: bool,
    has_ended: bool,
}

impl Timer {
    /// Echoes some lines, each with its newline, after waiting until the client may have more
    /// outstanding.
    pub(super) fn shout(&self, client: &Arc<Client>, lines: Vec<u8>) {
        client.wait_for_room();
        let mut queue = self.queue();
        if lines.is_empty() || queue.is_closing {
            return;
        }
        queue.n_shouting += 1; // `finish` waits for it, though no task is in the queue yet
        drop(queue);
        let schedule = client.shout(lines);
        let mut queue = self.queue();
        queue.n_shouting -= 1;
        if queue.is_closing {
            self.emptied.notify_all(); // `finish` checks whether it is true
        }
        self.add(queue, client, schedule);
    }

    /// Adds tasks for a client.
    pub(super) fn schedule(&self, client: &Arc<Client>, schedule: Schedule) {
        if !schedule.is_empty() {
            self.add(self.queue(), client, schedule);
        }
    }

    fn add(&self, mut queue: MutexGuard<'_, Queue>, client: &Arc<Client>, schedule: Schedule) {
        if queue.has_ended {
            drop(queue);
            return client.abort();
        }
        let due_before = queue.next_due();
        for (due, task) in schedule {
            let (seq, client) = (queue.next_seq, Arc::clone(client));
            queue.next_seq += 1;
            queue.tasks.push(Scheduled { due, seq, client, task });
        }
        if queue.next_due().is_some_and(|due| due_before.is_none_or(|before| due < before)) {
            self.changed.notify_one();
        }
    }

    /// Runs tasks as they become due, until [`finish`](Self::finish) ends it.
    pub(super) fn run(&self) {
        let (mut tasks, mut next_round) = (Vec::new(), Instant::now());
        while self.take_due(&mut tasks, next_round) {
            for Scheduled { due, client, task, .. } in tasks.drain(..) {
                self.schedule(&client, client.run_task(task, due));
            }
            next_round = Instant::now() + ROUND_MIN;
        }
    }

    /// Waits until tasks are due, at least until `next_round`, and moves them to `tasks`. Returns
    /// false when the timer has ended.
    fn take_due(&self, tasks: &mut Vec<Scheduled>, next_round: Instant) -> bool {
        let mut queue = self.queue();
        queue.n_running = 0;
        loop {
            if queue.has_ended {
                return false;
            }
            let now = Instant::now();
            let wake_at = queue.next_due().map(|due| due.max(next_round));
            if wake_at.is_some_and(|wake_at| wake_at <= now) {
                while queue.next_due().is_some_and(|due| due <= now) {
                    tasks.extend(queue.tasks.pop());
                }
                queue.n_running = tasks.len();
                return true;
            }
            if queue.tasks.is_empty() {
                self.emptied.notify_all();
            }
            queue = wait(&self.changed, queue, wake_at.map(|wake_at| wake_at - now));
        }
    }

    /// Waits until no task is left, at most until `deadline`; then ends [`run`](Self::run) and
    /// aborts the clients that still have tasks.
    pub(super) fn finish(&self, deadline: Instant) {
        let mut queue = self.queue();
        queue.is_closing = true;
        let left = deadline.saturating_duration_since(Instant::now());
        let has_tasks =
            |queue: &mut Queue| !queue.tasks.is_empty() || queue.n_running + queue.n_shouting > 0;
        let mut queue = wait_timeout_while(&self.emptied, queue, left, has_tasks);
        queue.has_ended = true;
        let unfinished = std::mem::take(&mut queue.tasks);
        drop(queue);
        self.changed.notify_one();
        for scheduled in unfinished {
            scheduled.client.abort();
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }
}

impl Queue {
    /// When the earliest task is due.
    fn next_due(&self) -> Option<Instant> {
        self.tasks.peek().map(|scheduled| scheduled.due)
    }
}

impl Ord for Scheduled {
    /// The greatest is due first, because `BinaryHeap` returns the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.seq).cmp(&(self.due, self.seq))
    }
}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Scheduled {}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpStream;
    use std::thread;

    use super::super::options::Options;
    use super::*;
    use crate::net::listen;

    /// Far longer than anything here takes.
    const FAR: Duration = Duration::from_mins(1);

    fn connect(delay: Duration) -> (TcpStream, Arc<Client>) {
        let listener = listen("127.0.0.1:0", 1).unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let conn = listener.incoming().next().unwrap();
        conn.mark_drained(); // dropping it then does not wait for the stream to close
        let options = Options { delay, sequential: false, idle: Duration::ZERO, raw: false };
        (stream, Client::new(Arc::new(conn), &options))
    }

    #[test]
    fn tasks_run_when_they_are_due_and_in_their_order() {
        let (_stream, client) = connect(FAR);
        let (timer, now) = (Timer::default(), Instant::now());
        let task = |nth| TimerTask::Echo { lines: Arc::from(&b""[..]), nth };
        let ago = |seconds| now.checked_sub(Duration::from_secs(seconds)).unwrap();
        let schedule = vec![(now + FAR, task(9)), (ago(1), task(2)), (ago(2), task(0))];
        timer.schedule(&client, schedule);
        timer.schedule(&client, vec![(ago(1), task(3)), (ago(2), task(1))]);
        let mut tasks = Vec::new();
        assert!(timer.take_due(&mut tasks, now));
        let nth = |scheduled: &Scheduled| match scheduled.task {
            TimerTask::Echo { nth, .. } => nth,
            TimerTask::FlushOutbox => panic!("nothing was sent"),
        };
        assert_eq!(tasks.iter().map(nth).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(timer.queue().next_due(), Some(now + FAR));
    }

    #[test]
    fn a_task_that_is_due_earlier_wakes_the_timer() {
        let (_late_stream, late) = connect(FAR);
        let (mut stream, client) = connect(Duration::from_millis(1));
        let timer = Timer::default();
        thread::scope(|scope| {
            scope.spawn(|| timer.run());
            timer.shout(&late, b"late\n".to_vec());
            timer.shout(&client, b"Early\n".to_vec());
            let mut echoes = [0; 24];
            stream.read_exact(&mut echoes).unwrap();
            assert_eq!(&echoes, b"\t EARLY\n\t Early\n\t early\n");
            timer.finish(Instant::now());
        });
    }

    #[test]
    fn finish_waits_for_outstanding_echoes_and_takes_no_more_shouts() {
        let (mut stream, client) = connect(Duration::from_millis(20));
        let timer = Timer::default();
        thread::scope(|scope| {
            scope.spawn(|| timer.run());
            timer.shout(&client, b"Last\n".to_vec());
            timer.finish(Instant::now() + FAR);
        });
        timer.shout(&client, b"too late\n".to_vec());
        drop(client);
        let mut echoes = String::new();
        stream.read_to_string(&mut echoes).unwrap();
        assert_eq!(echoes, "\t LAST\n\t Last\n\t last\n");
    }

    #[test]
    fn at_the_deadline_clients_with_echoes_outstanding_are_aborted() {
        let (mut stream, client) = connect(FAR);
        let timer = Timer::default();
        timer.shout(&client, b"a\n".to_vec());
        let mut echo = [0; 4];
        stream.read_exact(&mut echo).unwrap();
        timer.finish(Instant::now());
        timer.run(); // returns at once
        assert!(!matches!(stream.read(&mut echo), Ok(1..)), "the connection is closed");
        client.wait_until_sent(); // nothing is outstanding any more
    }
}
