//! robots.txt (RFC 9309), read as Google's parser reads it.
//!
//! It differs from Google's in three ways. Escapes are compared by what they mean (RFC 9309, 2.2.2), so
//! `/%7Ejoe` and `/~joe` are one path, and `/%2f` and `/%2F`. `*` and `$` in a path are `%2A` and `%24` of
//! a rule (2.2.3). `Allow: /index.html` says nothing about `/`, and `/robots.txt` is always allowed. In
//! 80,000 random files without these, there was no other difference (2026-11-28).

use std::time::Duration;

use crate::web::percent;

/// How many bytes of a robots.txt are read (RFC 9309, 2.5).
pub const SIZE_MAX: u64 = 500 << 10;
/// The longest Crawl-delay obeyed; longer ones are shortened to this.
const DELAY_MAX: Duration = Duration::from_secs(30);

/// The rules of a robots.txt for one crawler.
///
/// ```
/// use threadbare::web::robots::Robots;
///
/// let text = b"User-agent: *\nDisallow: /private/\nAllow: /private/*.html$\nCrawl-delay: 2";
/// let robots = Robots::parse(text, "threadbare");
/// assert!(!robots.allows("/private/x") && robots.allows("/private/x.html"));
/// assert_eq!(robots.delay(), Some(std::time::Duration::from_secs(2)));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Robots {
    rules: Vec<Rule>,
    delay: Option<Duration>,
    sitemaps: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    allow: bool,
    /// In the form of [`normal`], without the `$` at its end.
    pattern: String,
    /// Whether the pattern has to match to the end of the path.
    is_anchored: bool,
    /// The number of octets of the rule as it was written, with characters outside ASCII encoded.
    n_octets: usize,
}

/// The rules of all groups for one crawler, or of all groups for every crawler.
#[derive(Default)]
struct Group {
    rules: Vec<Rule>,
    delay: Option<Duration>,
    /// Whether the file has such a group, though it may be empty.
    exists: bool,
}

/// What a line of a robots.txt is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    UserAgent,
    Allow,
    Disallow,
    CrawlDelay,
    Sitemap,
}

/// The beginnings of names, with the misspellings that Google's parser takes.
const KEYS: [(&str, Key); 14] = [
    ("user-agent", Key::UserAgent),
    ("useragent", Key::UserAgent),
    ("user agent", Key::UserAgent),
    ("allow", Key::Allow),
    ("disallow", Key::Disallow),
    ("dissallow", Key::Disallow),
    ("dissalow", Key::Disallow),
    ("disalow", Key::Disallow),
    ("diasllow", Key::Disallow),
    ("disallaw", Key::Disallow),
    ("crawl-delay", Key::CrawlDelay),
    ("crawldelay", Key::CrawlDelay),
    ("sitemap", Key::Sitemap),
    ("site-map", Key::Sitemap),
];

impl Robots {
    /// Rules that allow every path, as for a robots.txt that does not exist (RFC 9309, 2.3.1.3).
    #[must_use]
    pub fn allow_all() -> Self {
        Robots::default()
    }

    /// Parses `text` for the crawler with the product token `agent`.
    ///
    /// The rules are those of all groups that name it, or else of all groups for `*`.
    #[must_use]
    pub fn parse(text: &[u8], agent: &str) -> Self {
        let text = String::from_utf8_lossy(text);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let (mut ours, mut everyones, mut sitemaps) = (Group::default(), Group::default(), vec![]);
        let (mut in_ours, mut in_everyones, mut in_names) = (false, false, false);
        for (key, value) in text.split(['\r', '\n']).filter_map(line) {
            match key {
                Key::Sitemap => sitemaps.push(value.to_owned()), // sitemaps belong to no group
                Key::UserAgent => {
                    // Consecutive user-agent lines begin one group. Only a rule ends their sequence:
                    // other lines must not interfere (RFC 9309, 2.2.4).
                    (in_ours, in_everyones) = (in_names && in_ours, in_names && in_everyones);
                    in_ours |= product(value).eq_ignore_ascii_case(agent);
                    in_everyones |= is_everyone(value);
                    in_names = true;
                    ours.exists |= in_ours;
                }
                Key::Allow | Key::Disallow => in_names = false,
                Key::CrawlDelay => (),
            }
            if in_ours {
                ours.add(key, value);
            }
            if in_everyones {
                everyones.add(key, value);
            }
        }
        let Group { rules, delay, .. } = if ours.exists { ours } else { everyones };
        Robots { rules, delay, sitemaps }
    }

