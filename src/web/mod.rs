//! What a crawler needs of the web: requests, pages, style sheets, URLs, robots.txt.

#[cfg(feature = "crawl")]
pub mod charset;
#[cfg(feature = "crawl")]
pub mod css;
#[cfg(feature = "crawl")]
pub mod fetch;
#[cfg(feature = "crawl")]
pub mod html;
#[cfg(feature = "urls")]
pub mod percent;
#[cfg(feature = "crawl")]
pub mod robots;
#[cfg(feature = "urls")]
pub mod urls;
