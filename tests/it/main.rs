//! Everything seen from outside: the built programs, run as a user runs them.

mod book;
mod cake;
mod crawl;
mod mandelbrot;
mod support;
mod tidy;
