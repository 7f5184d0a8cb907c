//! TLS with the clients of PHP, Ruby and Python, which use OpenSSL, where they are installed.

use std::fs;
use std::process::Command;

use super::secure::Secure;
use crate::support::report_skipped;

/// Uploads and downloads of 1 MiB in one login; prints `done` at the end.
const PHP: &str = r#"
if (!function_exists("ftp_ssl_connect")) die("skipped");
$ftp = ftp_ssl_connect("127.0.0.1", (int)$argv[1], 30) or die("connect");
ftp_login($ftp, "anonymous", "x") or die("login");
ftp_pasv($ftp, true);
$data = str_repeat("x", 1 << 20);
for ($nth = 0; $nth < 20; $nth++) {
    $in = fopen("php://memory", "r+"); fwrite($in, $data); rewind($in);
    ftp_fput($ftp, "new", $in, FTP_BINARY) or die("upload $nth");
    if ($nth % 2) continue;
    $out = fopen("php://memory", "r+");
    ftp_fget($ftp, $out, "new", FTP_BINARY) or die("download $nth");
    rewind($out);
    if (stream_get_contents($out) !== $data) die("contents $nth");
}
echo "done";
"#;

/// As [`PHP`]. It closes the data connection of an upload without reading the ticket there, so with
/// TLS 1.3 it uploads once in a login.
const RUBY: &str = r#"
begin require "net/ftp"; require "openssl"; rescue LoadError; print "skipped"; exit; end
require "stringio"
tls = {verify_mode: OpenSSL::SSL::VERIFY_NONE, max_version: OpenSSL::SSL::TLS1_2_VERSION}
ftp = Net::FTP.new("127.0.0.1", port: ARGV[0].to_i, username: "anonymous", password: "x", ssl: tls)
data = "y" * (1 << 20)
20.times do |nth|
  ftp.storbinary("STOR new", StringIO.new(data), 65536)
  received = +""
  ftp.retrbinary("RETR new", 65536) { |piece| received << piece }
  raise "contents #{nth}" if received != data
end
print "done"
"#;

/// Uploads with the handshake before the announcement, and never reads the data connection after that.
const PYTHON: &str = r#"
import ftplib, socket, ssl, sys
context = ssl._create_unverified_context()
ftp = ftplib.FTP_TLS(context=context)
ftp.connect("127.0.0.1", int(sys.argv[1]))
ftp.login("anonymous", "x")
ftp.prot_p()
ftp.voidcmd("TYPE I")
for nth in range(60):
    raw = socket.create_connection(ftp.makepasv())
    received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(received, sent, session=ftp.sock.session)
    ftp.putcmd("STOR new")
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            raw.sendall(sent.read())
            received.write(raw.recv(65536))
    assert tls.session_reused and tls.version() == "TLSv1.3", tls.version()
    raw.sendall(sent.read())
    assert ftp.getresp().startswith("150")
    tls.write(b"x" * 200_000)
    try:
        tls.unwrap()
    except ssl.SSLWantReadError:
        pass  # the end is announced
    raw.sendall(sent.read())
    raw.close()
    ftp.voidresp()
    assert ftp.size("new") == 200_000
print("done", end="")
"#;

/// A configuration of OpenSSL with which all its clients use TLS 1.2.
const TLS12: &str =
    "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMaxProtocol = TLSv1.2\n";

/// Runs a client's program against a server that requires resumed sessions.
fn check(program: &str, args: &[&str], openssl: &str) {
    let secure = Secure::new(&[]);
    let conf = secure.site.path("openssl.cnf");
    fs::write(&conf, openssl).unwrap();
    let port = secure.site.server.addr.port().to_string();
    let run = Command::new(program).args(args).arg(port).env("OPENSSL_CONF", &conf).output();
    let Ok(output) = run else { return report_skipped(&format!("{program} is not installed")) };
    match &*String::from_utf8_lossy(&output.stdout) {
        "skipped" => report_skipped(&format!("{program} is installed without FTP over TLS")),
        printed => assert!(printed.ends_with("done"), "{program}: {printed}: {output:?}"),
    }
}

#[test]
fn php_transfers_files_with_tls_1_2() {
    check("php", &["-r", PHP], TLS12);
}

#[test]
fn php_transfers_files_with_tls_1_3() {
    check("php", &["-r", PHP], "");
}

#[test]
fn ruby_transfers_files_with_tls_1_2() {
    check("ruby", &["-e", RUBY], "");
}

#[test]
fn a_client_of_openssl_that_never_reads_uploads_whole_files() {
    check("python3", &["-c", PYTHON], "");
}
