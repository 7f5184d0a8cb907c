//! 8.6 A web crawler: worker threads fetch and parse pages, one coordinator thread decides.
//!
//! Only the coordinator knows which URLs were seen, which are waiting and what each host allows, so
//! there are no locks. A worker takes a URL, fetches it and returns one result with all its links.
//! Workers never wait for a host's rate limit: delayed URLs wait in a heap of the coordinator.
//!
//! [`run`] crawls, [`check`] lists the broken links of a crawl, [`mirror`] copies a site to disk.

mod archive;
pub mod check;
mod coordinator;
mod fetched;
mod folder;
mod fragments;
mod hosts;
mod identity;
mod ids;
mod links;
pub mod local_path;
pub mod mirror;
mod options;
mod outcome;
mod outside;
mod page_entry;
mod page_links;
mod pages;
mod parse;
mod record;
mod scope;
mod spool;
mod state;
mod texts;
mod trace;
mod worker;
mod workers;

pub use archive::Archive;
pub use coordinator::run;
pub use folder::Folder;
pub use options::{Options, OutsideOptions, ScopeOptions};
pub use outcome::{Crawl, Error, Page, Summary};
pub use scope::Scope;
