//! What a crawler needs to know about the web: requests, HTML, style sheets, encodings, URLs,
//! robots.txt and sitemaps.

pub mod charset;
pub mod css;
pub mod fetch;
pub mod html;
pub mod percent;
pub mod robots;
pub mod sitemap;
pub mod urls;
