//! Strategies for distributing the rows of a picture among threads.

use std::str::FromStr;
use std::{fmt, thread};

use crossbeam::channel;
use rayon::prelude::*;
use serde::Serialize;

use super::error::Error;
use super::scene::Scene;
use crate::threads::{self, Semaphore};

/// How rows are distributed among threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// The calling thread draws all rows.
    Sequential,
    /// One new thread per row, which sends the row back over a channel; a semaphore limits how many
    /// run at once.
    Rows,
    /// One thread per chunk of adjacent rows. Chunks have the same height, but some take longer.
    Chunks,
    /// One task per row in a rayon pool, where idle threads steal work.
    Rayon,
}

impl Strategy {
    /// All strategies, the sequential one first.
    pub const ALL: [Strategy; 4] =
        [Strategy::Sequential, Strategy::Rows, Strategy::Chunks, Strategy::Rayon];

    /// The name of the strategy on the command line, in tables and in JSON.
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
        let strategy = Strategy::ALL.into_iter().find(|strategy| strategy.name() == name);
        strategy.ok_or("use sequential, rows, chunks or rayon")
    }
}

/// Draws all rows of `scene` into `pixels`, on fewer threads if the system refuses some.
pub(super) fn run(
    strategy: Strategy,
    scene: &Scene,
    n_threads: usize,
    pixels: &mut [u8],
) -> Result<(), Error> {
    if n_threads == 0 {
        return Err(Error::NoThreads);
    }
    // No thread can have less than a row.
    let n_threads = n_threads.min(scene.height).min(threads::room());
    match strategy {
        Strategy::Sequential => draw_rows(scene, 0, pixels),
        Strategy::Rows => thread_per_row(scene, n_threads, pixels),
        Strategy::Chunks => thread_per_chunk(scene, n_threads, pixels),
        Strategy::Rayon => task_per_row(scene, n_threads, pixels),
    }
    Ok(())
}

/// Draws adjacent rows, of which `first` is the first, one after another.
fn draw_rows(scene: &Scene, first: usize, pixels: &mut [u8]) {
    for (i, pixels) in pixels.chunks_mut(scene.width).enumerate() {
        scene.draw_row(first + i, pixels);
    }
}

fn thread_per_row(scene: &Scene, n_threads: usize, pixels: &mut [u8]) {
    let permits = Semaphore::new(n_threads);
    thread::scope(|scope| {
        let (rows_tx, rows_rx) = channel::bounded(scene.height); // sending never blocks
        for row in 0..scene.height {
            let permit = permits.acquire();
            let rows_tx = rows_tx.clone();
            threads::spawn_or_run(scope, move || {
                let mut pixels = vec![0; scene.width];
                scene.draw_row(row, &mut pixels);
                drop(permit);
                rows_tx.send((row, pixels)).expect("the loop below receives every row");
            });
        }
        drop(rows_tx); // the last row closes the channel
        for (row, row_pixels) in rows_rx {
            pixels[row * scene.width..][..scene.width].copy_from_slice(&row_pixels);
        }
    });
}

fn thread_per_chunk(scene: &Scene, n_threads: usize, pixels: &mut [u8]) {
    let n_rows = scene.height.div_ceil(n_threads);
    thread::scope(|scope| {
        for (i, pixels) in pixels.chunks_mut(n_rows * scene.width).enumerate() {
            threads::spawn_or_run(scope, move || draw_rows(scene, i * n_rows, pixels));
        }
    });
}

fn task_per_row(scene: &Scene, n_threads: usize, pixels: &mut [u8]) {
    let Some(pool) = threads::rayon_pool(n_threads, None) else {
        return draw_rows(scene, 0, pixels);
    };
    pool.install(|| {
        // Without a limit rayon divides the rows once per thread, and those of one half take longer.
        let rows = pixels.par_chunks_mut(scene.width).enumerate().with_max_len(1);
        rows.for_each(|(row, pixels)| scene.draw_row(row, pixels));
    });
}
