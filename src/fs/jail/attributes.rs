//! Copying to a new file what belongs to the file that it replaces.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Gid, Mode, Stat, Uid, fchmod, fchown, fstat};

/// Copies owner, permission bits without set-uid and its like, the access control list and user
/// attributes. Attributes that grant something (`security.*`, `trusted.*`) are not copied: the new
/// contents have another author.
///
/// # Errors
/// When anything of that cannot be read or set.
pub(super) fn copy(from: &OwnedFd, old: &Stat, to: &File) -> io::Result<()> {
    let new = fstat(to)?;
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid) {
        let uid = (new.st_uid != old.st_uid).then(|| Uid::from_raw(old.st_uid));
        let gid = (new.st_gid != old.st_gid).then(|| Gid::from_raw(old.st_gid));
        fchown(to, uid, gid)?;
    }
    extended::copy(from, to)?;
    Ok(fchmod(to, Mode::from_raw_mode(old.st_mode & 0o777))?)
}

#[cfg(target_os = "linux")]
mod extended {
    use std::ffi::{CStr, CString};
    use std::fs::File;
    use std::io;
    use std::os::fd::OwnedFd;

    use rustix::fs::{
        XattrFlags, fgetxattr, fgetxattr_query, flistxattr, flistxattr_query, fremovexattr,
        fsetxattr,
    };
    use rustix::io::Errno;

    /// The access control list. A new file may have inherited another one from its directory.
    const ACL: &CStr = c"system.posix_acl_access";

    pub(super) fn copy(from: &OwnedFd, to: &File) -> io::Result<()> {
        let mut names = names(from)?;
        names.retain(|name| **name == *ACL || name.as_bytes().starts_with(b"user."));
        if !names.iter().any(|name| **name == *ACL) {
            match fremovexattr(to, ACL) {
                Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
                Err(err) => return Err(err.into()),
            }
        }
        for name in &names {
            let mut value = vec![0; fgetxattr_query(from, &**name)?];
            let len = fgetxattr(from, &**name, &mut value[..])?;
            fsetxattr(to, &**name, &value[..len], XattrFlags::empty())?;
        }
        Ok(())
    }

    fn names(file: &OwnedFd) -> io::Result<Vec<CString>> {
        let len = match flistxattr_query(file) {
            Ok(0) | Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
            len => len?,
        };
        let mut list = vec![0; len];
        let len = flistxattr(file, &mut list[..])?;
        let names = list[..len].split(|byte| *byte == 0).filter(|name| !name.is_empty());
        names.map(|name| CString::new(name).map_err(io::Error::other)).collect()
    }
}

#[cfg(not(target_os = "linux"))]
mod extended {
    use std::fs::File;
    use std::io;
    use std::os::fd::OwnedFd;

    pub(super) fn copy(_: &OwnedFd, _: &File) -> io::Result<()> {
        Ok(())
    }
}
