//! What only the lessons use: the links of a page, and three slow web servers to query.

pub mod links;
pub mod mirror;
