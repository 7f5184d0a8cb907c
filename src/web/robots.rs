//! robots.txt, as RFC 9309 reads it.

use std::time::Duration;

use crate::web::percent;

/// More than this of a robots.txt is not read (RFC 9309, 2.5).
pub const SIZE_MAX: u64 = 500 << 10;
/// A longer Crawl-delay is taken for a mistake.
const DELAY_MAX: Duration = Duration::from_secs(30);

/// What one crawler may do on one host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Robots {
    rules: Vec<Rule>,
    delay: Option<Duration>,
    sitemaps: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    allow: bool,
    /// In the form of [`percent::normal`], without the `$` at its end.
    pattern: String,
    to_the_end: bool,
}

/// Lines of the groups for one name: those for us, or those for everyone.
#[derive(Default)]
struct Group {
    rules: Vec<Rule>,
    delay: Option<Duration>,
    is_there: bool,
}

impl Robots {
    /// Nothing is forbidden.
    #[must_use]
    pub fn allow_all() -> Self {
        Robots::default()
    }

    /// Everything is forbidden: what an unreachable robots.txt means.
    #[must_use]
    pub fn disallow_all() -> Self {
        let all = Rule { allow: false, pattern: "/".to_owned(), to_the_end: false };
        Robots { rules: vec![all], ..Robots::default() }
    }

    /// The rules in `text` for the crawler called `agent`: those of all groups that name it, or of
    /// all groups for `*` where none does.
    #[must_use]
    pub fn parse(text: &[u8], agent: &str) -> Self {
        let text = String::from_utf8_lossy(text);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let (mut ours, mut everyones, mut sitemaps) = (Group::default(), Group::default(), vec![]);
        let (mut in_ours, mut in_everyones, mut naming) = (false, false, false);
        for (name, value) in text.split(['\r', '\n']).filter_map(directive) {
            if name == "sitemap" {
                sitemaps.push(value.to_owned()); // it belongs to no group
                continue;
            }
            if name == "user-agent" {
                // Names that follow one another head one group.
                (in_ours, in_everyones) = (naming && in_ours, naming && in_everyones);
                in_ours |= product(value).eq_ignore_ascii_case(agent);
                in_everyones |= value == "*";
                naming = true;
            } else {
                naming = false;
            }
            if in_ours {
                ours.add(&name, value);
            }
            if in_everyones {
                everyones.add(&name, value);
            }
        }
        let Group { rules, delay, .. } = if ours.is_there { ours } else { everyones };
        Robots { rules, delay, sitemaps }
    }

    /// Whether the path (with its query) may be fetched: the longest matching rule says, and of two
    /// equally long ones the one that allows.
    #[must_use]
    pub fn allows(&self, path: &str) -> bool {
        if self.rules.is_empty() || path == "/robots.txt" {
            return true;
        }
        let path = percent::normal(path);
        let matching = self.rules.iter().filter(|rule| rule.matches(&path));
        matching.max_by_key(|rule| (rule.pattern.len(), rule.allow)).is_none_or(|rule| rule.allow)
    }

    /// The pause asked for between two requests.
    #[must_use]
    pub fn delay(&self) -> Option<Duration> {
        self.delay
    }

    /// The sitemaps named.
    #[must_use]
    pub fn sitemaps(&self) -> &[String] {
        &self.sitemaps
    }
}

impl Group {
    fn add(&mut self, name: &str, value: &str) {
        self.is_there = true;
        match name {
            // An empty rule matches nothing.
            "allow" | "disallow" if !value.is_empty() => {
                let pattern =
                    percent::normal(value.strip_suffix('$').unwrap_or(value)).into_owned();
                let to_the_end = value.ends_with('$');
                self.rules.push(Rule { allow: name == "allow", pattern, to_the_end });
            }
            "crawl-delay" => {
                let seconds = value.parse().ok().map(|s: f64| s.min(DELAY_MAX.as_secs_f64()));
                let delay = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
                self.delay = self.delay.or(delay);
            }
            _ => (),
        }
    }
}

impl Rule {
    /// Whether the pattern, in which `*` stands for any text, matches from the start of `path`.
    fn matches(&self, path: &str) -> bool {
        let mut pieces = self.pattern.split('*');
        let first = pieces.next().unwrap_or_default();
        let Some(mut rest) = path.strip_prefix(first) else { return false };
        let mut last = None;
        for piece in pieces {
            // The leftmost place leaves the most for the pieces to come.
            let Some(at) = rest.find(piece) else { return false };
            rest = &rest[at + piece.len()..];
            last = Some(piece);
        }
        // A last piece found somewhere is also at the end if the path ends with it.
        let ends = last.is_some_and(|piece| path.ends_with(piece));
        !self.to_the_end || rest.is_empty() || ends
    }
}

