//! Keys and certificates that cannot be used, as OpenSSL makes them.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{command, outcome, report_skipped};

/// Runs `openssl` in `dir` with these arguments.
fn openssl(dir: &Path, args: &str) -> bool {
    let mut command = Command::new("openssl");
    command.args(args.split(' ')).current_dir(dir);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[test]
fn the_error_says_what_a_key_is_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    if !openssl(dir, "version") {
        return report_skipped("openssl is not installed");
    }
    let check = |file: &str, expected: &str| {
        let [root, chain, key] =
            ["", "cert", "key"].map(|name| dir.join(name).to_str().unwrap().to_owned());
        let netcat = ["-l", "--ssl", "--ssl-cert", &chain, "--ssl-key", &key, "localhost", "0"];
        let runs: [(&str, &[&str]); 3] = [
            ("ftpd", &[&root, "--tls", &chain, &key]),
            ("chat", &["--port", "0", "--tls", &chain, &key, "--tls-port", "0"]),
            ("netcat", &netcat),
        ];
        for (name, args) in runs {
            let path = dir.join(file);
            let stderr = format!("{name}: {}: {expected}\n", path.display());
            outcome(command(name, args)).is(1, "", &stderr);
        }
    };
    let make = |args: &str| assert!(openssl(dir, args), "openssl {args}");
    let decrypt = "the key is encrypted; `openssl pkey -in KEY -out NEW` writes it decrypted, to be \
        readable by the server alone";
    make("req -x509 -newkey ed25519 -subj /CN=x -out cert -keyout key -passout pass:secret");
    check("key", decrypt); // PKCS #8
    make("genrsa -traditional -aes128 -passout pass:secret -out key 2048");
    check("key", decrypt);
    make(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-521 -subj /CN=x -out cert -keyout key -nodes",
    );
    check(
        "key",
        "the key is on the curve P-521, which is not supported; use a key on P-256 or P-384, an \
         Ed25519 or an RSA key",
    );
    make("req -new -newkey ed25519 -subj /CN=x -out request -keyout key -nodes");
    make("x509 -req -in request -signkey key -out cert"); // no extensions: version 1
    check(
        "cert",
        "an X.509 certificate of version 1, which is not supported; `openssl req -x509 -addext \
         subjectAltName=DNS:HOST -key KEY` makes one of version 3",
    );
    make("req -x509 -key key -subj /CN=x -addext subjectAltName=DNS:localhost -out cert");
    std::fs::write(dir.join("key"), "nothing").unwrap();
    check("key", "no private key in PEM");
    std::fs::write(dir.join("cert"), "nothing").unwrap();
    check("cert", "no certificate in PEM");
    std::fs::remove_file(dir.join("cert")).unwrap();
    check("cert", "No such file or directory (os error 2)");
}
