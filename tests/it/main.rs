//! Everything seen from outside: the built programs, run as a user runs them.

mod book;
mod support;
mod thumbnail;
mod tidy;
