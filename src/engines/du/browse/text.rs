//! The texts that replace the list: help, facts about an entry, errors, and the question before
//! deleting.

use super::browser::Browser;

use super::plan::DeletePlan;
use super::record::NodeKind;
use super::store::Sums;
use crate::engines::du::size::Unit;
use crate::fs::walk::Time;
use crate::text::printable::Escaped;

/// Names that the question before deleting lists.
const N_NAMES_MAX: usize = 100;

/// The age of a file, in the largest unit of which there is at least one.
pub(super) fn age(mtime: Option<i64>, now: i64) -> String {
    let Some(mtime) = mtime else { return "-".to_owned() };
    let seconds = now.saturating_sub(mtime).max(0);
    let units = [(31_556_952, "y"), (2_629_746, "mo"), (86_400, "d"), (3_600, "h"), (60, "min")];
    let unit = units.iter().find(|(length, _)| seconds >= *length);
    let (length, name) = unit.copied().unwrap_or((1, "s"));
    format!("{}{name}", seconds / length)
}

pub(super) fn help_text() -> Vec<String> {
    let lines = "\
Moving
 ↑ ↓ k j      up, down
 PgUp PgDn    a screen up, down
 Home End g G first, last
 ↵ → l        enter a directory
 ← ⌫ h        back
Sorting (again: reversed)
 s  size      n  name
 c  count     m  time
 t  directories first, or not
 a  disk space or lengths
 /  filter: part of a name, or *.o
 Esc          no filter
Deleting
 space  mark  u  unmark all
 d  delete what is marked, or the
    selected entry; asks first
Other
 i  about the entry
 e  errors
 r  scan this directory again
 ?  help      q  quit
Flags before sizes
 *  marked
 !  not readable   .  nor some below
 H  hard links: counts once a directory
 >  other file system, mount point
 @  no regular file
 <  excluded       e  empty";
    lines.lines().map(str::to_owned).collect()
}

pub(super) fn error_text(browser: &Browser) -> Vec<String> {
    let mut lines: Vec<String> =
        browser.errors.iter().map(|error| Escaped(&error.to_string()).to_string()).collect();
    if browser.n_saved_errors > 0 {
        let n = browser.n_saved_errors;
        lines.push(format!("errors of the saved scan, see the entries marked with !: {n}"));
    }
    if lines.is_empty() {
        lines.push("no errors".to_owned());
    }
    lines
}

/// Facts about the selected entry.
pub(super) fn info_text(browser: &Browser, now: i64) -> Vec<String> {
    let Some(node) = browser.selected_node() else { return Vec::new() };
    let store = &browser.store;
    let (attributes, sums) = (store.attributes(node), store.sums(node));
    let path = store.path(node);
    let path = path.display().to_string();
    let kind = match attributes.kind {
        NodeKind::Dir if store.is_mount(node) => "directory, mount point",
        NodeKind::Dir => "directory",
        NodeKind::File => "regular file",
        NodeKind::Special => "no regular file",
        NodeKind::OtherDevice => "directory on another file system",
        NodeKind::Excluded => "excluded",
        NodeKind::Unreadable => "not readable",
    };
    let bytes = |n: u64| {
        let human = Unit::HUMAN.format(n, &browser.options.numbers);
        format!("{human} ({} bytes)", browser.options.numbers.group(&n.to_string()))
    };
    let mut lines = vec![
        Escaped(&path).to_string(),
        String::new(),
        format!("kind      {kind}"),
        format!("disk      {}", bytes(sums.disk_bytes())),
        format!("apparent  {}", bytes(sums.n_bytes)),
    ];
    if store.dir(node).is_some() {
        let own = Sums { n_blocks: attributes.n_blocks, ..Sums::ZERO };
        lines.push(format!("itself    {}", bytes(own.disk_bytes())));
        lines.push(format!("items     {}", sums.n_items));
        lines.push(format!("errors    {}", sums.n_errors));
    }
    if let Some((_, n_links)) = store.link_group(node) {
        lines.push(format!("links     {n_links}"));
    }
    if let Some(secs) = attributes.mtime {
        let style = browser.options.time_style.as_ref();
        let date = style.map_or(String::new(), |style| style.format(Time { secs, nanos: 0 }));
        lines.push(format!("modified  {date} ({} ago)", age(Some(secs), now)));
    }
    if attributes.id != (0, 0) {
        lines.push(format!("device    {}", attributes.id.0));
        lines.push(format!("inode     {}", attributes.id.1));
    }
    lines
}

/// The question before deleting: what, and how much.
pub(super) fn confirm_text(browser: &Browser, plan: &DeletePlan) -> Vec<String> {
    let (store, numbers) = (&browser.store, &browser.options.numbers);
    let human = |n: u64| Unit::HUMAN.format(n, numbers);
    let (sums, n_free) = plan.amount(store);
    let n_targets = plan.targets.len();
    let items = numbers.group(&sums.n_items.to_string());
    let noun = if sums.n_items == 1 { "item" } else { "items" };
    let mut lines = vec![
        format!("Delete {items} {noun}, {} on disk?", human(sums.disk_bytes())),
        match n_free {
            n if n == sums.disk_bytes() => String::new(),
            n => format!("Hard links elsewhere keep data: {} becomes free.", human(n)),
        },
    ];
    for target in plan.targets.iter().take(N_NAMES_MAX) {
        let Some(step) = target.steps.first() else { continue };
        let size = human(store.sums(step.node).disk_bytes());
        let path = store.path(step.node).display().to_string();
        let slash = if store.dir(step.node).is_some() { "/" } else { "" };
        lines.push(format!("{size:>6} {}{slash}", Escaped(&path)));
    }
    if n_targets > N_NAMES_MAX {
        lines.push(format!("and {} more", n_targets - N_NAMES_MAX));
    }
    lines
}
