//! What the environment says about numbers and colours.

use std::env;
use std::io::{IsTerminal, stdout};

use threadbare::machine::locale::NumberFormat;

/// How the user's locale writes numbers.
pub(crate) fn number_format() -> NumberFormat {
    NumberFormat::from_environment(|name| env::var(name).ok())
}

/// Whether stdout is a terminal that may be sent colours.
pub(crate) fn has_colors() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
    stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb
}
