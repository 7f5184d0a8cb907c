//! Which links are followed.

use std::collections::HashSet;
use std::sync::Arc;

use url::Url;

use super::folder::Folder;
use super::options::ScopeOptions;
use crate::web::urls;

/// What a URL is followed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Page,
    /// An image, script or style sheet, which a page needs wherever it is.
    Requisite,
}

/// Decides which URLs are followed in a crawl.
#[derive(Debug)]
pub struct Scope {
    hosts: HashSet<String>,
    /// Prefixes, if only URLs below a start URL are followed.
    below: Vec<String>,
    options: ScopeOptions,
    /// Whether URLs out of scope are kept, to be checked.
    keeps_outside: bool,
    /// The folder that is crawled, if one is.
    folder: Option<Arc<Folder>>,
}

impl Scope {
    /// The scope of a crawl from the URLs `starts`.
    #[must_use]
    pub fn new(starts: &[String], options: &ScopeOptions) -> Self {
        let starts: Vec<Url> = starts.iter().filter_map(|url| Url::parse(url).ok()).collect();
        let more = options.hosts.iter().map(|host| host.to_ascii_lowercase());
        let hosts = starts.iter().map(host).chain(more).collect();
        let below = starts.iter().filter(|_| options.below).map(folder).collect();
        let options = options.clone();
        Scope { hosts, below, options, keeps_outside: false, folder: None }
    }

    /// The same scope, where links to URLs outside are kept if `keeps_outside`.
    pub(super) fn with_outside(self, keeps_outside: bool) -> Self {
        Scope { keeps_outside, ..self }
    }

    /// Whether a link to a URL that is not followed is kept, so that it can be checked.
    pub(super) fn keeps_outside(&self, url: &str) -> bool {
        self.keeps_outside && self.is_selected(url)
    }

    /// The same scope, less what is on the host of `folder` but not in it.
    pub(super) fn in_folder(self, folder: Option<Arc<Folder>>) -> Self {
        Scope { folder, ..self }
    }

    /// Whether `url` is followed as a page.
    #[must_use]
    pub fn contains(&self, url: &Url) -> bool {
        self.contains_as(url, Role::Page)
    }

    pub(super) fn contains_as(&self, url: &Url, role: Role) -> bool {
        self.contains_host(url) && self.contains_text(url.as_str(), role)
    }

    /// Whether URLs of that host may be followed.
    pub(super) fn contains_host(&self, url: &Url) -> bool {
        self.options.span || self.hosts.contains(&host(url))
    }

    /// Whether a URL whose host is in scope is followed, as far as its text decides.
    pub(super) fn contains_text(&self, url: &str, role: Role) -> bool {
        let is_below = |below: &String| url.starts_with(below);
        let is_anywhere = self.below.is_empty() || role == Role::Requisite;
        (is_anywhere || self.below.iter().any(is_below)) && self.is_selected(url)
    }

    /// Whether the options select a URL: its patterns do, and it is not left to a folder's server.
    fn is_selected(&self, url: &str) -> bool {
        let ScopeOptions { include, exclude, .. } = &self.options;
        !self.folder.as_ref().is_some_and(|folder| folder.excludes(url))
            && (include.is_empty() || include.iter().any(|regex| regex.is_match(url)))
            && !exclude.iter().any(|regex| regex.is_match(url))
    }
}

/// The origins of the start URLs, and of their secure variants: those to which a start URL's headers
/// may be sent.
pub(super) fn origins(starts: &[String]) -> Vec<String> {
    let secure = |origin: &str| {
        let host = origin.strip_prefix("http://").filter(|host| !has_port(host))?;
        Some(format!("https://{host}"))
    };
    let origins = starts.iter().map(|start| urls::origin(start));
    origins.flat_map(|origin| [Some(origin.to_owned()), secure(origin)]).flatten().collect()
}

fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Host and port. http and https of one host are one site, so default ports are left out.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The URL up to the last slash of its path.
fn folder(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let text = url.as_str();
    text[..=text.rfind('/').unwrap_or(text.len() - 1)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Regex;

    fn check(options: &ScopeOptions, url: &str, expected: bool) {
        let scope = Scope::new(&["http://host/dir/page?a/b".to_owned()], options);
        assert_eq!(scope.contains(&Url::parse(url).unwrap()), expected, "{options:?} {url}");
    }

    #[test]
    fn headers_are_sent_to_the_start_and_its_secure_variant() {
        let origins = |start: &str| origins(&[start.to_owned()]);
        assert_eq!(origins("http://h/a"), ["http://h", "https://h"]);
        assert_eq!(origins("http://h:81/a"), ["http://h:81"]);
        assert_eq!(origins("http://[::1]/"), ["http://[::1]", "https://[::1]"]);
        assert_eq!(origins("https://h/a"), ["https://h"], "not in clear text");
    }

    #[test]
    fn hosts_folders_and_patterns() {
        let default = ScopeOptions::default();
        check(&default, "http://host/x", true);
        check(&default, "https://host/x", true);
        check(&default, "http://host:8080/x", false);
        check(&default, "http://other/", false);
        check(&default, "http://host.other/", false);
        let below = ScopeOptions { below: true, ..default.clone() };
        check(&below, "http://host/dir/x", true);
        check(&below, "http://host/direct", false);
        let scope = Scope::new(&["http://host/dir/".to_owned()], &below);
        let image = Url::parse("http://host/image").unwrap();
        assert!(scope.contains_as(&image, Role::Requisite) && !scope.contains(&image));
        let hosts = ScopeOptions { hosts: vec!["Other:81".to_owned()], ..default.clone() };
        check(&hosts, "http://other:81/", true);
        check(&hosts, "http://other/", false);
        check(&ScopeOptions { span: true, ..default.clone() }, "http://other/", true);
        let regex = |text: &str| vec![Regex::new(text).unwrap()];
        let some = ScopeOptions { include: regex("/a"), exclude: regex("b$"), ..default };
        check(&some, "http://host/a", true);
        check(&some, "http://host/ab", false);
        check(&some, "http://host/c", false);
    }

    #[test]
    fn patterns_select_outside_urls_too() {
        let regex = |text: &str| vec![Regex::new(text).unwrap()];
        let options = ScopeOptions { exclude: regex("b$"), ..ScopeOptions::default() };
        let scope = |keeps: bool| Scope::new(&[], &options).with_outside(keeps);
        assert!(scope(true).keeps_outside("http://other/a"));
        assert!(!scope(true).keeps_outside("http://other/b"));
        assert!(!scope(false).keeps_outside("http://other/a"));
    }
}
