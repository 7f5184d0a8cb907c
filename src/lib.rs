//! Threads are enough: the library both shelves of programs stand on.
//!
//! Imports point down only, from the top of this list to its foot.
//!
//! - `src/bin/` the tools and `src/book/` the lessons: they parse, call, print, choose a status.
//! - [`cli`]: what every program shares with the shell.
//! - Engines, a file each, which return values and send events: [`cake`] (8.4.4),
//!   [`thumbnail`] (8.5).
//! - One outside thing each: [`tcp`] (sockets), [`links`] (web pages), [`mirror`] (a web site of
//!   our own), [`files`] (written whole or not at all), [`cpu`] (time and load).
//! - On std and crossbeam alone: [`sync`] (permits, thread count), [`limits`] (what the machine
//!   allows), [`text`] (Go's upper and lower case), [`units`] (durations and sizes).
//!
//! To read it: take a lesson, `src/book/clock2.rs` say, then follow what it imports downwards.

pub mod cake;
pub mod cli;
pub mod cpu;
pub mod files;
pub mod limits;
pub mod links;
pub mod mirror;
pub mod sync;
pub mod tcp;
pub mod text;
pub mod thumbnail;
pub mod units;