/// A line's name in lower case and its value, without comment.
fn directive(line: &str) -> Option<(String, &str)> {
    let line = line.split('#').next().unwrap_or_default();
    let (name, value) = line.split_once(':')?;
    Some((name.trim().to_ascii_lowercase(), value.trim()))
}

/// The product token a user-agent line begins with.
fn product(value: &str) -> &str {
    let end = value.find(|c: char| !c.is_ascii_alphabetic() && c != '-' && c != '_');
    &value[..end.unwrap_or(value.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn allows(text: &str, path: &str) -> bool {
        Robots::parse(text.as_bytes(), "threadbare").allows(path)
    }

    #[test]
    fn the_longest_rule_says() {
        let check = |rules: &str, path: &str, expected: bool| {
            let text = format!("User-agent: *\n{rules}\n");
            assert_eq!(allows(&text, path), expected, "{rules:?} {path}");
        };
        check("", "/a", true);
        check("Disallow:", "/a", true);
        check("Disallow: /", "/a", false);
        check("Disallow: /", "/robots.txt", true);
        check("Disallow: /a", "/b", true);
        check("Disallow: /a", "/ab", false);
        check("Disallow: /a\nAllow: /ab", "/abc", true);
        check("Disallow: /a\nAllow: /a", "/a", true);
        check("Allow: /p\nDisallow: /", "/page", true);
        check("Allow: /$\nDisallow: /", "/", true);
        check("Allow: /$\nDisallow: /", "/page", false);
        check("Allow: /page\nDisallow: /*.htm", "/page.htm", false);
        check("Disallow: *.gif$", "/x/a.gif", false);
        check("Disallow: *.gif$", "/x/a.gif?1", true);
        check("Disallow: /*a*b$", "/xaab/b", false);
        check("Disallow: /aa*aa$", "/aaa", true);
        check("Disallow: /*$", "/x", false);
        check("disallow : /X # why", "/X/y", false);
        check("Disallow: /%7ejoe/", "/~joe/x", false);
        check("Disallow: /a%3cd", "/a%3Cd", false);
        check("Disallow: /\u{e4}", "/%C3%A4", false);
    }

    #[test]
    fn groups_of_one_name_are_one() {
        let text = "User-agent: a\nUser-agent: ThreadBare/1.0\nDisallow: /x\n\n\
                    User-agent: *\nDisallow: /\n\nSitemap: http://h/s.xml\n\
                    User-agent: threadbare\nCrawl-delay: 0.5\nDisallow: /y\n";
        let robots = Robots::parse(text.as_bytes(), "threadbare");
        assert!(!robots.allows("/x") && !robots.allows("/y") && robots.allows("/z"));
        assert_eq!(robots.delay(), Some(Duration::from_millis(500)));
        assert_eq!(robots.sitemaps(), ["http://h/s.xml"]);
        assert!(!Robots::parse(text.as_bytes(), "other").allows("/z"));
    }

    #[test]
    fn a_group_of_ours_without_rules_frees_us() {
        assert!(allows("User-agent: *\nDisallow: /\nUser-agent: threadbare\n", "/x"));
        assert!(allows("Disallow: /\n", "/x"), "a rule outside all groups");
    }

    #[test]
    fn unreachable_means_no() {
        assert!(!Robots::disallow_all().allows("/x") && Robots::allow_all().allows("/x"));
    }

    /// What `*` and `$` mean, written the slow way.
    fn slow(pattern: &[u8], path: &[u8], to_the_end: bool) -> bool {
        match pattern.first() {
            None => !to_the_end || path.is_empty(),
            Some(b'*') => (0..=path.len()).any(|n| slow(&pattern[1..], &path[n..], to_the_end)),
            Some(c) => path.first() == Some(c) && slow(&pattern[1..], &path[1..], to_the_end),
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in any::<Vec<u8>>(), path in "/\\PC*") {
            _ = Robots::parse(&text, "threadbare").allows(&path);
        }

        #[test]
        fn patterns_match_as_they_should(
            pattern in "/[ab*]{0,6}", path in "/[ab]{0,8}", to_the_end: bool,
        ) {
            let rule = Rule { allow: true, pattern: pattern.clone(), to_the_end };
            prop_assert_eq!(rule.matches(&path), slow(pattern.as_bytes(), path.as_bytes(), to_the_end));
        }
    }
}
