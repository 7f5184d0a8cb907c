//! The lessons, held against their rows in the table of programs; a file a section of the book.

mod goroutines;
