//! What a crawler needs of the web: requests, pages, style sheets, URLs, robots.txt.

pub mod charset;
pub mod css;
pub mod fetch;
pub mod html;
pub mod percent;
pub mod robots;
pub mod urls;
