//! The disk usage browser: a list of one directory at a time, while the scan is still running.
//!
//! A scan sends batches of files ([`scan`]), keys come from the terminal, a deletion sends what is
//! gone ([`delete`]); the program around the [`Browser`] waits for all of these at once, passes them
//! on, and writes the lines that [`Browser::draw`] returns.
//!
//! A file takes forty bytes and its name; sums are kept per directory and added up before they are
//! shown. The size of a directory is what `du -s` prints for it: a file with several hard links
//! counts once in every directory that has one of them, however deep.

mod browser;
mod delete;
mod export;
mod import;
mod json_import;
mod keys;
mod line;
mod links;
mod list;
mod ncdu_import;
mod node;
mod plan;
mod record;
mod saved;
mod scan;
mod screen;
mod store;
#[cfg(test)]
mod tests;
mod text;

pub use browser::{Browser, BrowserOptions};
pub use delete::{DeleteEvent, delete};
pub use export::ExportFormat;
pub use import::read_scan;
pub use keys::Request;
pub use plan::DeletePlan;
pub use record::Batch;
pub use saved::{ImportError, SavedScan};
pub use scan::{ScanEvent, ScanTarget, scan};
