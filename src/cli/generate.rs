//! `--generate`: the manual page of a tool and completions for shells, made from its arguments.

use std::io::Write;

use anyhow::Context;
use clap::{Arg, ArgMatches, Command};
use clap_complete::Shell;
use clap_mangen::Man;

use super::stdio::{program, stdout};

const ID: &str = "generate";

/// The flag `--generate`, which needs none of the tool's required arguments.
pub(super) fn flag() -> Arg {
    Arg::new(ID)
        .long(ID)
        .value_name("KIND")
        .value_parser(["man", "bash", "zsh", "fish"])
        .exclusive(true)
        .help("Print the manual page or the completions for a shell")
}

/// What the user wants to be generated, if anything.
pub(super) fn kind(matches: &ArgMatches) -> Option<&String> {
    matches.get_one(ID)
}

/// Prints the manual page of `command`, or its completions for the shell named `kind`.
pub(super) fn print(kind: &str, mut command: Command) -> anyhow::Result<()> {
    command.build();
    let text = match kind {
        "man" => manual(&command)?,
        shell => completions(shell, &mut command)?,
    };
    Ok(stdout().write_all(&text)?)
}

fn completions(shell: &str, command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let shell: Shell = shell.parse().ok().with_context(|| format!("{shell}: unknown shell"))?;
    let mut script = Vec::new();
    clap_complete::generate(shell, command, program(), &mut script);
    Ok(script)
}

/// One page for the whole tool: a section for each subcommand follows the tool's own.
fn manual(command: &Command) -> anyhow::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = Man::new(command.clone()).manual("threadbare");
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    sections(&man, &mut page)?;
    for subcommand in command.get_subcommands().filter(|command| command.get_name() != "help") {
        let name = format!("{} {}", program(), subcommand.get_name());
        writeln!(page, ".SH \"{}\"", name.to_uppercase())?;
        let mut text = Vec::new();
        sections(&Man::new(without_global_flags(subcommand)), &mut text)?;
        page.extend(String::from_utf8(text)?.replace(".SH ", ".SS ").bytes());
    }
    Ok(page)
}

fn sections(man: &Man, page: &mut Vec<u8>) -> std::io::Result<()> {
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)
}

/// The flags that a subcommand shares with the tool stand in the tool's own section.
fn without_global_flags(command: &Command) -> Command {
    command.clone().mut_args(|arg| if arg.is_global_set() { arg.hide(true) } else { arg })
}
