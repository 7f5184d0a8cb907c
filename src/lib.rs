//! Plain OS threads and channels are enough: the library that the lessons of `src/book/` and the
//! tools of `src/bin/` stand on.
//!
//! Each folder is a floor, and imports point down only. To start reading, take a lesson
//! (`src/book/clock2.rs`, say) and follow its imports downwards.
//!
//! - [`cli`]: what a program shares with the shell: arguments, standard streams, exit codes, log.
//! - [`engines`]: one folder per tool; engines return values, send events and do not know each other.
//! - [`web`]: requests, HTML, CSS, character encodings, URLs, robots.txt.
//! - [`net`]: sockets with Go's defaults and bounds on clients, lines and waiting.
//! - [`fs`]: file trees, a directory that no path escapes, files written whole or not at all.
//! - [`demo`]: what only lessons use.
//! - [`threads`]: semaphore, thread pool, starting threads below the machine's limit.
//! - [`text`]: Go's letter case and durations, and making text from outside safe to display.
//! - [`machine`]: the machine's limits, CPU clocks and load.
//!
//! Each tool has a Cargo feature of its name that brings its engine and the dependencies that the
//! engine needs; the lessons share the feature `book`. All of them are on by default.

pub mod cli;
#[cfg(feature = "book")]
pub mod demo;
pub mod engines;
pub mod fs;
pub mod machine;
pub mod net;
pub mod text;
pub mod threads;
pub mod web;
