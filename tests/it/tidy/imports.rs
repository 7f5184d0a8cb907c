//! Imports point down the floors, and no two files import each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{FLOORS, sources};

/// A module's path from the crate root; programs count as modules of `bin` and `book`.
type Module = Vec<String>;

/// Every source file of `src/` by its module, and the modules that it imports from.
struct Imports {
    files: BTreeMap<Module, PathBuf>,
    imported_by: BTreeMap<Module, BTreeSet<Module>>,
}

impl Imports {
    fn read() -> Self {
        let sources = sources("src");
        let files: BTreeMap<Module, PathBuf> =
            sources.keys().map(|path| (module(path), path.clone())).collect();
        let imported = |(path, text): (&PathBuf, &String)| {
            let own = module(path);
            let paths = paths(&without_comments_and_tests(text), &own, &files);
            let mut found: BTreeSet<Module> =
                paths.iter().filter_map(|path| file_of(path, &files)).collect();
            found.remove(&own);
            (own, found)
        };
        let imported_by = sources.iter().map(imported).collect();
        Imports { files, imported_by }
    }
}

/// `src/net/conn.rs` is `net::conn`, `src/net/mod.rs` is `net`, `src/lib.rs` is the root.
fn module(path: &Path) -> Module {
    let path = path.strip_prefix("src").unwrap().with_extension("");
    let mut parts: Module = path.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    parts.pop_if(|last| matches!(last.as_str(), "mod" | "lib"));
    parts
}

/// The module whose file holds what `path` names: the longest prefix that is a file.
fn file_of(path: &[String], files: &BTreeMap<Module, PathBuf>) -> Option<Module> {
    let lengths = (1..=path.len()).rev();
    lengths.map(|n| path[..n].to_vec()).find(|prefix| files.contains_key(prefix))
}

/// Unit tests may use their neighbours' helpers; they stand at the end of a file.
fn without_comments_and_tests(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let code = code.split("#[cfg(test)]\npub").next().unwrap();
    let lines = code.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

/// Every path in `code` that begins at the crate, at a parent, or at a child module of `own`.
fn paths(code: &str, own: &Module, files: &BTreeMap<Module, PathBuf>) -> Vec<Module> {
    let mut found = Vec::new();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut rest = code;
    while let Some(start) = rest.find(is_word) {
        let before = rest[..start].chars().next_back();
        rest = &rest[start..];
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        rest = tail;
        let is_inside = matches!(before, Some(':' | '.' | '$' | '\''));
        if is_inside || !tail.starts_with("::") {
            continue;
        }
        if let Some(base) = base(word, own, files) {
            rest = expand(tail, base, own, &mut found);
        }
    }
    found
}

/// The module that the first word of a path means, if it is one of this crate.
fn base(word: &str, own: &Module, files: &BTreeMap<Module, PathBuf>) -> Option<Module> {
    let child = [own.as_slice(), &[word.to_owned()]].concat();
    match word {
        "crate" | "threadbare" => Some(Vec::new()),
        "super" => Some(own[..own.len() - 1].to_vec()),
        "self" => Some(own.clone()),
        _ if files.contains_key(&child) => Some(child),
        _ => None,
    }
}

/// Follows `::a::{b, c::d}` from `base`, collects every path, and returns the text behind.
fn expand<'t>(text: &'t str, base: Module, own: &Module, found: &mut Vec<Module>) -> &'t str {
    let Some(rest) = text.strip_prefix("::") else {
        found.push(base);
        return text;
    };
    if let Some(mut rest) = rest.strip_prefix('{') {
        loop {
            rest = rest.trim_start();
            if let Some(rest) = rest.strip_prefix('}') {
                return rest;
            }
            rest = step(rest, base.clone(), own, found).trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest);
        }
    }
    step(rest, base, own, found)
}

