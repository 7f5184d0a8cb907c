//! What a crawler needs to know about the web: requests, HTML, style sheets, encodings, URLs,
//! robots.txt and sitemaps.

#[cfg(feature = "crawl")]
mod addresses;
#[cfg(feature = "crawl")]
mod agents;
#[cfg(feature = "crawl")]
pub mod charset;
#[cfg(feature = "crawl")]
pub mod cookies;
#[cfg(feature = "crawl")]
pub mod css;
#[cfg(feature = "crawl")]
pub mod encoding;
#[cfg(feature = "crawl")]
pub mod fetch;
#[cfg(feature = "crawl")]
mod fetch_options;
#[cfg(feature = "crawl")]
mod forward_proxy;
#[cfg(feature = "crawl")]
pub mod html;
#[cfg(feature = "crawl")]
pub mod media_type;
#[cfg(any(feature = "thumbnail", feature = "urls"))]
pub mod percent;
#[cfg(feature = "crawl")]
pub mod proxies;
#[cfg(feature = "crawl")]
mod response_head;
#[cfg(feature = "crawl")]
pub mod robots;
#[cfg(feature = "crawl")]
pub mod sitemap;
#[cfg(feature = "crawl")]
pub mod sniff;
#[cfg(feature = "urls")]
pub mod urls;
