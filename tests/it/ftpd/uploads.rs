//! What an upload keeps of the file that is there, and when it is refused. vsftpd 3.0.3 and proftpd
//! 1.3.8 agree on each point; they write in place.

use std::ffi::CStr;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

use rustix::fs::{XattrFlags, fgetxattr, fsetxattr};
use rustix::process::getuid;

use super::Site;
use crate::support::{Server, as_user, eventually, report_skipped};

const NOBODY: u32 = 65534;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Permission bits, set-uid and its like included.
fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn inode(path: &Path) -> u64 {
    fs::metadata(path).unwrap().ino()
}

/// A site of an ordinary user: of nobody where the tests run as root. Everything in it is that
/// user's.
fn user_site() -> Site {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    fs::create_dir_all(root.join("sub")).unwrap();
    fs::write(root.join("file"), "old").unwrap();
    fs::write(root.join("sub/inner"), "old").unwrap();
    if getuid().is_root() {
        for path in [&root, &root.join("sub"), &root.join("file"), &root.join("sub/inner")] {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    set_mode(dir.path(), 0o755);
    let args = [root.to_str().unwrap(), "-port", "0", "-bind", "127.0.0.1", "-writable"];
    let server = Server::of(as_user("ftpd", &args, dir.path()));
    Site { dir, server }
}

#[test]
fn a_new_file_has_the_attributes_of_the_old_one() {
    let site = Site::new(&[]);
    let path = site.path("file");
    let mut ftp = site.login();
    for (old, expected) in [(0o640, 0o640), (0o4755, 0o755), (0o2711, 0o711), (0o600, 0o600)] {
        set_mode(&path, old);
        let old_inode = inode(&path);
        ftp.put("STOR file", b"new", 226);
        assert_eq!((mode(&path), site.read("file")), (expected, b"new".to_vec()), "{old:o}");
        assert_ne!(inode(&path), old_inode, "it was written in place");
    }
    if getuid().is_root() {
        chown(&path, Some(1), Some(2)).unwrap();
        ftp.put("STOR file", b"newer", 226);
        let new = fs::metadata(&path).unwrap();
        assert_eq!((new.uid(), new.gid(), mode(&path)), (1, 2, 0o600));
    }
}

/// rw-r-----, and r-- for the user 12345 (acl(5); the kernel's format, `linux/posix_acl_xattr.h`).
#[cfg(target_endian = "little")]
const ACL: &[u8] = b"\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff\x02\0\x04\0\x39\x30\0\0\
    \x04\0\x04\0\xff\xff\xff\xff\x10\0\x04\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff";
const ACL_NAME: &CStr = c"system.posix_acl_access";
const DEFAULT_ACL_NAME: &CStr = c"system.posix_acl_default";

fn attribute(path: &Path, name: &CStr) -> Option<Vec<u8>> {
    let mut value = vec![0; 1000];
    let len = fgetxattr(File::open(path).unwrap(), name, &mut value[..]).ok()?;
    Some(value[..len].to_vec())
}

fn set_attribute(path: &Path, name: &CStr, value: &[u8]) -> bool {
    fsetxattr(File::open(path).unwrap(), name, value, XattrFlags::empty()).is_ok()
}

#[test]
fn a_new_file_has_the_extended_attributes_of_the_old_one() {
    let site = Site::new(&[]);
    let path = site.path("file");
    if !set_attribute(&path, c"user.note", b"a note") || !set_attribute(&path, ACL_NAME, ACL) {
        return report_skipped("this file system has no attributes or no access control lists");
    }
    let is_trusted = set_attribute(&path, c"trusted.grant", b"x"); // root's only
    let old_inode = inode(&path);
    let mut ftp = site.login();
    ftp.put("STOR file", b"new", 226);
    assert_ne!(inode(&path), old_inode, "it was written in place");
    assert_eq!(attribute(&path, c"user.note").as_deref(), Some(&b"a note"[..]));
    assert_eq!(attribute(&path, ACL_NAME).as_deref(), Some(ACL));
    assert!(!is_trusted || attribute(&path, c"trusted.grant").is_none());
    // A list that the directory gives to new files is not given to one that had none.
    assert!(set_attribute(site.dir.path(), DEFAULT_ACL_NAME, ACL));
    let plain = site.path("sub/../plain");
    fs::write(&plain, "old").unwrap();
    rustix::fs::removexattr(&plain, ACL_NAME).unwrap();
    set_mode(&plain, 0o604);
    ftp.put("STOR plain", b"new", 226);
    assert_eq!((mode(&plain), attribute(&plain, ACL_NAME)), (0o604, None));
}

#[test]
fn a_link_is_followed_beneath_the_root() {
    let site = Site::new(&[]);
    let outside = tempfile::tempdir().unwrap();
    symlink("sub/inner", site.path("link")).unwrap();
    symlink("../link", site.path("sub/again")).unwrap();
    symlink("sub/made", site.path("dangling")).unwrap();
    symlink(outside.path().join("made"), site.path("absolute")).unwrap();
    symlink("../made", site.path("up")).unwrap();
    symlink("loop", site.path("loop")).unwrap();
    let mut ftp = site.login();
    for (name, target) in
        [("link", "sub/inner"), ("sub/again", "sub/inner"), ("dangling", "sub/made")]
    {
        ftp.put(&format!("STOR {name}"), name.as_bytes(), 226);
        assert_eq!(site.read(target), name.as_bytes(), "{name}");
        assert!(site.path(name).is_symlink(), "{name}");
    }
    for name in ["absolute", "up", "loop"] {
        drop(ftp.data());
        ftp.command(&format!("STOR {name}"), 553);
        assert!(site.path(name).is_symlink(), "{name}");
    }
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn a_file_with_several_names_is_written_in_place() {
    let mut site = Site::new(&[]);
    let path = site.path("file");
    fs::hard_link(&path, site.path("other")).unwrap();
    set_mode(&path, 0o4755);
    let mut ftp = site.login();
    ftp.put("STOR file", b"new", 226);
    assert_eq!((site.read("other"), mode(&path)), (b"new".to_vec(), 0o755));
    ftp.command("REST 1", 350);
    ftp.put("STOR other", b"ow", 226);
    set_mode(&path, 0o4755);
    ftp.put("APPE file", b"!", 226);
    assert_eq!((site.read("file"), mode(&path)), (b"now!".to_vec(), 0o755));
    // A transfer that never opens has changed nothing; one that breaks off has.
    ftp.command("EPSV", 229);
    ftp.send("STOR file\r\n");
    ftp.expect_reply(150, "STOR");
    ftp.command("ABOR", 426);
    ftp.expect_reply(226, "ABOR");
    assert_eq!(site.read("file"), b"now!");
    let mut data = ftp.data();
    ftp.command("STOR file", 150);
    data.write_all(b"half").unwrap();
    eventually("the bytes have arrived", || site.read("other") == b"half");
    ftp.command("ABOR", 426);
    ftp.expect_reply(226, "ABOR");
    site.server.process.signal(rustix::process::Signal::TERM);
    let log = site.server.process.wait().stderr;
    assert_eq!(
        log.matches("STOR /file: the file was written in place and is incomplete now").count(),
        1,
        "{log}"
    );
}

#[test]
fn a_file_that_may_not_be_written_is_refused() {
    let site = user_site();
    let mut ftp = site.login();
    let file = site.path("root/file");
    set_mode(&file, 0o444);
    if getuid().is_root() {
        fs::write(site.path("root/roots"), "old").unwrap();
        set_mode(&site.path("root/roots"), 0o644);
    } else {
        report_skipped("only root can make a file of another user");
        fs::write(site.path("root/roots"), "old").unwrap();
        set_mode(&site.path("root/roots"), 0o444);
    }
    symlink("file", site.path("root/link")).unwrap();
    for name in ["file", "roots", "link"] {
        for verb in ["STOR", "APPE"] {
            drop(ftp.data());
            let text = ftp.command(&format!("{verb} {name}"), 553);
            assert_eq!(text, "553 Permission denied.", "{verb} {name}");
        }
        assert_eq!(site.read("root/file"), b"old");
        assert_eq!(site.read("root/roots"), b"old");
    }
}

#[test]
fn a_file_in_a_directory_that_may_not_be_written_is_written_in_place() {
    let site = user_site();
    let mut ftp = site.login();
    let (dir, inner) = (site.path("root/sub"), site.path("root/sub/inner"));
    set_mode(&dir, 0o555);
    let old_inode = inode(&inner);
    ftp.put("STOR sub/inner", b"new", 226);
    assert_eq!((site.read("root/sub/inner"), inode(&inner)), (b"new".to_vec(), old_inode));
    drop(ftp.data());
    ftp.command("STOR sub/second", 553);
    set_mode(&dir, 0o755);
    if !getuid().is_root() {
        return report_skipped("only root can give a file away");
    }
    // Another user's file stays theirs, also where the directory's sticky bit protects it.
    for dir_mode in [0o777, 0o1777] {
        chown(&dir, Some(0), Some(0)).unwrap();
        set_mode(&dir, dir_mode);
        chown(&inner, Some(1), Some(1)).unwrap();
        set_mode(&inner, 0o666);
        ftp.put("STOR sub/inner", b"newer", 226);
        let new = fs::metadata(&inner).unwrap();
        assert_eq!((new.uid(), new.gid(), new.ino()), (1, 1, old_inode), "{dir_mode:o}");
    }
}

#[test]
fn files_that_cannot_be_read_are_changed() {
    let site = user_site();
    let mut ftp = site.login();
    let (file, dir) = (site.path("root/file"), site.path("root/sub"));
    for old in [0o200, 0o000] {
        set_mode(&file, old);
        ftp.command("MFMT 20010203040506 file", 213);
        assert_eq!(fs::metadata(&file).unwrap().mtime(), 981_173_106);
        ftp.command("SITE CHMOD 640 file", 200);
        assert_eq!(mode(&file), 0o640);
    }
    set_mode(&file, 0o200);
    ftp.put("STOR file", b"new", 226);
    assert_eq!(mode(&file), 0o200);
    set_mode(&dir, 0o311);
    ftp.command("CWD sub", 250);
    assert_eq!(ftp.get("RETR inner"), b"old");
    ftp.command("CDUP", 250);
    ftp.command("SITE CHMOD 000 sub", 200);
    ftp.command("CWD sub", 550);
    ftp.command("SITE CHMOD 755 sub", 200);
}
