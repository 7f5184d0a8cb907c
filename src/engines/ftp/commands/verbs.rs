//! The table of verbs: for each its handler, when it may be used, and its line in FEAT.

use super::arg::Arg;
use super::{files, info, login, settings, transfers};
use crate::engines::ftp::outcome::{Outcome, done_lines};
use crate::engines::ftp::session::Session;

/// Verbs on a line of HELP.
const HELP_COLUMNS: usize = 10;
/// Lines of FEAT that belong to no verb.
const OTHER_FEATURES: [&str; 2] = ["TVFS", "UTF8"];

/// One row of the table.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "columns of a table")]
pub(crate) struct Verb {
    pub(crate) name: &'static str,
    /// Whether it is refused before the login.
    pub(super) needs_login: bool,
    /// Whether the offset of a REST before it stays set.
    pub(super) keeps_restart: bool,
    /// Whether the path of an RNFR before it stays set.
    pub(super) keeps_rename: bool,
    /// What it does at once during a transfer; `None` if it waits for the end.
    pub(super) interrupt: Option<Interrupt>,
    /// How it is recorded in the audit log; `None` if it is not.
    pub(super) audit: Option<Audit>,
    /// Whether it is a spelling from before RFC 959, which HELP does not list.
    is_obsolete: bool,
    feature: Feature,
    pub(super) handler: fn(&mut Session<'_, '_>, &Arg) -> Outcome,
}

/// What the audit log records of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audit {
    Login,
    /// The path in the argument.
    Path,
    /// As `Path`, and only if the transfer does not begin.
    Transfer,
    /// Both paths.
    Rename,
    /// The path behind the first word, and that word.
    Value,
    /// As `Value`, for SITE CHMOD only.
    Chmod,
}

/// What a command does at once during a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupt {
    /// Stops the transfer.
    Abort,
    /// Reports the progress, if the command has no argument.
    Status,
}