    /// Whether a path with its query may be fetched.
    ///
    /// The longest matching rule decides, and of two equally long rules the one that allows
    /// (RFC 9309, 2.2.2). Every octet of a rule counts, `*` and `$` included.
    #[must_use]
    pub fn allows(&self, path: &str) -> bool {
        if self.rules.is_empty() || path == "/robots.txt" {
            return true;
        }
        let path = normal(path).replace('*', "%2A");
        let matching = self.rules.iter().filter(|rule| rule.matches(&path));
        matching.max_by_key(|rule| (rule.n_octets, rule.allow)).is_none_or(|rule| rule.allow)
    }

    /// The minimum time between two requests (Crawl-delay), at most 30 s.
    #[must_use]
    pub fn delay(&self) -> Option<Duration> {
        self.delay
    }

    /// The URLs of the sitemaps.
    #[must_use]
    pub fn sitemaps(&self) -> &[String] {
        &self.sitemaps
    }
}

impl Group {
    fn add(&mut self, key: Key, value: &str) {
        match key {
            // An empty rule matches nothing.
            Key::Allow | Key::Disallow if !value.is_empty() => {
                self.rules.push(Rule::new(key == Key::Allow, value));
            }
            Key::CrawlDelay => {
                let seconds = value.parse().ok().map(|s: f64| s.min(DELAY_MAX.as_secs_f64()));
                let delay = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
                self.delay = self.delay.or(delay);
            }
            _ => (),
        }
    }
}

impl Rule {
    fn new(allow: bool, value: &str) -> Self {
        let unanchored = value.strip_suffix('$');
        Rule {
            allow,
            pattern: normal(unanchored.unwrap_or(value)),
            is_anchored: unanchored.is_some(),
            n_octets: value.bytes().map(|byte| if byte.is_ascii() { 1 } else { "%XX".len() }).sum(),
        }
    }

    /// Whether the pattern, in which `*` stands for any text, matches from the start of `path`.
    fn matches(&self, path: &str) -> bool {
        let mut pieces = self.pattern.split('*');
        let first = pieces.next().unwrap_or_default();
        let Some(mut rest) = path.strip_prefix(first) else { return false };
        let mut last = None;
        for piece in pieces {
            // The leftmost match leaves the most text for the pieces after it.
            let Some(at) = rest.find(piece) else { return false };
            rest = &rest[at + piece.len()..];
            last = Some(piece);
        }
        // If the path ends with the last piece, that could have been matched at the end.
        let ends = last.is_some_and(|piece| path.ends_with(piece));
        !self.is_anchored || rest.is_empty() || ends
    }
}

/// A path or pattern in the form in which they are compared: that of [`percent::normal`], with `$`
/// encoded, which has its meaning only at the end of a pattern.
fn normal(text: &str) -> String {
    percent::normal(text).replace('$', "%24")
}

/// The product token by which a robots.txt can name the crawler with this User-Agent header: its
/// first product, or the one after `compatible;`. `fallback` if it names none.
///
/// ```
/// use threadbare::web::robots::product_token;
///
/// assert_eq!(product_token("mybot/2.0 (+http://host/)", "threadbare"), "mybot");
/// assert_eq!(product_token("Mozilla/5.0 (compatible; mybot/2.0)", "threadbare"), "mybot");
/// ```
#[must_use]
pub fn product_token<'a>(user_agent: &'a str, fallback: &'a str) -> &'a str {
    let compatible = user_agent.split_once("compatible;").map(|(_, rest)| rest.trim_start());
    let token = product(compatible.unwrap_or(user_agent));
    if token.is_empty() { fallback } else { token }
}

/// The key of a line, and its value without comment. A colon may be missing if there is only one
/// word on each side.
fn line(line: &str) -> Option<(Key, &str)> {
    let line = line.split('#').next().unwrap_or_default().trim_ascii();
    let (name, value) = line.split_once(':').or_else(|| {
        let (name, value) = line.split_once([' ', '\t'])?;
        (!value.trim_ascii().contains([' ', '\t'])).then_some((name, value))
    })?;
    let name = name.trim_ascii();
    let begins = |beginning: &str| {
        name.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning))
    };
    let &(_, key) = KEYS.iter().find(|(beginning, _)| begins(beginning))?;
    Some((key, value.trim_ascii()))
}

