//! Resolves the links of a page: each URL once, and only those in scope.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::fragments;
use super::links::{Link, LinkKind, Links, Target};
use super::scope::{Role, Scope};
use crate::web::html::Category;
use crate::web::urls::{self, Base, NotFetched};

/// Maximum number of links of one page that are kept.
pub(super) const LINKS_MAX: usize = 200_000;

/// The links of a page that are followed or kept.
pub(super) struct Resolved {
    pub(super) links: Links,
    /// The number of each among the links that they were resolved from.
    pub(super) sources: Vec<usize>,
    /// The number of links that are too long to follow.
    pub(super) n_too_long: usize,
}

/// The links of a page that are followed or kept, each once. Assets are followed as `asset_role`.
pub(super) fn resolve<'t>(
    links: impl Iterator<Item = (&'t str, Category)>,
    base: &Base,
    scope: &Scope,
    asset_role: Role,
) -> Resolved {
    let mut resolver = Resolver {
        base,
        scope,
        asset_role,
        is_base_in_scope: scope.contains_host(base.url()),
        targets: HashMap::default(),
        numbers: HashMap::default(),
        outside: HashSet::default(),
        n_too_long: 0,
    };
    let mut seen = HashSet::with_hasher(RandomState::default());
    let links = links.enumerate();
    let links = links.filter_map(|(n, (text, category))| Some((n, resolver.link(text, category)?)));
    let links = links.filter(|(_, link)| seen.insert(link.clone()));
    let (sources, links) = links
        .map(|(n, (target, category, fragment))| (n, link(target, category, fragment)))
        .unzip();
    let links = Links { targets: resolver.targets_in_order(), links, places: Vec::new() };
    Resolved { links, sources, n_too_long: resolver.n_too_long }
}

/// The target of a redirect from `base`, if it is in scope in that role or kept, and its URL with
/// fragment. `None` if it is no URL.
pub(super) fn redirect(
    location: &str,
    base: &Base,
    scope: &Scope,
    role: Role,
) -> Option<(Links, String)> {
    let url = urls::resolve(base.url(), location).ok()?;
    let text = url.to_string();
    let fragment = url
        .fragment()
        .map(|fragment| fragments::without_directive(fragment).unwrap_or_default().into());
    let is_in_scope = scope.contains_as(&url, role);
    let target = target(urls::without_fragment(url), !is_in_scope);
    let links = if is_in_scope || scope.keeps_outside(&target.url) {
        let link = Link { target: 0, kind: LinkKind::Redirect, fragment };
        Links { targets: vec![target], links: vec![link], ..Links::default() }
    } else {
        Links::default()
    };
    Some((links, text))
}

fn target(url: String, is_outside: bool) -> Target {
    let key = urls::key(&url);
    Target { key: (key != url).then(|| key.into_owned()), url, is_outside }
}

/// The number of a target, and what leads to it.
type ResolvedLink<'t> = (u32, Category, Option<Cow<'t, str>>);

struct Resolver<'a, 't> {
    base: &'a Base,
    scope: &'a Scope,
    asset_role: Role,
    is_base_in_scope: bool,
    /// The numbers of the URLs met so far.
    targets: HashMap<String, u32, RandomState>,
    /// The number of the URL that a link's text stands for, without fragment; `None` if it is not
    /// followed. Pages repeat their links.
    numbers: HashMap<(&'t str, Category), Option<u32>, RandomState>,
    /// The numbers of the URLs out of scope.
    outside: HashSet<u32, RandomState>,
    n_too_long: usize,
}

impl<'t> Resolver<'_, 't> {
    fn link(&mut self, text: &'t str, category: Category) -> Option<ResolvedLink<'t>> {
        let (text, fragment) = match plain_fragment(text) {
            Some((text, fragment)) => (text, fragments::without_directive(fragment)),
            None if memchr::memchr(b'#', text.as_bytes()).is_some() => {
                return self.unusual(text, category);
            }
            None => (text, None),
        };
        let fragment = fragment.filter(|_| category == Category::Page);
        let number = if let Some(&number) = self.numbers.get(&(text, category)) {
            number
        } else {
            let number = self.number(text, self.role(category));
            self.numbers.insert((text, category), number);
            number
        };
        Some((number?, category, fragment.map(Cow::Borrowed)))
    }

    /// A link whose fragment has characters that the URL standard encodes or removes.
    fn unusual(&mut self, text: &str, category: Category) -> Option<ResolvedLink<'t>> {
        let url = self.counted(urls::resolve(self.base.url(), text))?;
        let is_in_scope = self.scope.contains_as(&url, self.role(category));
        let fragment = url.fragment().filter(|_| category == Category::Page);
        let fragment = fragment.and_then(fragments::without_directive).map(str::to_owned);
        let number = self.kept(urls::without_fragment(url), is_in_scope)?;
        Some((number, category, fragment.map(Cow::Owned)))
    }

