//! What a service needs at its start: files of another user, sockets that systemd listens on, and
//! telling systemd that it is ready.

use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::{env, fs, io};

use anyhow::Context;
use listenfd::ListenFd;
use nix::unistd::{Uid, User};

/// Whether the process has the user id 0.
#[must_use]
pub fn is_root() -> bool {
    Uid::effective().is_root()
}

/// Changing the user of all threads needs calls that only Linux has.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn become_user(name: &str) -> anyhow::Result<()> {
    anyhow::bail!("cannot become {name}: this works on Linux only");
}

/// Makes `name` the owner of a regular file, if the process is root.
///
/// # Errors
/// When there is no such user, or the file system does not allow it.
pub fn give_to(file: &fs::File, name: &str) -> anyhow::Result<()> {
    let user = find(name)?;
    if is_root() && file.metadata()?.is_file() {
        std::os::unix::fs::fchown(file, Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
    }
    Ok(())
}

pub(super) fn find(name: &str) -> anyhow::Result<User> {
    User::from_name(name)?.with_context(|| format!("there is no user {name}"))
}

/// The TCP sockets that systemd listens on for this process (`LISTEN_FDS`); empty without systemd.
///
/// # Errors
/// When one of them is no TCP socket.
pub fn inherited_sockets() -> io::Result<Vec<TcpListener>> {
    let mut fds = ListenFd::from_env();
    (0..fds.len()).filter_map(|nth| fds.take_tcp_listener(nth).transpose()).collect()
}

/// Sends `state` to systemd, as `sd_notify(3)` does: `READY=1`, `STOPPING=1`. Without `NOTIFY_SOCKET`
/// it does nothing.
///
/// # Errors
/// When systemd cannot be reached.
pub fn notify(state: &str) -> io::Result<()> {
    let Some(path) = env::var_os("NOTIFY_SOCKET") else { return Ok(()) };
    let socket = UnixDatagram::unbound()?;
    #[cfg(target_os = "linux")]
    if let Some(name) = path.as_encoded_bytes().strip_prefix(b"@") {
        use std::os::linux::net::SocketAddrExt;
        let addr = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
        return socket.send_to_addr(state.as_bytes(), &addr).map(drop);
    }
    socket.send_to(state.as_bytes(), Path::new(&path)).map(drop)
}
