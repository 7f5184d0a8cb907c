//! Small files with curl, where it is installed.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use super::Site;
use crate::support::report_skipped;

const N_FILES: usize = 50;

/// curl 7.88.1 (Debian 12) waits for a second before it connects if the reply to EPSV is there when it first
/// looks. Without a pause in the server that was half of the files, in some runs nine of ten.
#[test]
fn curl_waits_for_no_data_connection() {
    let site = Site::new(&[]);
    for nth in 0..N_FILES {
        fs::write(site.path(&format!("small{nth}")), format!("contents {nth}")).unwrap();
    }
    let url = format!("ftp://{}/small[0-{}]", site.server.addr, N_FILES - 1);
    let run = Command::new("curl").args(["-sS", "-w", "\n%{time_total}\n", &url]).output();
    let Ok(output) = run else { return report_skipped("curl is not installed") };
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let seconds: Vec<f64> =
        text.lines().skip(1).step_by(2).map(|line| line.parse().unwrap()).collect();
    let n_late = seconds.iter().filter(|seconds| **seconds >= 1.0).count();
    assert_eq!(seconds.len(), N_FILES);
    assert!(n_late < N_FILES / 10, "{n_late} files took a second: {seconds:?}");
}

#[test]
fn the_reply_to_epsv_takes_a_moment() {
    let site = Site::new(&[]);
    let mut ftp = site.login();
    let times = (0..N_FILES).map(|_| {
        let begun = Instant::now();
        ftp.command("EPSV", 229);
        begun.elapsed()
    });
    assert!(times.min().unwrap() >= Duration::from_micros(100));
}
