//! Downloads of small files with aria2, where it is installed.

use std::fmt::Write;
use std::fs;
use std::process::Command;

use super::Site;
use crate::support::report_skipped;

/// aria2 1.36 waits for its timeout if it reads both replies to a download at once. With one try, it fails
/// then.
#[test]
fn aria2_downloads_small_files_in_one_login() {
    let site = Site::new(&[]);
    let mut list = String::new();
    for nth in 0..60 {
        fs::write(site.path(&format!("small{nth}")), format!("contents {nth}")).unwrap();
        writeln!(list, "ftp://{}/small{nth}", site.server.addr).unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("list"), list).unwrap();
    let flags = ["--no-conf", "-q", "-i", "list", "-j", "1", "-x", "1", "-m", "1", "-t", "30"];
    let run = Command::new("aria2c").args(flags).current_dir(dir.path()).output();
    let Ok(output) = run else { return report_skipped("aria2c is not installed") };
    assert!(output.status.success(), "{output:?}");
    for nth in 0..60 {
        let received = fs::read_to_string(dir.path().join(format!("small{nth}"))).unwrap();
        assert_eq!(received, format!("contents {nth}"));
    }
}
