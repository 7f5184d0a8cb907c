//! Sitemaps: XML or text, plain or gzipped (sitemaps.org, protocol 0.9).

use std::io::Read;

use flate2::read::MultiGzDecoder;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::charset;
use super::html::entities;
use super::urls;

/// A sitemap, or an index of sitemaps.
///
/// ```
/// use threadbare::web::sitemap::Sitemap;
///
/// let file = b"<urlset><url><loc>http://host/?a&amp;b</loc></url></urlset>";
/// let sitemap = Sitemap::read(file.to_vec(), 1 << 20)?;
/// assert_eq!(sitemap.pages, ["http://host/?a&b"]);
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Default)]
pub struct Sitemap {
    /// The URLs of pages, in order.
    pub pages: Vec<String>,
    /// The URLs of further sitemaps, in order.
    pub sitemaps: Vec<String>,
    /// Why the sitemap could not be read to its end.
    pub error: Option<String>,
}

impl Sitemap {
    /// The sitemap in `file`, which may be gzipped.
    ///
    /// # Errors
    /// When the file is not valid gzip although it begins as one, or has more than `size_max` bytes
    /// after decompression.
    pub fn read(file: Vec<u8>, size_max: u64) -> Result<Self, String> {
        let text = charset::decode_xml(&unzipped(file, size_max)?, None);
        let mut sitemap = Sitemap::default();
        if text.trim_start().starts_with('<') {
            sitemap.error = sitemap.read_xml(&text).err();
        } else {
            sitemap.pages.extend(text.lines().filter_map(line));
        }
        Ok(sitemap)
    }

    /// Adds the text of every `<loc>` whose parent is `<url>` or `<sitemap>`, in any namespace. An
    /// image's `<image:loc>` has another parent.
    fn read_xml(&mut self, text: &str) -> Result<(), String> {
        let mut reader = Reader::from_str(text);
        reader.config_mut().check_end_names = false;
        reader.config_mut().allow_unmatched_ends = true;
        let (mut parents, mut location) = (Vec::new(), None);
        loop {
            match reader.read_event().map_err(|err| format!("the sitemap is no XML: {err}"))? {
                Event::Eof => return Ok(()),
                Event::Start(element) => {
                    let parent = parents.last().copied().unwrap_or(Parent::Other);
                    let name = element.local_name();
                    if name.as_ref() == "loc" && parent != Parent::Other {
                        location = Some(String::new());
                    }
                    parents.push(Parent::of_name(name.as_ref()));
                }
                Event::End(_) => {
                    parents.pop();
                    self.add(location.take(), parents.last());
                }
                Event::Text(text) => push(&mut location, &text),
                Event::CData(text) => push(&mut location, &text),
                Event::GeneralRef(name) => {
                    push(&mut location, &entities::decode(&format!("&{};", &*name)));
                }
                _ => (),
            }
        }
    }

    fn add(&mut self, location: Option<String>, parent: Option<&Parent>) {
        let Some(location) = location.as_deref().map(str::trim).filter(|url| !url.is_empty())
        else {
            return;
        };
        match parent {
            Some(Parent::Sitemap) => self.sitemaps.push(location.to_owned()),
            _ => self.pages.push(location.to_owned()),
        }
    }
}

/// What a `<loc>` inside of an element locates.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parent {
    Page,
    Sitemap,
    Other,
}

impl Parent {
    fn of_name(name: &str) -> Self {
        match name {
            "url" => Parent::Page,
            "sitemap" => Parent::Sitemap,
            _ => Parent::Other,
        }
    }
}

/// Adds text to the location being read, if one is. One byte above the limit shows that it is too
/// long.
fn push(location: &mut Option<String>, text: &str) {
    if let Some(location) = location.as_mut().filter(|text| text.len() <= urls::LENGTH_MAX) {
        location.push_str(text);
    }
}

/// The URL on a line of a text sitemap.
fn line(line: &str) -> Option<String> {
    let url = line.trim();
    let is_url = |scheme: &str| {
        url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    (is_url("http://") || is_url("https://")).then(|| url.to_owned())
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
    use proptest::prelude::*;

    fn read(text: &str) -> Sitemap {
        Sitemap::read(text.into(), 1_000_000).unwrap()
    }

    #[test]
    fn locations_are_trimmed_and_decoded() {
        let check = |text: &str, expected: &[&str]| {
            let sitemap = read(text);
            assert_eq!(
                (sitemap.pages, sitemap.error),
                (expected.iter().map(|&s| s.to_owned()).collect(), None),
                "{text}"
            );
        };
        check("<url><loc> /a&amp;b\n</loc></url>", &["/a&b"]);
        check("<url><loc><![CDATA[http://h/?a&b]]></loc></url>", &["http://h/?a&b"]);
        check("<s:urlset xmlns:s='x'><s:url><s:loc a='b'>/a</s:loc></s:url>", &["/a"]);
        check("<url><loc>/a<!-- <loc>no</loc> -->b</loc></url><!-- <url> -->", &["/ab"]);
        check(
            "<url><loc>/a</loc><image:image><image:loc>/no</image:loc></image:image></url>",
            &["/a"],
        );
        check("<url><loc>&#x2F;a&nonsense;</loc></url>", &["/a&nonsense;"]);
        check("<?xml version='1.0'?><urlset><url><lastmod/><loc>/a</loc></url></urlset>", &["/a"]);
        check("<url><loc>/unfinished", &[]);
        check("http://h/a\r\n\n HTTPS://h/b \nno URL\n", &["http://h/a", "HTTPS://h/b"]);
        check("no location", &[]);
    }

    #[test]
    fn an_index_names_sitemaps() {
        let index = read("<sitemapindex><sitemap><loc>/a.xml</loc></sitemap></sitemapindex>");
        assert_eq!((index.sitemaps, index.pages), (vec!["/a.xml".to_owned()], vec![]));
    }

    #[test]
    fn what_was_read_before_an_error_counts() {
        let sitemap = read("<url><loc>/a</loc></url><url><loc>/b</loc><!-- ");
        assert_eq!(sitemap.pages, ["/a", "/b"]);
        assert!(sitemap.error.unwrap().starts_with("the sitemap is no XML"));
    }

    #[test]
    fn encodings_are_those_of_xml() {
        let utf16: Vec<u8> = "\u{feff}<url><loc>/\u{e4}</loc></url>"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(Sitemap::read(utf16, 1_000).unwrap().pages, ["/\u{e4}"]);
        let latin = b"<?xml version='1.0' encoding='iso-8859-1'?><url><loc>/\xe4</loc></url>";
        assert_eq!(Sitemap::read(latin.to_vec(), 1_000).unwrap().pages, ["/\u{e4}"]);
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

    proptest! {
        #[test]
        fn any_text_is_read(text in "(</?(url|loc|sitemap|x)>|<!\\[CDATA\\[|\\]\\]>|&amp;|[<>&a/ ]){0,20}") {
            let Sitemap { pages, sitemaps, .. } = read(&text);
            prop_assert!(pages.iter().chain(&sitemaps).all(|url| !url.trim().is_empty()));
        }
    }
}
