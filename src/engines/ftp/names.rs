//! Paths as clients give them, and names as they may be shown.

use crate::text::printable::replace_controls;

/// What the kernel takes as one path.
const PATH_MAX: usize = 4095;

/// `path` as seen from `cwd`, both with `/` as the root: without `.`, `..` and doubled slashes.
///
/// `..` undoes the name before it, as PWD shows it, wherever a link may have led; above the root
/// there is nothing. What the path really leads to is for the jail to find out.
pub(super) fn resolve(cwd: &[u8], path: &[u8]) -> Option<Vec<u8>> {
    let from_root = path.first() == Some(&b'/');
    let start = if from_root { &b""[..] } else { cwd };
    let mut names: Vec<&[u8]> = Vec::new();
    for name in start.split(|b| *b == b'/').chain(path.split(|b| *b == b'/')) {
        match name {
            b"" | b"." => {}
            b".." => _ = names.pop(),
            name => names.push(name),
        }
    }
    let resolved = [b"/", &*names.join(&b'/')].concat();
    (resolved.len() <= PATH_MAX).then_some(resolved)
}

/// A name as it may stand in a line: what could end the line, or command a terminal, becomes `?`.
pub(super) fn shown(name: &[u8]) -> Vec<u8> {
    match str::from_utf8(name) {
        Ok(text) => replace_controls(text, '?').collect::<String>().into(),
        Err(_) => name.iter().map(|b| if is_control(*b) { b'?' } else { *b }).collect(),
    }
}

fn is_control(byte: u8) -> bool {
    matches!(byte, 0..0x20 | 0x7f..0xa0 | 0xff)
}

/// Whether a new file may have this name; one that cannot be listed as it is may not.
pub(super) fn is_clean(name: &[u8]) -> bool {
    shown(name) == name
}

/// The last name of a resolved path.
pub(super) fn last(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or(path)
}

/// Whether `name` fits `pattern`, where `*` is any text and `?` any byte.
pub(super) fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star = None; // where to go on when the last `*` must take one byte more
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(b) if *b == b'?' || *b == name[n] => (p, n) = (p + 1, n + 1),
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                (p, n) = (at + 1, taken + 1);
            }
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths() {
        let check = |cwd: &str, path: &str, expected: &str| {
            let resolved = resolve(cwd.as_bytes(), path.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(resolved).unwrap(), expected, "{cwd} {path}");
        };
        check("/", "a", "/a");
        check("/a/b", "c", "/a/b/c");
        check("/a/b", "/c", "/c");
        check("/a/b", "..", "/a");
        check("/a", "../../..", "/");
        check("/a", "./b//c/", "/a/b/c");
        check("/a", "", "/a");
        check("/", "...", "/...");
        assert_eq!(resolve(b"/", &[b'x'; 5000]), None);
    }

    #[test]
    fn names_cannot_forge_lines() {
        let check = |name: &[u8], expected: &[u8]| assert_eq!(shown(name), expected);
        check("grüße".as_bytes(), "grüße".as_bytes());
        check(b"a\r\nb\x1b[31m", b"a??b?[31m");
        check("a\u{9b}b".as_bytes(), b"a?b");
        check(b"\xe9t\xe9\x9b\xff", b"\xe9t\xe9??");
        assert!(is_clean(b"a b") && !is_clean(b"a\tb"));
    }

    #[test]
    fn patterns() {
        let check = |pattern: &str, name: &str, expected: bool| {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        };
        check("*", "", true);
        check("*.txt", "a.txt", true);
        check("*.txt", "a.txt.gz", false);
        check("a?c*e", "abcdde", true);
        check("a?c", "ac", false);
        check("*a*a*a*a*b", &"a".repeat(200), false);
    }

    proptest! {
        #[test]
        fn a_resolved_path_stays_below_the_root(cwd in "(/[a.]{1,3}){0,4}", path in "[a./]{0,20}") {
            let resolved = resolve(cwd.as_bytes(), path.as_bytes()).unwrap();
            prop_assert_eq!(resolved[0], b'/');
            let mut names = resolved[1..].split(|b| *b == b'/');
            prop_assert!(resolved == b"/" || names.all(|name| !matches!(name, b"" | b"." | b"..")));
            prop_assert_eq!(resolve(b"/", &resolved), Some(resolved));
        }

        #[test]
        fn what_is_shown_is_one_line(name in proptest::collection::vec(any::<u8>(), 0..50)) {
            let shown = shown(&name);
            prop_assert!(shown.iter().all(|b| *b >= b' ' && *b != 0x7f && *b != 0xff));
            prop_assert!(is_clean(&shown));
        }
    }
}
