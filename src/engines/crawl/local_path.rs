//! Maps URLs to the paths of their copies in a mirror. No two URLs have the same path.
//!
//! Names consist of letters, digits, `-`, `.` and `_`; a `~` marks every change. `~2F` stands for
//! `%2F` and `~x3A` for `:`. The page `a` is saved as `a~.html`, because browsers open files by their
//! extension. A folder whose name looks like a file is called `a.css~`. `~q` and a hash stand for a
//! query, `~l` and a hash for the rest of a name that is too long.

use std::fmt::Write;

use ring::digest::{SHA256, digest};

use crate::web::urls;

/// The longest name, in bytes; file systems allow 255.
const NAME_MAX: usize = 150;
/// The longest path, in bytes; Linux allows 4096.
const PATH_MAX: usize = 2_000;
/// Extensions of files that browsers know; every other file is saved as a page, `.html`.
const EXTENSIONS: [&str; 29] = [
    "avif", "bmp", "css", "gif", "gz", "htm", "html", "ico", "jpeg", "jpg", "js", "json", "mjs",
    "mp3", "mp4", "ogg", "otf", "pdf", "png", "svg", "ttf", "txt", "wav", "webm", "webp", "woff",
    "woff2", "xhtml", "zip",
];

/// What a browser has to take a copy for, which goes by the extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// A style sheet: browsers ignore those of any other type.
    Sheet,
    /// A page of XML, which would mean something else as HTML.
    Xhtml,
    /// Whatever its name says, else a page.
    ByName,
}

impl FileType {
    /// The extension of a file whose own is none or another.
    fn extension(self) -> &'static str {
        match self {
            FileType::Sheet => "css",
            FileType::Xhtml => "xhtml",
            FileType::ByName => "html",
        }
    }

    /// Whether a file with that extension is taken for this type.
    fn has(self, extension: &str) -> bool {
        self == FileType::ByName || extension.eq_ignore_ascii_case(self.extension())
    }
}

/// The path of a URL's copy, relative to the mirror's directory.
///
/// `url` is a [key](crate::web::urls::key).
#[must_use]
pub fn path(url: &str, file_type: FileType) -> String {
    let origin = urls::origin(url);
    let host = match origin.strip_prefix("https://") {
        Some(host) => host.to_owned(),
        None => origin.replacen("://", ":", 1),
    };
    let host: String = host.split(':').map(escaped).collect::<Vec<_>>().join("~");
    let (names, query) = match urls::path(url).split_once('?') {
        Some((names, query)) => (names, Some(query)),
        None => (urls::path(url), None),
    };
    let (folders, last) = names.rsplit_once('/').unwrap_or(("", names));
    let folders = folders.split('/').skip(1).map(folder);
    let names = folders.chain([file(last, query, file_type)]);
    let path = names.fold(host.clone(), |path, name| path + "/" + &name);
    let extension = file_type.extension();
    if path.len() > PATH_MAX { format!("{host}/~l{}.{extension}", hash(url)) } else { path }
}

/// The name of a folder, for a segment of the URL's path that is not the last.
fn folder(name: &str) -> String {
    let looks_like_file = split_extension(name).is_some();
    let name = match name {
        "" => "~-".to_owned(),
        name => escaped(name),
    };
    let name = if looks_like_file { name + "~" } else { name };
    shortened(name, "")
}

/// The name of a file, for the last segment of the URL's path and the query.
fn file(name: &str, query: Option<&str>, file_type: FileType) -> String {
    let own = split_extension(name).filter(|(_, extension)| file_type.has(extension));
    let (stem, extension) = own.unwrap_or((name, file_type.extension()));
    let has_extension = stem.len() < name.len();
    let mark = match query {
        Some(query) => format!("~q{}", hash(&format!("{name}?{query}"))),
        None if has_extension || name.is_empty() => String::new(),
        None => "~".to_owned(),
    };
    let stem = match stem {
        "" if !has_extension => "index".to_owned(),
        "index" if has_extension => "~index".to_owned(), // `index.html` is the folder itself
        stem => escaped(stem),
    };
    shortened(stem + &mark, &format!(".{extension}"))
}

/// Stem and extension of a name, if browsers know the extension.
fn split_extension(name: &str) -> Option<(&str, &str)> {
    let (stem, extension) = name.rsplit_once('.')?;
    EXTENSIONS.contains(&&*extension.to_ascii_lowercase()).then_some((stem, extension))
}

/// The name with every byte escaped that file names do not contain.
fn escaped(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for (i, byte) in name.bytes().enumerate() {
        let encoded = name.as_bytes().get(i + 1..i + 3);
        match byte {
            b'%' if encoded.is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit)) => {
                escaped.push('~');
            }
            b'.' if name.bytes().all(|byte| byte == b'.') => escaped += "~x2E",
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                escaped.push(byte.into());
            }
            _ => _ = write!(escaped, "~x{byte:02X}"), // writing to a String cannot fail
        }
    }
    escaped
}

