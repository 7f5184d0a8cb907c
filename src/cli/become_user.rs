//! Giving up root, in all threads and for good. Linux only.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::{fs, io};

use anyhow::{Context, bail, ensure};
use nix::unistd::{Gid, Uid, getgrouplist, setgroups, setresgid, setresuid, setuid};

use super::service::{find, is_root};

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
