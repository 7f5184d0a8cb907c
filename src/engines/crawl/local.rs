//! Where a URL lies in a mirror: a pure function, and no two URLs share a file.
//!
//! Names consist of letters, digits, `-`, `.`, `_`, and `~`, which marks what was changed: `~2F` is
//! `%2F`, `~x3A` is `:`, `a~.html` is `a` (a browser wants to know what it opens), `a.css~` a folder
//! called like a file, and `~q`, `~l` and a hash stand for a query and a name too long.

use std::fmt::Write;

use ring::digest::{SHA256, digest};

use crate::web::urls;

/// A longer name is shortened; file systems take 255.
const NAME_MAX: usize = 150;
/// A longer path is hashed; systems take 4096.
const PATH_MAX: usize = 2_000;
/// Names that end so are files of a type that browsers know; all others are taken for pages.
const TYPES: [&str; 28] = [
    "avif", "bmp", "css", "gif", "gz", "htm", "html", "ico", "jpeg", "jpg", "js", "json", "mjs",
    "mp3", "mp4", "ogg", "otf", "pdf", "png", "svg", "ttf", "txt", "wav", "webm", "webp", "woff",
    "woff2", "zip",
];

/// The path of a URL's copy below the mirror's folder. `url` is a key. A style sheet is called one,
/// whatever its URL, for browsers take nothing else for one.
#[must_use]
pub fn path(url: &str, is_sheet: bool) -> String {
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
    let names = folders.chain([file(last, query, is_sheet)]);
    let path = names.fold(host.clone(), |path, name| path + "/" + &name);
    let extension = if is_sheet { "css" } else { "html" };
    if path.len() > PATH_MAX { format!("{host}/~l{}.{extension}", hash(url)) } else { path }
}

fn folder(name: &str) -> String {
    let is_like_a_file = split_type(name).is_some();
    let name = match name {
        "" => "~-".to_owned(),
        name => escaped(name),
    };
    let name = if is_like_a_file { name + "~" } else { name };
    shortened(name, "")
}

fn file(name: &str, query: Option<&str>, is_sheet: bool) -> String {
    let own = split_type(name).filter(|(_, t)| !is_sheet || t.eq_ignore_ascii_case("css"));
    let (stem, extension) = own.unwrap_or((name, if is_sheet { "css" } else { "html" }));
    let is_typed = stem.len() < name.len();
    let mark = match query {
        Some(query) => format!("~q{}", hash(&format!("{name}?{query}"))),
        None if is_typed || name.is_empty() => String::new(),
        None => "~".to_owned(),
    };
    let stem = match stem {
        "" if !is_typed => "index".to_owned(),
        "index" if is_typed => "~index".to_owned(), // `index.html` is the folder itself
        stem => escaped(stem),
    };
    shortened(stem + &mark, &format!(".{extension}"))
}

/// Stem and type of a name, if it has a type browsers know.
fn split_type(name: &str) -> Option<(&str, &str)> {
    let (stem, extension) = name.rsplit_once('.')?;
    TYPES.contains(&&*extension.to_ascii_lowercase()).then_some((stem, extension))
}

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
            _ => _ = write!(escaped, "~x{byte:02X}"), // a String takes all
        }
    }
    escaped
}

fn shortened(mut name: String, extension: &str) -> String {
    if name.len() > NAME_MAX {
        let hash = hash(&name);
        name.truncate(NAME_MAX / 2); // it is ASCII
        name = format!("{name}~l{hash}");
    }
    name + extension
}

/// Half of SHA-256: nobody finds two texts with the same one.
fn hash(text: &str) -> String {
    let digest = digest(&SHA256, text.as_bytes());
    let half = digest.as_ref().first_chunk().expect("SHA-256 has 32 bytes");
    format!("{:032x}", u128::from_be_bytes(*half))
}

/// The way from one path of the mirror to another, as a relative URL.
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
        (0, []) => last.to_owned(), // the page itself
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
        let check = |url: &str, expected: &str| assert_eq!(path(url, false), expected, "{url}");
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
        assert!(path("https://h/a.css?v=1", false).starts_with("h/a~q"));
        let path = path("https://h/a.css?v=1", false);
        assert_eq!(Path::new(&path).extension(), Some("css".as_ref()));
    }

    #[test]
    fn sheets_are_called_so() {
        let check = |url: &str, expected: &str| assert_eq!(path(url, true), expected, "{url}");
        check("https://h/a.css", "h/a.css");
        check("https://h/a.CSS", "h/a.CSS");
        check("https://h/style", "h/style~.css");
        check("https://h/style.php", "h/style.php~.css");
        check("https://h/style.txt", "h/style.txt~.css");
        check("https://h/", "h/index.css");
        let queried = path("https://h/style?v=1", true);
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
        fn no_two_urls_share_a_file_and_none_is_in_anothers_way(
            a in "/(index|a|~|[.]|html|css|%2F|:|/|[?]|q|x{160}){0,6}",
            b in "/(index|a|~|[.]|html|css|%2F|:|/|[?]|q|x{160}){0,6}",
            are_sheets in any::<(bool, bool)>(),
        ) {
            let key = |path: &str| {
                let url = url::Url::parse("http://h/").unwrap().join(&format!("http://h{path}")).unwrap();
                urls::key(url.as_str()).into_owned()
            };
            let (a, b) = (key(&a), key(&b));
            let (path_a, path_b) = (path(&a, are_sheets.0), path(&b, are_sheets.1));
            prop_assert!(path_a != path_b || a == b);
            prop_assert!(a != b || are_sheets.0 != are_sheets.1 || path_a == path_b);
            let inside = path_a.clone() + "/";
            prop_assert!(a == b || !path_b.starts_with(&inside));
            for name in path_a.split('/') {
                prop_assert!(!name.is_empty() && name.len() <= 255 && name != "." && name != "..");
            }
        }
    }
}
