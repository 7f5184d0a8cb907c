//! Everything seen from outside: the built programs, run as a user runs them.

mod book;
<<<<<<< HEAD
mod du;
=======
mod cake;
>>>>>>> main
mod mandelbrot;
mod support;
mod tidy;
