//! Commands about the server and the session: STAT, SYST, NOOP, SITE.

use super::arg::{Arg, split_word};
use super::files;
use crate::engines::ftp::outcome::{Outcome, done, done_lines};
use crate::engines::ftp::reply::ReplyError;
use crate::engines::ftp::session::Session;

/// STAT lists a path, or reports the state of the session.
pub(super) fn stat(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    if !arg.is_empty() {
        session.rights()?;
        return files::stat(session, arg);
    }
    let state = &session.state;
    let user = state.user.as_deref().filter(|_| state.rights.is_some());
    let protection = |is_tls: bool| if is_tls { "TLS" } else { "plain text" };
    let lines = [
        format!("Connected from {}", session.control.peer()),
        user.map_or("Not logged in".to_owned(), |user| format!("Logged in as {user}")),
        format!("TYPE: {}, MODE: S, STRU: F", if state.is_ascii { "A" } else { "I" }),
        format!("Control connection: {}", protection(session.control.is_secure())),
        format!("Data connections: {}", protection(state.is_private)),
        "No transfer in progress".to_owned(),
    ];
    done_lines(211, "FTP server status:", lines, "End of status.")
}

pub(super) fn syst(_: &mut Session<'_, '_>, _: &Arg) -> Outcome {
    done(215, "UNIX Type: L8")
}

/// CLNT names the client's program; the log has it at the level of debug.
pub(super) fn clnt(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    log::debug!("{}: client program {}", session.control.peer(), arg.text());
    done(200, "Noted.")
}

pub(super) fn noop(_: &mut Session<'_, '_>, _: &Arg) -> Outcome {
    done(200, "NOOP ok.")
}

pub(super) fn site(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    let (name, rest) = split_word(arg.bytes());
    match name.to_ascii_uppercase().as_slice() {
        b"HELP" => {
            let commands = ["HELP", "CHMOD <mode> <file>"];
            done_lines(214, "SITE commands:", commands, "Help OK.")
        }
        b"CHMOD" => files::chmod(session, rest),
        _ => Err(ReplyError::new(504, "Unknown SITE command.")),
    }
}
