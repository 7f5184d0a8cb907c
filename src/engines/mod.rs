//! One folder per tool: an engine returns values and sends events, and no engine imports another.

pub mod cake;
pub mod chat;
pub mod clock;
pub mod clockwall;
pub mod crawl;
pub mod du;
pub mod ftp;
pub mod mandelbrot;
pub mod netcat;
pub mod reverb;
pub mod thumbnail;
