//! One folder per tool: an engine returns values and sends events, and no engine imports another.

#[cfg(feature = "cake")]
pub mod cake;
#[cfg(feature = "chat")]
pub mod chat;
#[cfg(feature = "clock")]
pub mod clock;
#[cfg(feature = "clock")]
pub mod clockwall;
#[cfg(feature = "crawl")]
pub mod crawl;
#[cfg(feature = "du")]
pub mod du;
#[cfg(feature = "ftpd")]
pub mod ftp;
#[cfg(feature = "mandelbrot")]
pub mod mandelbrot;
#[cfg(feature = "netcat")]
pub mod netcat;
#[cfg(feature = "reverb")]
pub mod reverb;
#[cfg(feature = "thumbnail")]
pub mod thumbnail;