    fn role(&self, category: Category) -> Role {
        if category == Category::Asset { self.asset_role } else { Role::Page }
    }

    /// The number of the URL that a text without fragment stands for, if it is followed.
    fn number(&mut self, text: &str, role: Role) -> Option<u32> {
        if let Some(url) = self.base.join_plain(text) {
            let is_in_scope = self.is_base_in_scope && self.scope.contains_text(&url, role);
            return self.kept(url, is_in_scope);
        }
        let url = self.counted(urls::resolve(self.base.url(), text))?;
        let is_in_scope = self.scope.contains_as(&url, role);
        self.kept(urls::without_fragment(url), is_in_scope)
    }

    /// The number of a URL, if links to it are kept.
    fn kept(&mut self, url: String, is_in_scope: bool) -> Option<u32> {
        if is_in_scope {
            return Some(self.target_number(url));
        }
        let is_kept = self.scope.keeps_outside(&url);
        let number = is_kept.then(|| self.target_number(url));
        self.outside.extend(number);
        number
    }

    fn counted<T>(&mut self, url: Result<T, NotFetched>) -> Option<T> {
        self.n_too_long += usize::from(matches!(url, Err(NotFetched::TooLong)));
        url.ok()
    }

    fn target_number(&mut self, url: String) -> u32 {
        let next = u32::try_from(self.targets.len()).expect("no page has so many links");
        *self.targets.entry(url).or_insert(next)
    }

    fn targets_in_order(&mut self) -> Vec<Target> {
        let mut numbered: Vec<(String, u32)> =
            std::mem::take(&mut self.targets).into_iter().collect();
        numbered.sort_unstable_by_key(|(_, number)| *number);
        let is_outside = |number: u32| self.outside.contains(&number);
        numbered.into_iter().map(|(url, number)| target(url, is_outside(number))).collect()
    }
}

fn link(target: u32, category: Category, fragment: Option<Cow<'_, str>>) -> Link {
    match category {
        Category::Page => Link { target, kind: LinkKind::Page, fragment: fragment.map(Box::from) },
        Category::Asset => Link { target, kind: LinkKind::Asset, fragment: None },
    }
}

/// A link's text before the `#`, and its fragment, if a URL's parser would leave both as they are.
fn plain_fragment(text: &str) -> Option<(&str, &str)> {
    let at = memchr::memchr(b'#', text.as_bytes())?;
    let (before, fragment) = (&text[..at], &text[at + 1..]);
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>`".contains(&byte);
    let is_trimmed = before.bytes().next_back().is_none_or(|byte| byte > b' ');
    (is_trimmed && fragment.bytes().all(is_plain)).then_some((before, fragment))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::crawl::options::ScopeOptions;
    use proptest::prelude::*;
    use url::Url;

    fn resolved(texts: &[&str]) -> Vec<(String, Option<String>)> {
        let base = Base::new(Url::parse("http://host/dir/page?q").unwrap());
        let scope = Scope::new(&["http://host/".to_owned()], &ScopeOptions::default());
        let links = texts.iter().map(|&text| (text, Category::Page));
        let Links { targets, links, .. } = resolve(links, &base, &scope, Role::Page).links;
        let url = |link: &Link| targets[link.target as usize].url.clone();
        links.iter().map(|link| (url(link), link.fragment.as_deref().map(str::to_owned))).collect()
    }

    #[test]
    fn links_are_resolved_once() {
        let url = |path: &str| format!("http://host{path}");
        assert_eq!(
            resolved(&["a", "./a", "a#x", "a#x", "#y", "#", "mailto:b", "//other/", "b #z"]),
            [
                (url("/dir/a"), None),
                (url("/dir/a"), Some("x".to_owned())),
                (url("/dir/page?q"), Some("y".to_owned())),
                (url("/dir/page?q"), None),
                (url("/dir/b%20"), Some("z".to_owned())),
            ]
        );
        assert_eq!(resolved(&["#a b"])[0].1.as_deref(), Some("a%20b"));
        assert_eq!(resolved(&["#a%3Cb:~:text=c"])[0].1.as_deref(), Some("a%3Cb"));
        assert_eq!(resolved(&["#:~:text=c"])[0].1, None);
    }

    proptest! {
        #[test]
        fn links_lead_where_the_url_standard_says(
            text in "(\\.{0,2}|[a-z]|/|[#?:%\"<> \t\u{e4}]|%2e|~:){0,8}",
        ) {
            let base = Url::parse("http://host/dir/page?q").unwrap();
            let expected = base.join(&text).ok().filter(|url| url.host_str() == Some("host") && url.port().is_none());
            let expected = expected.filter(|url| matches!(url.scheme(), "http" | "https")).map(|url| {
                let fragment = url.fragment().and_then(fragments::without_directive).map(str::to_owned);
                (urls::without_fragment(url), fragment)
            });
            prop_assert_eq!(resolved(&[&text]).pop(), expected);
        }
    }
}
