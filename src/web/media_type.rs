//! The media type of a file, by the extension of its name.

use std::path::Path;

/// Extensions of files that have links, or of which is known that they have none.
const TYPES: &[(&str, &[&str])] = &[
    ("text/html", &["html", "htm", "shtml"]),
    ("application/xhtml+xml", &["xhtml", "xht"]),
    ("text/css", &["css"]),
    ("image/svg+xml", &["svg"]),
    ("text/xml", &["xml", "rss", "atom", "xsl"]),
    ("text/javascript", &["js", "mjs"]),
    ("application/json", &["json", "map", "webmanifest"]),
    ("text/plain", &["txt", "md", "rst", "csv", "rs", "py", "go", "c", "h", "log"]),
    ("application/gzip", &["gz", "tgz"]),
    ("application/pdf", &["pdf"]),
    ("image/*", &["png", "jpg", "jpeg", "gif", "webp", "avif", "ico", "bmp", "tif", "tiff"]),
    ("font/*", &["woff", "woff2", "ttf", "otf", "eot"]),
    ("audio/*", &["mp3", "ogg", "wav", "flac", "m4a"]),
    ("video/*", &["mp4", "webm", "mov", "mkv"]),
    (
        "application/octet-stream",
        &["zip", "bz2", "xz", "zst", "7z", "tar", "exe", "bin", "wasm", "epub"],
    ),
];

/// The media type of a file with that path; empty if the extension says nothing, so that the first
/// bytes have to.
#[must_use]
pub fn of_path(path: &Path) -> &'static str {
    let extension = path.extension().unwrap_or_default();
    let has =
        |(_, all): &&(&str, &[&str])| all.iter().any(|own| extension.eq_ignore_ascii_case(own));
    TYPES.iter().find(has).map_or("", |(mime, _)| mime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_have_types() {
        let check = |path: &str, expected: &str| assert_eq!(of_path(Path::new(path)), expected);
        check("a/b.HTML", "text/html");
        check("a.tar.gz", "application/gzip");
        check("a.woff2", "font/*");
        check("html", "");
        check("a.unknown", "");
    }
}
