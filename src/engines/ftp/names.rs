//! Resolving the paths that clients send, and making file names safe to send.

/// Longest path that the kernel accepts, in bytes.
const PATH_MAX: usize = 4095;

/// Resolves `path` against the working directory `cwd` to an absolute path without `.`, `..` and
/// doubled slashes; `None` if it is too long.
///
/// `..` removes the name before it from the text, even if that is a symbolic link; above the root it
/// does nothing. Only the jail looks at the file system.
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

/// `name` with `?` in place of the control characters of ASCII, which could end a line. All other
/// bytes are kept: they may be letters in any encoding (Shift-JIS and CP850 use those from 0x80).
pub(super) fn printable(name: &[u8]) -> Vec<u8> {
    name.iter().map(|byte| if byte.is_ascii_control() { b'?' } else { *byte }).collect()
}

/// Whether `name` has no control characters, so that listings can show it unchanged.
pub(super) fn is_printable(name: &[u8]) -> bool {
    printable(name) == name
}

/// Whether a name in the absolute `path` begins with a dot.
pub(super) fn is_hidden(path: &[u8]) -> bool {
    path.windows(2).any(|pair| pair == b"/.")
}

/// The last name of a path: all behind the last slash.
pub(super) fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or(path)
}

/// Whether `name` matches `pattern`, in which `*` stands for any text and `?` for any byte.
pub(super) fn matches_pattern(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star = None; // where to continue when the last `*` must match one more byte
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(b) if *b == b'?' || *b == name[n] => (p, n) = (p + 1, n + 1),
            _ => {
                let Some((place, end)) = star else { return false };
                star = Some((place, end + 1));
                (p, n) = (place + 1, end + 1);
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
    fn paths_are_resolved() {
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
        let check = |name: &[u8], expected: &[u8]| assert_eq!(printable(name), expected);
        check("grüße".as_bytes(), "grüße".as_bytes());
        check(b"a\r\nb\x1b[31m", b"a??b?[31m");
        check(b"a\x7f\0", b"a??");
        check(b"\xe9t\xe9\x9b\xff", b"\xe9t\xe9\x9b\xff"); // Latin-1
        check(b"\x93\xfa\x96\x7b", b"\x93\xfa\x96\x7b"); // Shift-JIS
        assert!(is_printable(b"a b") && !is_printable(b"a\tb"));
    }

    #[test]
    fn hidden_paths() {
        let check = |path: &[u8], expected: bool| assert_eq!(is_hidden(path), expected);
        check(b"/", false);
        check(b"/a.b/c.", false);
        check(b"/.a", true);
        check(b"/a/.b/c", true);
    }

    #[test]
    fn patterns_match_names() {
        let check = |pattern: &str, name: &str, expected: bool| {
            assert_eq!(
                matches_pattern(pattern.as_bytes(), name.as_bytes()),
                expected,
                "{pattern} {name}"
            );
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
        fn printable_names_have_no_control_characters(name in proptest::collection::vec(any::<u8>(), 0..50)) {
            let text = printable(&name);
            prop_assert!(!text.iter().any(u8::is_ascii_control));
            prop_assert!(is_printable(&text));
        }
    }
}
