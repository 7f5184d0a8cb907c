//! Logging in and out (USER, PASS, REIN, QUIT), and securing the connections (AUTH, PBSZ, PROT).

use std::borrow::Cow;
use std::net::Ipv6Addr;
use std::os::unix::ffi::OsStrExt;

use super::arg::Arg;
use crate::engines::ftp::outcome::{Next, Outcome, close, done};
use crate::engines::ftp::reply::{Reply, ReplyError};
use crate::engines::ftp::session::Session;
use crate::engines::ftp::users::Access;

pub(super) fn user(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    check_tls(session)?;
    let name = session.decode(arg.bytes())?;
    let Ok(name) = str::from_utf8(&name) else {
        return Err(ReplyError::new(501, "User name is not UTF-8."));
    };
    if name.is_empty() {
        return Err(ReplyError::new(501, "Missing user name."));
    }
    session.state.rights = None;
    session.state.root = None;
    session.set_login(None);
    session.state.root_path.clear();
    session.state.user = Some(name.to_owned());
    if session.server.users.accepts_any_password(name) {
        return done(331, "Anonymous login ok, any password is accepted.");
    }
    done(331, "Please specify the password.")
}

/// HOST names the server that the client means (RFC 7151). There is one, whatever it is called.
pub(super) fn host(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    if session.state.user.is_some() {
        return Err(ReplyError::new(503, "HOST is not allowed after USER."));
    }
    if !is_host(arg.text()) {
        return Err(ReplyError::new(501, "Usage: HOST name or HOST [address]."));
    }
    done(220, "Host accepted.")
}

/// A host name without a port, or an IP address: IPv6 in brackets (RFC 7151, 3.1).
fn is_host(text: &str) -> bool {
    if let Some(ip) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return ip.parse::<Ipv6Addr>().is_ok();
    }
    let is_label_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(is_label_byte);
    text.len() <= 253 && text.strip_suffix('.').unwrap_or(text).split('.').all(is_label)
}

pub(super) fn pass(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    check_tls(session)?;
    let Some(name) = session.state.user.clone().filter(|_| session.state.rights.is_none()) else {
        return Err(ReplyError::new(503, "Log in with USER first."));
    };
    let password = session.decode(arg.bytes()).unwrap_or(Cow::Borrowed(arg.bytes()));
    if let Some(access) = session.server.users.check(&name, &password) {
        return enter(session, &name, access);
    }
    // As pure-ftpd words it: fail2ban's filter for that takes the line. The address comes first, so
    // that no user name can stand for it.
    let ip = session.control.peer_ip();
    log::warn!("(?@{ip}) [WARNING] Authentication failed for user [{name}]");
    session.state.user = None;
    reject(session)
}

/// Completes a login. The user's root directory is opened now: it may have been created or replaced
/// since the server has read the list of users.
fn enter(session: &mut Session<'_, '_>, name: &str, access: Access) -> Outcome {
    let peer = session.control.peer();
    let root = access.dir.as_deref().map(|dir| session.server.jail.beneath(dir)).transpose();
    match root {
        Ok(root) => session.state.root = root,
        Err(err) => {
            log::error!("{peer}: root directory of {name}: {err}");
            session.state.user = None;
            return Err(ReplyError::new(530, "Your directory is not available."));
        }
    }
    let path = access.dir.map(|dir| [b"/", dir.as_os_str().as_bytes()].concat());
    session.state.root_path = path.unwrap_or_default();
    session.state.cwd = b"/".to_vec(); // another user may have been logged in before
    log::info!("{peer}: {name} logged in");
    session.state.rights = Some(access.rights);
    session.set_login(Some(name));
    done(230, "Login successful.")
}

/// Delays the reply to a failed login, which slows guessing down; closes after too many.
fn reject(session: &mut Session<'_, '_>) -> Outcome {
    session.n_failed_logins += 1;
    let options = session.server.options;
    _ = session.server.done.recv_timeout(options.login_delay); // ends early at shutdown
    if session.n_failed_logins >= options.login_tries_max {
        return close(421, "Too many failed logins, closing connection.");
    }
    Err(ReplyError::new(530, "Login incorrect."))
}

/// Users need no account, in the sense of RFC 959.
pub(super) fn acct(_: &mut Session<'_, '_>, _: &Arg) -> Outcome {
    done(202, "ACCT command ignored.")
}

/// Resets the session but for TLS: going back to plain text would only help eavesdroppers.
pub(super) fn rein(session: &mut Session<'_, '_>, _: &Arg) -> Outcome {
    session.reset();
    done(220, "Service ready for new user.")
}

pub(super) fn quit(_: &mut Session<'_, '_>, _: &Arg) -> Outcome {
    close(221, "Goodbye.")
}

fn check_tls(session: &Session<'_, '_>) -> Result<(), ReplyError> {
    if session.requires_tls() && !session.control.is_secure() {
        return Err(ReplyError::new(530, "TLS required, use AUTH TLS first."));
    }
    Ok(())
}

pub(super) fn auth(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    if session.server.options.tls.is_none() {
        return Err(ReplyError::new(502, "TLS not available."));
    }
    if !["TLS", "TLS-C", "SSL"].iter().any(|name| arg.text().eq_ignore_ascii_case(name)) {
        return Err(ReplyError::new(504, "Unknown AUTH type, only TLS is supported."));
    }
    if session.control.is_secure() {
        return Err(ReplyError::new(503, "Already using TLS."));
    }
    session.reset(); // an attacker may have logged in on the plain connection
    session.state.has_asked_for_ssl = arg.text().eq_ignore_ascii_case("SSL");
    Ok(Next::StartTls(Reply::new(234, "Proceed with negotiation.")))
}

/// The control connection stays encrypted (RFC 4217, 6).
pub(super) fn ccc(_: &mut Session<'_, '_>, _: &Arg) -> Outcome {
    Err(ReplyError::new(533, "CCC denied by policy."))
}

pub(super) fn pbsz(session: &mut Session<'_, '_>, _: &Arg) -> Outcome {
    if !session.control.is_secure() {
        return Err(ReplyError::new(503, "PBSZ needs a secure connection, use AUTH TLS first."));
    }
    session.state.has_pbsz = true;
    done(200, "PBSZ=0")
}

pub(super) fn prot(session: &mut Session<'_, '_>, arg: &Arg) -> Outcome {
    if !session.state.has_pbsz {
        return Err(ReplyError::new(503, "Use PBSZ 0 first."));
    }
    match arg.text().to_ascii_uppercase().as_str() {
        "P" => {
            session.state.is_private = true;
            done(200, "PROT now Private.")
        }
        "C" if session.requires_tls() => {
            Err(ReplyError::new(534, "PROT C denied by policy, use PROT P."))
        }
        "C" => {
            session.state.is_private = false;
            done(200, "PROT now Clear.")
        }
        "S" | "E" => Err(ReplyError::new(536, "PROT level not supported by TLS.")),
        _ => Err(ReplyError::new(504, "PROT level not recognized.")),
    }
}
