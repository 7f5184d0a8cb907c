//! Everything seen from outside: the built programs, run as a user runs them.

mod book;
mod cake;
mod certificates;
mod chat;
mod cli;
mod clock;
mod clocks;
mod clockwall;
mod crawl;
mod du;
mod ftpd;
mod mandelbrot;
mod names;
mod netcat;
mod nonblocking;
mod refused;
mod reverb;
mod support;
mod thumbnail;
mod tidy;
