//! Sitemaps, plain or gzipped (sitemaps.org, protocol 0.9).

use std::borrow::Cow;
use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::html::entities;

/// A sitemap, or an index of sitemaps.
///
/// ```
/// use threadbare::web::sitemap::Sitemap;
///
/// let file = b"<urlset><url><loc>http://host/?a&amp;b</loc></url></urlset>";
/// let sitemap = Sitemap::read(file.to_vec(), 1 << 20)?;
/// assert_eq!(sitemap.locations().collect::<Vec<_>>(), ["http://host/?a&b"]);
/// # Ok::<(), String>(())
/// ```
#[derive(Debug)]
pub struct Sitemap {
    text: String,
}

impl Sitemap {
    /// The sitemap in `file`, which may be gzipped.
    ///
    /// # Errors
    /// When the file is not valid gzip although it begins as one, or has more than `size_max` bytes
    /// after decompression.
    pub fn read(file: Vec<u8>, size_max: u64) -> Result<Self, String> {
        let bytes = unzipped(file, size_max)?;
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let text = String::from_utf8(bytes).unwrap_or_else(|err| lossy(err.as_bytes()));
        Ok(Sitemap { text })
    }

    /// The URLs of pages and of further sitemaps, in order, with character references decoded.
    pub fn locations(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let rests = self.text.split("<loc>").skip(1);
        let locations = rests.filter_map(|rest| rest.split("</loc>").next());
        locations.map(|location| entities::decode(location.trim()))
    }
}

/// Whether a file of this media type and path may be a sitemap: XML, or gzip and named `*.xml.gz`.
#[must_use]
pub fn is_sitemap(mime: &str, path: &str) -> bool {
    match mime {
        "text/xml" | "application/xml" => true,
        "application/gzip" | "application/x-gzip" | "application/octet-stream" => {
            path.ends_with(".xml.gz")
        }
        _ => false,
    }
}

/// The content of a file that may be gzipped, at most `size_max` bytes.
fn unzipped(file: Vec<u8>, size_max: u64) -> Result<Vec<u8>, String> {
    if !file.starts_with(&[0x1F, 0x8B]) {
        return Ok(file);
    }
    let mut content = Vec::new();
    let mut limited = MultiGzDecoder::new(&*file).take(size_max.saturating_add(1));
    match limited.read_to_end(&mut content) {
        Ok(n) if n as u64 <= size_max => Ok(content),
        Ok(_) => Err("the sitemap is too large".to_owned()),
        Err(err) => Err(format!("gzip: {err}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_trimmed_and_decoded() {
        let check = |text: &str, expected: &[&str]| {
            let sitemap = Sitemap::read(text.into(), 1_000).unwrap();
            assert_eq!(sitemap.locations().collect::<Vec<_>>(), expected, "{text}");
        };
        check("<url><loc> /a&amp;b\n</loc></url><sitemap><loc>/c</loc>", &["/a&b", "/c"]);
        check("<loc>/unfinished", &["/unfinished"]);
        check("no location", &[]);
    }

    #[test]
    fn xml_may_be_a_sitemap_and_gzip_by_its_name() {
        assert!(is_sitemap("text/xml", "/x") && is_sitemap("application/gzip", "/map.xml.gz"));
        assert!(!is_sitemap("text/html", "/map.xml") && !is_sitemap("application/gzip", "/x.gz"));
    }

    #[test]
    fn unzipped_content_is_bounded() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, &[7; 1_000]).unwrap();
        let file = encoder.finish().unwrap();
        assert_eq!(unzipped(file.clone(), 1_000), Ok(vec![7; 1_000]));
        assert_eq!(unzipped(file.clone(), 999), Err("the sitemap is too large".to_owned()));
        assert!(unzipped(file[..20].to_vec(), 1_000).is_err());
        assert_eq!(
            unzipped(vec![7; 20], 1),
            Ok(vec![7; 20]),
            "a plain file was bounded when it was fetched"
        );
    }
}
