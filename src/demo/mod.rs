//! Used by lessons only: the links of a web page, and a slow web server to query.

pub mod links;
pub mod mirror;
