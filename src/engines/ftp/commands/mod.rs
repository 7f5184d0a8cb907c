//! The commands of the protocol: the table of verbs, and the handlers by subject.

mod arg;
mod attempt;
mod command;
mod files;
mod info;
mod login;
mod settings;
mod transfers;
mod verbs;

pub(super) use command::{Command, ParseError, run};
pub(super) use verbs::Interrupt;
