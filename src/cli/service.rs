//! What a service needs at its start: another user than root, sockets that systemd listens on, and
//! telling systemd that it is ready.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::{env, fs, io};

use anyhow::{Context, bail, ensure};
use listenfd::ListenFd;
use nix::unistd::{Gid, Uid, User, getgrouplist, setgroups, setresgid, setresuid, setuid};

/// Whether the process has the user id 0.
#[must_use]
pub fn is_root() -> bool {
    Uid::effective().is_root()
}

/// Gives up root: every thread gets the groups, the group and the user id of `name` for good.
///
/// # Errors
/// When there is no such user, it is root, or the process may not change its user.
pub fn become_user(name: &str) -> anyhow::Result<()> {
    let user = find(name)?;
    ensure!(!user.uid.is_root(), "{name} has the user id of root");
    if Uid::effective() == user.uid && Uid::current() == user.uid {
        return Ok(());
    }
    ensure!(is_root(), "only root can become {name}");
    let groups = getgrouplist(&CString::new(name)?, user.gid)?;
    // In this order: without root, no group can be changed. libc changes all threads, not one only.
    setgroups(&groups).context("setgroups")?;
    setresgid(user.gid, user.gid, user.gid).context("setresgid")?;
    setresuid(user.uid, user.uid, user.uid).context("setresuid")?;
    ensure!(setuid(Uid::from_raw(0)).is_err(), "the process could become root again");
    check_threads(user.uid, user.gid, &groups)
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

fn find(name: &str) -> anyhow::Result<User> {
    User::from_name(name)?.with_context(|| format!("there is no user {name}"))
}

/// Checks in /proc that every thread has these ids and no other.
fn check_threads(uid: Uid, gid: Gid, groups: &[Gid]) -> anyhow::Result<()> {
    let tasks = fs::read_dir("/proc/self/task").context("/proc/self/task")?;
    let groups: BTreeSet<u32> = groups.iter().map(|gid| gid.as_raw()).collect();
    for task in tasks {
        let path = task?.path().join("status");
        let status = match fs::read_to_string(&path) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => continue, // the thread has ended
            status => status.with_context(|| path.display().to_string())?,
        };
        let has_ids = ids(&status, "Uid:") == Some([uid.as_raw()].into())
            && ids(&status, "Gid:") == Some([gid.as_raw()].into())
            && ids(&status, "Groups:").as_ref() == Some(&groups);
        if !has_ids {
            bail!("a thread has kept its user or groups: {}", path.display());
        }
    }
    Ok(())
}

/// The different numbers on one line of /proc/PID/status.
fn ids(status: &str, key: &str) -> Option<BTreeSet<u32>> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().map(|id| id.parse().ok()).collect()
}

/// The TCP sockets that systemd listens on for this process (`LISTEN_FDS`); empty without systemd.
///
/// # Errors
/// When one of them is no TCP socket.
pub fn inherited_sockets() -> io::Result<Vec<TcpListener>> {
    let mut fds = ListenFd::from_env();
    (0..fds.len()).filter_map(|nth| fds.take_tcp_listener(nth).transpose()).collect()
}

/// Sends `state` to systemd, as sd_notify(3) does: `READY=1`, `STOPPING=1`. Without `NOTIFY_SOCKET`
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_thread() {
        let status = "Name:\tftpd\nUid:\t5\t5\t5\t5\nGid:\t6\t6\t0\t6\nGroups:\t6 7 \nX:\t\n";
        assert_eq!(ids(status, "Uid:"), Some([5].into()));
        assert_eq!(ids(status, "Gid:"), Some([0, 6].into()));
        assert_eq!(ids(status, "Groups:"), Some([6, 7].into()));
        assert_eq!((ids(status, "X:"), ids(status, "Y:")), (Some(BTreeSet::new()), None));
    }

    #[test]
    fn other_users_are_refused() {
        let err = |name| become_user(name).unwrap_err().to_string();
        assert_eq!(err("no-such-user"), "there is no user no-such-user");
        assert_eq!(err("root"), "root has the user id of root");
    }
}
