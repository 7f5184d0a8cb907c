//! The tasks of a walk: on a thread pool, or one after another on the calling thread.

use std::cell::RefCell;

use rayon::{Scope, ThreadPool, current_thread_index};

type Task<'s> = Box<dyn FnOnce(&Tasks<'_, 's>) + 's>;

/// Where a task queues others.
pub(super) enum Tasks<'t, 's> {
    Pool(&'t Scope<'s>),
    /// Without a pool; the task queued last is run first, as by a thread of a pool.
    Queue(&'t RefCell<Vec<Task<'s>>>),
}

/// Runs `first`, and all tasks that it and they queue.
pub(super) fn run<'s>(pool: Option<&ThreadPool>, first: impl FnOnce(&Tasks<'_, 's>) + Send) {
    if let Some(pool) = pool {
        return pool.scope(|scope| first(&Tasks::Pool(scope)));
    }
    let queue = RefCell::default();
    first(&Tasks::Queue(&queue));
    let next = || queue.borrow_mut().pop();
    while let Some(task) = next() {
        task(&Tasks::Queue(&queue));
    }
}

impl<'s> Tasks<'_, 's> {
    pub(super) fn spawn(&self, task: impl FnOnce(&Tasks<'_, 's>) + Send + 's) {
        match self {
            Tasks::Pool(scope) => scope.spawn(move |scope| task(&Tasks::Pool(scope))),
            Tasks::Queue(queue) => queue.borrow_mut().push(Box::new(task)),
        }
    }

    /// The number of the thread that runs this task, from 0.
    pub(super) fn thread_index(&self) -> usize {
        match self {
            Tasks::Pool(_) => current_thread_index().expect("tasks run on the pool"),
            Tasks::Queue(_) => 0,
        }
    }
}