/// The name with its extension; the end of a long one is replaced by a hash.
fn shortened(mut name: String, extension: &str) -> String {
    if name.len() > NAME_MAX {
        let hash = hash(&name);
        name.truncate(NAME_MAX / 2); // escaped names are ASCII
        name = format!("{name}~l{hash}");
    }
    name + extension
}

/// The first half of SHA-256 in hexadecimal: collisions cannot be constructed.
fn hash(text: &str) -> String {
    let digest = digest(&SHA256, text.as_bytes());
    let half = digest.as_ref().first_chunk().expect("SHA-256 has 32 bytes");
    format!("{:032x}", u128::from_be_bytes(*half))
}

/// The relative URL that leads from one path of the mirror to another.
#[must_use]
pub fn relative(from: &str, to: &str) -> String {
    let (mut from_names, mut to_names) = (from.split('/').peekable(), to.split('/').peekable());
    let mut last = to;
    while from_names.peek() == to_names.peek() && to_names.peek().is_some() {
        from_names.next();
        last = to_names.next().unwrap_or_default();
    }
    let up = from_names.count().saturating_sub(1);
    let down: Vec<&str> = to_names.collect();
    match (up, &down[..]) {
        (0, []) => last.to_owned(), // a link to the file that contains it
        _ => "../".repeat(up) + &down.join("/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Path;

    #[test]
    fn paths_are_readable_where_they_can_be() {
        let check =
            |url: &str, expected: &str| assert_eq!(path(url, FileType::ByName), expected, "{url}");
        check("https://host/", "host/index.html");
        check("http://host/", "http~host/index.html");
        check("http://127.0.0.1:80/a/", "http~127.0.0.1~80/a/index.html");
        check("https://h/index.html", "h/~index.html");
        check("https://h/a", "h/a~.html");
        check("https://h/a/b.css", "h/a/b.css");
        check("https://h/a.css/b", "h/a.css~/b~.html");
        check("https://h/a.php", "h/a.php~.html");
        check("https://h/%C3%BC:", "h/~C3~BC~x3A~.html");
        check("https://h//x", "h/~-/x~.html");
        assert!(path("https://h/a.css?v=1", FileType::ByName).starts_with("h/a~q"));
        let path = path("https://h/a.css?v=1", FileType::ByName);
        assert_eq!(Path::new(&path).extension(), Some("css".as_ref()));
    }

    #[test]
    fn style_sheets_get_their_extension() {
        let check =
            |url: &str, expected: &str| assert_eq!(path(url, FileType::Sheet), expected, "{url}");
        check("https://h/a.css", "h/a.css");
        check("https://h/a.CSS", "h/a.CSS");
        check("https://h/style", "h/style~.css");
        check("https://h/style.php", "h/style.php~.css");
        check("https://h/style.txt", "h/style.txt~.css");
        check("https://h/", "h/index.css");
        let queried = path("https://h/style?v=1", FileType::Sheet);
        assert!(
            queried.starts_with("h/style~q") && queried.rsplit('.').next() == Some("css"),
            "{queried}"
        );
    }

    #[test]
    fn relative_links() {
        let check = |from: &str, to: &str, expected: &str| {
            assert_eq!(relative(from, to), expected, "{from} {to}");
        };
        check("h/a/b.html", "h/a/c.html", "c.html");
        check("h/a/b.html", "h/a/b.html", "b.html");
        check("h/a/b.html", "h/index.html", "../index.html");
        check("h/a.html", "h/b/c.html", "b/c.html");
        check("h/a.html", "g/a.html", "../g/a.html");
    }

    proptest! {
        #[test]
        fn no_two_urls_share_a_path_and_no_file_is_a_folder_of_another(
            a in "/(index|a|~|[.]|html|css|%2F|:|/|[?]|q|x{160}){0,6}",
            b in "/(index|a|~|[.]|html|css|%2F|:|/|[?]|q|x{160}){0,6}",
            types in (0_usize..3, 0_usize..3),
        ) {
            let key = |path: &str| {
                let url = url::Url::parse("http://h/").unwrap().join(&format!("http://h{path}")).unwrap();
                urls::key(url.as_str()).into_owned()
            };
            let of = |n: usize| [FileType::Sheet, FileType::Xhtml, FileType::ByName][n];
            let (a, b, types) = (key(&a), key(&b), (of(types.0), of(types.1)));
            let (path_a, path_b) = (path(&a, types.0), path(&b, types.1));
            prop_assert!(path_a != path_b || a == b);
            prop_assert!(a != b || types.0 != types.1 || path_a == path_b);
            let as_folder = path_a.clone() + "/";
            prop_assert!(a == b || !path_b.starts_with(&as_folder));
            for name in path_a.split('/') {
                prop_assert!(!name.is_empty() && name.len() <= 255 && name != "." && name != "..");
            }
        }
    }
}