/// Takes one word of a path.
fn step<'t>(text: &'t str, mut base: Module, own: &Module, found: &mut Vec<Module>) -> &'t str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    match word {
        "super" => _ = base.pop(),
        "self" | "" => {}
        word => base.push(word.to_owned()),
    }
    let rest = if word.is_empty() { rest.strip_prefix(['*', '<']).unwrap_or(rest) } else { rest };
    let rest = rest
        .strip_prefix(" as ")
        .map_or(rest, |rest| rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'));
    if rest.len() == text.len() {
        found.push(base);
        return &rest[rest.chars().next().map_or(0, char::len_utf8)..]; // no path: go on behind it
    }
    expand(rest, base, own, found)
}

#[test]
fn paths_are_found_in_code() {
    let module = |text: &str| text.split("::").map(str::to_owned).collect::<Module>();
    let names = ["net", "net::conn", "net::lines", "threads", "engines::chat", "engines::chat::id"];
    let files = names.iter().map(|name| (module(name), PathBuf::new())).collect();
    let check = |own: &str, code: &str, expected: &[&str]| {
        let found = paths(code, &module(own), &files);
        let found: BTreeSet<_> = found.iter().filter_map(|path| file_of(path, &files)).collect();
        assert_eq!(found, expected.iter().map(|name| module(name)).collect(), "{code}");
    };
    check("net::lines", "use super::conn::{Conn, sent};", &["net::conn"]);
    check("net::lines", "use super::{LINE_MAX, conn::Conn};", &["net", "net::conn"]);
    check("net", "pub use conn::Conn;\npub use lines::Lines as L;", &["net::conn", "net::lines"]);
    check(
        "engines::chat",
        "use crate::{net::{self, conn::{Conn}}, threads};",
        &["net", "net::conn", "threads"],
    );
    check(
        "engines::chat::id",
        "let a = super::run(crate::threads::spawn);",
        &["engines::chat", "threads"],
    );
    check("engines::chat", "use std::net::{TcpStream}; let x = id::new();", &["engines::chat::id"]);
}

#[test]
fn imports_point_down_the_floors() {
    let imports = Imports::read();
    for (module, imported) in &imports.imported_by {
        let Some(folder) = module.first() else { continue }; // lib.rs
        let (_, allowed) = FLOORS
            .iter()
            .find(|(floor, _)| floor == folder)
            .unwrap_or_else(|| panic!("src/{folder} is on no floor: add it to FLOORS"));
        for theirs in imported {
            let is_inside = theirs[0] == *folder && folder != "engines";
            let is_own_engine = folder == "engines"
                && theirs[..2.min(theirs.len())] == module[..2.min(module.len())];
            assert!(
                is_inside || is_own_engine || allowed.contains(&theirs[0].as_str()),
                "{} imports {}",
                module.join("::"),
                theirs.join("::")
            );
        }
    }
}

#[test]
fn no_files_import_each_other() {
    let imports = Imports::read();
    let circles: Vec<String> = circles(&imports.imported_by);
    assert!(circles.is_empty(), "{} import circles:\n{}", circles.len(), circles.join("\n"));
    assert!(imports.files.len() > 200, "files were found");
}

/// Groups of modules that reach each other, in words.
fn circles(imported_by: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<String> {
    let reach: BTreeMap<&Module, BTreeSet<&Module>> =
        imported_by.keys().map(|module| (module, reachable(module, imported_by))).collect();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for (module, reached) in &reach {
        let circle: BTreeSet<&&Module> = reached
            .iter()
            .filter(|other| reach.get(**other).is_some_and(|back| back.contains(*module)))
            .collect();
        if reached.contains(*module) && seen.insert(circle.clone()) {
            let names: Vec<String> = circle.iter().map(|module| module.join("::")).collect();
            found.push(names.join(" <-> "));
        }
    }
    found
}

fn reachable<'a>(
    from: &Module,
    imported_by: &'a BTreeMap<Module, BTreeSet<Module>>,
) -> BTreeSet<&'a Module> {
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<&Module> = imported_by.get(from).into_iter().flatten().collect();
    while let Some(module) = waiting.pop() {
        if reached.insert(module) {
            waiting.extend(imported_by.get(module).into_iter().flatten());
        }
    }
    reached
}