/// The line of a verb in the reply to FEAT (RFC 2389).
#[derive(Clone, Copy, Debug)]
enum Feature {
    None,
    Line(&'static str),
    /// Only where TLS is offered.
    Tls(&'static str),
    /// The facts of MLST.
    Facts,
}

/// A verb that needs a login, and has no line in FEAT.
const fn verb(name: &'static str, handler: fn(&mut Session<'_, '_>, &Arg) -> Outcome) -> Verb {
    Verb {
        name,
        needs_login: true,
        keeps_restart: false,
        keeps_rename: false,
        interrupt: None,
        audit: None,
        is_obsolete: false,
        feature: Feature::None,
        handler,
    }
}

impl Verb {
    const fn without_login(self) -> Self {
        Verb { needs_login: false, ..self }
    }

    const fn keeping_restart(self) -> Self {
        Verb { keeps_restart: true, ..self }
    }

    const fn keeping_rename(self) -> Self {
        Verb { keeps_rename: true, ..self }
    }

    const fn interrupting(self, interrupt: Interrupt) -> Self {
        Verb { interrupt: Some(interrupt), ..self }
    }

    const fn audited(self, audit: Audit) -> Self {
        Verb { audit: Some(audit), ..self }
    }

    const fn obsolete(self) -> Self {
        Verb { is_obsolete: true, ..self }
    }

    const fn feature(self, feature: Feature) -> Self {
        Verb { feature, ..self }
    }
}

/// Every verb of RFC 959 but SMNT, those of RFC 2228, 2389, 2428, 3659, 4217 and 7151 that apply, MFMT, CLNT,
/// and the spellings that RFC 1123 (4.1.3.1) demands.
static VERBS: [Verb; 52] = [
    verb("ABOR", transfers::abor).interrupting(Interrupt::Abort),
    verb("ACCT", login::acct).without_login(),
    verb("ALLO", settings::allo),
    verb("APPE", transfers::appe).audited(Audit::Transfer).keeping_restart(),
    verb("AUTH", login::auth).without_login().feature(Feature::Tls("AUTH TLS")),
    verb("CCC", login::ccc).without_login(),
    verb("CDUP", files::cdup),
    verb("CLNT", info::clnt).without_login().feature(Feature::Line("CLNT")),
    verb("CWD", files::cwd),
    verb("DELE", files::dele).audited(Audit::Path),
    verb("EPRT", settings::eprt).keeping_restart().feature(Feature::Line("EPRT")),
    verb("EPSV", settings::epsv).keeping_restart().feature(Feature::Line("EPSV")),
    verb("FEAT", feat).without_login(),
    verb("HELP", help).without_login(),
    verb("HOST", login::host).without_login().feature(Feature::Line("HOST")),
    verb("LIST", transfers::list),
    verb("MDTM", files::mdtm).feature(Feature::Line("MDTM")),
    verb("MFMT", files::mfmt).audited(Audit::Value).feature(Feature::Line("MFMT")),
    verb("MKD", files::mkd).audited(Audit::Path),
    verb("MLSD", transfers::mlsd),
    verb("MLST", files::mlst).feature(Feature::Facts),
    verb("MODE", settings::mode),
    verb("NLST", transfers::nlst),
    verb("NOOP", info::noop).without_login().keeping_restart(),
    verb("OPTS", settings::opts).without_login(),
    verb("PASS", login::pass).audited(Audit::Login).without_login(),
    verb("PASV", settings::pasv).keeping_restart(),
    verb("PBSZ", login::pbsz).without_login().feature(Feature::Tls("PBSZ")),
    verb("PORT", settings::port).keeping_restart(),
    verb("PROT", login::prot).without_login().feature(Feature::Tls("PROT")),
    verb("PWD", files::pwd),
    verb("QUIT", login::quit).without_login(),
    verb("REIN", login::rein).without_login(),
    verb("REST", settings::rest).keeping_restart().feature(Feature::Line("REST STREAM")),
    verb("RETR", transfers::retr).audited(Audit::Transfer).keeping_restart(),
    verb("RMD", files::rmd).audited(Audit::Path),
    verb("RNFR", files::rnfr),
    verb("RNTO", files::rnto).audited(Audit::Rename).keeping_rename(),
    verb("SITE", info::site).audited(Audit::Chmod),
    verb("SIZE", files::size).feature(Feature::Line("SIZE")),
    verb("STAT", info::stat).without_login().interrupting(Interrupt::Status),
    verb("STOR", transfers::stor).audited(Audit::Transfer).keeping_restart(),
    verb("STOU", transfers::stou).audited(Audit::Transfer),
    verb("STRU", settings::stru),
    verb("SYST", info::syst).without_login(),
    verb("TYPE", settings::set_type),
    verb("USER", login::user).without_login(),
    verb("XCUP", files::cdup).obsolete(),
    verb("XCWD", files::cwd).obsolete(),
    verb("XMKD", files::mkd).audited(Audit::Path).obsolete(),
    verb("XPWD", files::pwd).obsolete(),
    verb("XRMD", files::rmd).audited(Audit::Path).obsolete(),
];

/// The verb of that name, in upper or lower case.
pub(super) fn find(name: &[u8]) -> Option<&'static Verb> {
    VERBS.iter().find(|verb| verb.name.as_bytes().eq_ignore_ascii_case(name))
}

fn feat(session: &mut Session<'_, '_>, _: &Arg) -> Outcome {
    let has_tls = session.server.options.tls.is_some();
    let feature = |verb: &Verb| match verb.feature {
        Feature::Line(line) => Some(line.to_owned()),
        Feature::Tls(line) if has_tls => Some(line.to_owned()),
        Feature::Facts => Some(session.state.facts.feature()),
        Feature::None | Feature::Tls(_) => None,
    };
    let others = OTHER_FEATURES.iter().map(|line| (*line).to_owned());
    let features = VERBS.iter().filter_map(feature).chain(others);
    done_lines(211, "Features:", features, "End")
}

fn help(_: &mut Session<'_, '_>, _: &Arg) -> Outcome {
    let names: Vec<&str> =
        VERBS.iter().filter(|verb| !verb.is_obsolete).map(|verb| verb.name).collect();
    let lines = names.chunks(HELP_COLUMNS).map(|names| names.join(" "));
    done_lines(214, "The following commands are recognized:", lines, "Help OK.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(filter: impl Fn(&Verb) -> bool) -> String {
        let names: Vec<&str> =
            VERBS.iter().filter(|verb| filter(verb)).map(|verb| verb.name).collect();
        names.join(" ")
    }

    #[test]
    fn verbs_are_unique_and_sorted() {
        assert!(VERBS.is_sorted_by(|a, b| a.name < b.name));
    }

    #[test]
    fn columns_are_as_the_protocol_wants_them() {
        let open =
            "ACCT AUTH CCC CLNT FEAT HELP HOST NOOP OPTS PASS PBSZ PROT QUIT REIN STAT SYST USER";
        assert_eq!(names(|verb| !verb.needs_login), open);
        let restart = "APPE EPRT EPSV NOOP PASV PORT REST RETR STOR";
        assert_eq!(names(|verb| verb.keeps_restart), restart);
        assert_eq!(names(|verb| verb.keeps_rename), "RNTO");
        assert_eq!(names(|verb| verb.interrupt.is_some()), "ABOR STAT");
    }
}
