//! The lessons, held against their rows in the table of programs; a file a section of the book.

mod channels;
mod chat;
mod clock;
mod crawler;
mod echo;
mod every;
mod goroutines;
mod parallel;
mod select;
mod traversal;
