//! Threads are enough: the library both shelves of programs stand on.
//!
//! Imports point down only, from the top of this list to its foot. To read it, take a lesson,
//! `src/book/clock2.rs` say, and follow what it imports downwards.
//!
//! **The programs**: `src/bin/` the tools and `src/book/` the lessons parse, call, print and
//! choose a status.
//!
//! **The shell**
//! - [`cli`]: what every program shares with it.
//!
//! **Engines**: they return values and send events, and do not know each other.
//! - [`cake`]: the cake shop as a laboratory (8.4.4).
//! - [`chat`]: ten thousand clients who all hear the same, in the same order (8.10).
//! - [`clock`]: the time, once a second, for whoever connects (8.2).
//! - [`clockwall`]: what several clocks say (ex. 8.1).
//! - [`du`]: disk usage (8.8, 8.9).
//! - [`crawl`]: a web site, page by page (8.6).
//! - [`ftp`]: an FTP server (ex. 8.2).
//! - [`netcat`]: what comes in goes out, both ways at once (8.3, 8.4.1).
//! - [`mandelbrot`]: the Mandelbrot set, and how much faster more threads draw it (ex. 8.5).
//! - [`reverb`]: an echo that fades (8.3).
//! - [`thumbnail`]: images to thumbnails (8.5).
//!
//! **One outside thing each**
//! - [`charset`]: which encoding a page is in.
//! - [`cpu`]: CPU clocks and the machine's load.
//! - [`fetch`]: GET requests with a time-out and a bound on the body.
//! - [`files`]: files that are written whole or not at all.
//! - [`jail`]: a directory that no path leads out of.
//! - [`html`]: the links of a page as it streams by, and their rewriting.
//! - [`links`]: the links of a web page.
//! - [`mirror`]: a small slow web site, and a request that can be hung up on.
//! - [`tcp`]: sockets with Go's defaults, bounded clients and lines.
//! - [`urls`]: URLs and their keys.
//! - [`walk`]: file trees, as fast as the kernel shows them.
//!
//! **On std and crossbeam alone**
//! - [`css`]: the URLs in a style sheet.
//! - [`limits`]: how many threads and descriptors the machine allows.
//! - [`percent`]: percent-encoding in its normal form.
//! - [`robots`]: what a robots.txt allows.
//! - [`sync`]: permits, a thread count below the limit, deadlines.
//! - [`text`]: Go's upper and lower case.
//! - [`units`]: durations and sizes.

pub mod cake;
pub mod charset;
pub mod chat;
pub mod cli;
pub mod clock;
pub mod clockwall;
pub mod cpu;
pub mod crawl;
pub mod css;
pub mod du;
pub mod fetch;
pub mod files;
pub mod ftp;
pub mod html;
pub mod jail;
pub mod limits;
pub mod links;
pub mod mandelbrot;
pub mod mirror;
pub mod netcat;
pub mod percent;
pub mod reverb;
pub mod robots;
pub mod sync;
pub mod tcp;
pub mod text;
pub mod thumbnail;
pub mod units;
pub mod urls;
pub mod walk;