/// The product token at the beginning of a user-agent value.
fn product(value: &str) -> &str {
    let end = value.find(|c: char| !c.is_ascii_alphabetic() && c != '-' && c != '_');
    &value[..end.unwrap_or(value.len())]
}

/// Whether a user-agent value means every crawler: `*`, whatever words follow.
fn is_everyone(value: &str) -> bool {
    value.strip_prefix('*').is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn allows(text: &str, path: &str) -> bool {
        Robots::parse(text.as_bytes(), "threadbare").allows(path)
    }

    #[test]
    fn the_longest_rule_decides() {
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
        // Every octet counts, `$` and `*` included (RFC 9309, 2.2.2): ahrefs.com, foursquare.com.
        check("Disallow: /*\nAllow: /$", "/", true);
        check("Disallow: /*\nAllow: /$", "/a", false);
        check("Disallow: /a*\nAllow: /a$", "/a", true);
        check("Disallow: /a\u{e4}\nAllow: /*****", "/a\u{e4}", false);
        // Special characters are compared encoded (RFC 9309, 2.2.3).
        check("Disallow: /a%2A.html", "/a*.html", false);
        check("Disallow: /a%2A.html", "/ab.html", true);
        check("Disallow: /a-%24", "/a-$", false);
        check("Disallow: /a$b", "/a$b", false);
        check("Disallow: /a$b", "/a%24b", false);
        check("Disallow: /a*b", "/a*b", false);
        // What Google's parser takes.
        check("Disallow /a", "/a", false);
        check("Disallow /a /b", "/a", true);
        check("dissalow: /a", "/a", false);
    }

    #[test]
    fn groups_with_the_same_name_are_merged() {
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
    fn lines_between_user_agents_do_not_end_the_group() {
        let text = "User-agent: threadbare\nUnknown: x\nSitemap: /s\nCrawl-delay: 1\nnonsense\n\
                    User-agent: other\nDisallow: /x\n";
        assert!(!allows(text, "/x"), "RFC 9309, 2.2.4");
        assert!(allows("User-agent: threadbare\nAllow: /\nUser-agent: other\nDisallow: /x", "/x"));
        assert!(!allows("User-agent: * and more\nDisallow: /x", "/x"));
        assert!(allows("User-agent: *nonsense\nDisallow: /x", "/x"));
    }

    #[test]
    fn an_empty_group_that_names_us_allows_everything() {
        assert!(allows("User-agent: *\nDisallow: /\nUser-agent: threadbare\n", "/x"));
        assert!(allows("Disallow: /\n", "/x"), "a rule outside all groups");
    }

    #[test]
    fn without_rules_every_path_is_allowed() {
        assert!(Robots::allow_all().allows("/x"));
    }

    /// What `*` and `$` mean, by trying every possibility.
    fn slow(pattern: &[u8], path: &[u8], is_anchored: bool) -> bool {
        match pattern.first() {
            None => !is_anchored || path.is_empty(),
            Some(b'*') => (0..=path.len()).any(|n| slow(&pattern[1..], &path[n..], is_anchored)),
            Some(c) => path.first() == Some(c) && slow(&pattern[1..], &path[1..], is_anchored),
        }
    }

    proptest! {
        #[test]
        fn rules_do_not_depend_on_spelling(
            text in "((user-agent|disallow|allow|crawl-delay): ?[*/$%.0-9a-f\u{e4}]{0,6}(\r|\n)|\\PC){0,12}",
            path in "/[%0-9a-f.\u{e4}]{0,8}",
        ) {
            let robots = Robots::parse(text.as_bytes(), "threadbare");
            prop_assert!(robots.allows("/robots.txt"));
            prop_assert_eq!(robots.allows(&path), robots.allows(&percent::normal(&path)));
            prop_assert!(robots.delay().is_none_or(|delay| delay <= DELAY_MAX));
        }

        #[test]
        fn patterns_match_as_they_should(
            pattern in "/[ab*]{0,6}", path in "/[ab]{0,8}", is_anchored: bool,
        ) {
            let rule = Rule { is_anchored, ..Rule::new(true, &pattern) };
            prop_assert_eq!(rule.matches(&path), slow(pattern.as_bytes(), path.as_bytes(), is_anchored));
        }
    }
}
