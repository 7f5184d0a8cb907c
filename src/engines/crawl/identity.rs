//! The options that decide which URLs a crawl reaches, as text: two runs can be compared.

use super::options::{Options, ScopeOptions};

/// Start URLs and options by their names, in a fixed order. Those that decide only how and how fast
/// requests are made are not among them.
pub(super) fn identity(starts: &[String], options: &Options) -> Vec<(&'static str, String)> {
    let ScopeOptions { below, hosts, span, include, exclude } = &options.scope;
    let patterns =
        |all: &[regex::Regex]| all.iter().map(regex::Regex::as_str).collect::<Vec<_>>().join(" ");
    vec![
        ("start URLs", starts.join(" ")),
        ("--depth", options.depth.map_or_else(|| "none".to_owned(), |depth| depth.to_string())),
        ("--max-pages", options.pages_max.to_string()),
        ("--assets", options.assets.to_string()),
        ("--no-robots", (!options.robots).to_string()),
        ("--sitemap", options.sitemap.to_string()),
        ("--below", below.to_string()),
        ("--hosts", hosts.join(" ")),
        ("--span", span.to_string()),
        ("--include", patterns(include)),
        ("--exclude", patterns(exclude)),
        ("check", options.keep_links.to_string()),
        ("--external", options.outside.is_some().to_string()),
        ("--accept", format!("{:?}", options.accepted)),
        ("--format other than text", options.keep_places.to_string()),
        ("--max-body", options.fetch.body_max.to_string()),
        ("--user-agent", options.fetch.user_agent.clone()),
        // Their values may be passwords, and the text is stored.
        (
            "--header",
            options.fetch.headers.iter().map(|(name, _)| &**name).collect::<Vec<_>>().join(" "),
        ),
    ]
}

/// The same as one text.
pub(super) fn text(starts: &[String], options: &Options) -> String {
    let lines = identity(starts, options).into_iter();
    let lines: Vec<String> = lines.map(|(name, value)| format!("{name}={value}\n")).collect();
    lines.concat()
}
