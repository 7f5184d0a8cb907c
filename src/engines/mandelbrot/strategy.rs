//! Ways to share the rows of a picture among threads.

use std::str::FromStr;
use std::{fmt, io, thread};

use crossbeam::channel;
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use serde::Serialize;

use super::Error;
use super::scene::Scene;
use crate::threads::{self, Semaphore};

/// How the rows are shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// One thread draws all, the caller's.
    Sequential,
    /// A new thread for each row, sent home over a channel; so many at once.
    Rows,
    /// A thread for each band of neighbouring rows; bands are equally high, not equally hard.
    Chunks,
    /// A task for each row in a rayon pool: whoever is done takes more.
    Rayon,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Strategy; 4] =
        [Strategy::Sequential, Strategy::Rows, Strategy::Chunks, Strategy::Rayon];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Strategy::Sequential => "sequential",
            Strategy::Rows => "rows",
            Strategy::Chunks => "chunks",
            Strategy::Rayon => "rayon",
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Strategy {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Strategy::ALL.into_iter().find(|strategy| strategy.name() == name);
        found.ok_or("use sequential, rows, chunks or rayon")
    }
}

pub(super) fn run(
    strategy: Strategy,
    scene: &Scene,
    n_threads: usize,
    pixels: &mut [u8],
) -> Result<(), Error> {
    if n_threads == 0 {
        return Err(Error::NoThreads);
    }
    let n_threads = n_threads.min(scene.height); // a row is the least there is to do
    threads::check_room(n_threads).map_err(Error::Threads)?;
    match strategy {
        Strategy::Sequential => band(scene, 0, pixels),
        Strategy::Rows => rows(scene, n_threads, pixels),
        Strategy::Chunks => chunks(scene, n_threads, pixels),
        Strategy::Rayon => rayon(scene, n_threads, pixels)?,
    }
    Ok(())
}

/// Draws rows one after the other, from `first` on.
fn band(scene: &Scene, first: usize, pixels: &mut [u8]) {
    for (i, pixels) in pixels.chunks_mut(scene.width).enumerate() {
        scene.row(first + i, pixels);
    }
}

fn rows(scene: &Scene, n_threads: usize, pixels: &mut [u8]) {
    let permits = Semaphore::new(n_threads);
    thread::scope(|scope| {
        let (drawn, finished) = channel::bounded(scene.height); // no row waits to be taken
        for row in 0..scene.height {
            let permit = permits.acquire();
            let drawn = drawn.clone();
            threads::spawn(scope, move || {
                let mut pixels = vec![0; scene.width];
                scene.row(row, &mut pixels);
                drop(permit);
                drawn.send((row, pixels)).expect("the loop below takes every row");
            });
        }
        drop(drawn); // the last row closes the channel
        for (row, drawn) in finished {
            pixels[row * scene.width..][..scene.width].copy_from_slice(&drawn);
        }
    });
}

fn chunks(scene: &Scene, n_threads: usize, pixels: &mut [u8]) {
    let n_rows = scene.height.div_ceil(n_threads);
    thread::scope(|scope| {
        for (i, pixels) in pixels.chunks_mut(n_rows * scene.width).enumerate() {
            threads::spawn(scope, move || band(scene, i * n_rows, pixels));
        }
    });
}

fn rayon(scene: &Scene, n_threads: usize, pixels: &mut [u8]) -> Result<(), Error> {
    let pool = ThreadPoolBuilder::new().num_threads(n_threads).build();
    let pool = pool.map_err(|err| Error::Threads(io::Error::other(err)))?;
    pool.install(|| {
        let rows = pixels.par_chunks_mut(scene.width).enumerate();
        rows.for_each(|(row, pixels)| scene.row(row, pixels));
    });
    Ok(())
}
