"""Runs every FTP client that is installed against ftpd, in four modes, and prints a table; started by
scripts/ftp-clients --all.

    all.py FTPD [CLIENT...]

Each client uploads files, lists them, downloads and removes them, in one login where it can; what came
back must be equal. A client that does not resume TLS sessions must be refused with 522 where ftpd
requires that, and served with --tls-resume=off. The status is 1 if any client fails otherwise.
"""

import filecmp
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
MODES = [  # heading, flags of ftpd, version of TLS
    ("plain", [], ""),
    ("TLS 1.2", ["--tls-resume=require"], "1.2"),
    ("TLS 1.3", ["--tls-resume=require"], "1.3"),
    ("TLS 1.3, `--tls-resume=off`", ["--tls-resume=off"], "1.3"),
]
SIZES = {"empty": 0, "one": 1, "with space": 1000, "4k": 4096, "large": 1 << 20}
OPENSSL_TLS12 = "openssl_conf=d\n[d]\nssl_conf=s\n[s]\nsystem_default=m\n[m]\nMaxProtocol=TLSv1.2\n"
GNUTLS_TLS12 = "[overrides]\ndisabled-version = tls1.3\n"


class Refused(Exception):
    """What a client said when it failed."""


class Site:
    """A running ftpd with its directory, and the environment that clients find it by."""

    def __init__(self, ftpd, work, flags, tls):
        self.dir, self.up, self.down = (Path(tempfile.mkdtemp(dir=work)) for _ in range(3))
        for name, size in SIZES.items():
            (self.up / name).write_bytes(os.urandom(size))
        secure = ["--tls", work / "cert.pem", work / "key.pem", "--require-tls", *flags] if tls else []
        command = [ftpd, self.dir, "--writable", "--port", "0", "--bind", "127.0.0.1", *secure]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.port = self.process.stderr.readline().rsplit(":", 1)[1].strip()
        self.tls, self.cert, self.work = tls, str(work / "cert.pem"), work
        self.env = os.environ | {
            "FTP_PORT": self.port, "FTP_TLS": tls, "FTP_CERT": self.cert, "FTP_UP": str(self.up),
            "FTP_DOWN": str(self.down), "FTP_NODE": str(work), "HOME": str(work),
        }  # fmt: skip
        if tls == "1.2":
            self.env |= {"OPENSSL_CONF": str(work / "openssl.cnf")}
            self.env |= {"GNUTLS_SYSTEM_PRIORITY_FILE": str(work / "gnutls.conf")}

    def run(self, *command, text=None):
        try:
            done = subprocess.run(
                command, env=self.env, cwd=self.down, input=text, text=True, capture_output=True, timeout=120
            )
        except subprocess.TimeoutExpired:
            raise Refused("timed out") from None
        output = done.stdout + done.stderr
        if done.returncode != 0 or re.search(r"^(5[0-9][0-9]|4[0-9][0-9])[ -]", output, re.M):
            raise Refused(output)
        return output

    def end(self):
        """Ends the server. Returns its log."""
        if self.process.poll() is None:
            self.process.terminate()
            self.log = self.process.communicate()[1]
        return self.log

    def url(self, scheme="ftp", name=""):
        return f"{scheme}://localhost:{self.port}/{name.replace(' ', '%20')}"

    def check(self, *, downloads_only=False):
        _, differ, errors = filecmp.cmpfiles(self.up, self.down, SIZES, shallow=False)
        if differ or errors:
            raise Refused(f"not equal: {differ + errors}")
        left = set(os.listdir(self.dir))
        if left and not downloads_only:
            raise Refused(f"not removed: {left}")


def curl(site):
    tls = ["--ssl-reqd", "--cacert", site.cert] if site.tls else []
    tls += ["--tls-max", "1.2"] if site.tls == "1.2" else []
    base = ["curl", "-sS", *tls]
    site.run(*base, *(part for name in SIZES for part in ("-T", str(site.up / name), site.url(name=name))))
    listed = site.run(*base, "-l", site.url()).splitlines()
    assert set(SIZES) <= set(listed), listed
    site.run(*base, *(part for name in SIZES for part in ("-o", name, site.url(name=name))))
    site.run(*base, "-l", *(part for name in SIZES for part in ("-Q", f"DELE {name}")), site.url(), "-o", "/dev/null")


def lftp(site):
    settings = f"set cmd:fail-exit yes; set net:max-retries 1; set ssl:ca-file {site.cert};"
    settings += "set ftp:ssl-force yes; set ftp:ssl-allow-anonymous yes; set ftp:ssl-protect-data yes;" if site.tls else "set ftp:ssl-allow no;"
    if site.tls == "1.2":
        settings += "set ssl:priority NORMAL:-VERS-TLS1.3;"
    names = " ".join(f'"{name}"' for name in SIZES)
    steps = f"open {site.url()}; lcd {site.up}; mput {names}; nlist; lcd {site.down}; mget {names}; mrm {names}; bye"
    listed = site.run("lftp", "-e", settings + steps)
    assert all(name in listed for name in SIZES), listed


def classic(program):
    """The interactive clients of BSD."""

    def run(site):
        lines = ["user anonymous x", "binary", f"lcd {site.up}"]
        lines += [f'put "{name}" "{name}"' for name in SIZES] + ["nlist", f"lcd {site.down}"]
        lines += [f'get "{name}" "{name}"' for name in SIZES] + [f'delete "{name}"' for name in SIZES]
        flags = ["-n"] if program == "tnftp" else ["-n", "-p"]
        text = "\n".join([*lines, "bye", ""])
        listed = site.run(program, *flags, "127.0.0.1", site.port, text=text)
        assert "not connected" not in listed.lower(), listed

    return run


def ncftp(site):
    target = ["-P", site.port, "127.0.0.1"]
    site.run("ncftpput", *target, "/", *(str(site.up / name) for name in SIZES))
    listed = site.run("ncftpls", "-P", site.port, "-1", "ftp://127.0.0.1/")
    assert all(name in listed for name in SIZES), listed
    site.run("ncftpget", "-DD", *target, str(site.down), *(f"/{name}" for name in SIZES))


def place(site):
    """For clients that only download."""
    for name in SIZES:
        shutil.copy(site.up / name, site.dir)


def wget(site):
    place(site)
    tls = ["--ca-certificate", site.cert] if site.tls else []
    scheme = "ftps" if site.tls else "ftp"
    site.run("wget", "-q", "--tries=1", "-nv", *tls, *(site.url(scheme, name) for name in SIZES))


def aria2(site):
    place(site)
    for name in SIZES:
        site.run("aria2c", "-q", "-m", "1", "-x", "2", site.url(name=name), "-o", name)


def rclone(site):
    flags = ",explicit_tls=true,no_check_certificate=true" if site.tls else ""
    flags += ",disable_tls13=true" if site.tls == "1.2" else ""
    password = site.run("rclone", "obscure", "x").strip()
    remote = f":ftp,host=localhost,port={site.port},user=anonymous,pass={password}{flags}:"
    base = ["rclone", "--config", "/dev/null", "--retries", "1", "--low-level-retries", "1"]
    site.run(*base, "copy", str(site.up), remote)
    assert set(SIZES) <= set(site.run(*base, "lsf", remote).splitlines())
    site.run(*base, "copy", remote, str(site.down))
    site.run(*base, "delete", remote)


def script(*command, setup=None):
    def run(site):
        site.run(*(str(part).replace("WORK", str(site.work)) for part in command))

    run.setup = setup
    return run


def python(client):
    return script("WORK/venv/bin/python", HERE / "python.py", client, setup="python")


JARS = "/usr/share/java/commons-net.jar"
BOTH, NONE = {"1.2", "1.3"}, set()
# name, program that must be there, how to run it, its versions of TLS, those of which it resumes sessions, does it
# upload. With TLS 1.3, Ruby's client uploads once in a login: it reads no new session from the data connection of an
# upload, and uses each once.
CLIENTS = [
    ("curl", "curl", curl, BOTH, BOTH, True),
    ("lftp", "lftp", lftp, BOTH, BOTH, True),
    ("tnftp", "tnftp", classic("tnftp"), NONE, NONE, True),
    ("inetutils ftp", "inetutils-ftp", classic("inetutils-ftp"), NONE, NONE, True),
    ("ncftp", "ncftpput", ncftp, NONE, NONE, False),
    ("wget (downloads)", "wget", wget, BOTH, BOTH, False),
    ("aria2 (downloads)", "aria2c", aria2, NONE, NONE, False),
    ("rclone", "rclone", rclone, BOTH, BOTH, True),
    ("Python ftplib", "python3", python("ftplib"), BOTH, NONE, True),
    ("Python ftplib, resuming subclass", "python3", python("ftplib-resuming"), BOTH, BOTH, True),
    ("Python ftputil, resuming subclass", "python3", python("ftputil"), BOTH, BOTH, True),
    ("Python fsspec", "python3", python("fsspec"), NONE, NONE, True),
    ("Python PyFilesystem", "python3", python("PyFilesystem"), NONE, NONE, True),
    ("Python pycurl", "python3", python("pycurl"), BOTH, BOTH, True),
    ("Perl Net::FTP", "perl", script("perl", HERE / "perl.pl"), BOTH, BOTH, True),
    ("Ruby Net::FTP", "ruby", script("ruby", HERE / "ruby.rb"), BOTH, {"1.2"}, True),
    ("PHP ftp", "php", script("php", HERE / "php.php"), BOTH, BOTH, True),
    ("Node basic-ftp", "node", script("node", HERE / "node.mjs", setup="node"), BOTH, BOTH, True),
    ("Java commons-net", "javac", script("java", "-cp", f"{JARS}:WORK", "Java", setup="java"), BOTH, NONE, True),
    ("Go jlaffaye/ftp", "go", script("WORK/go/client", setup="go"), BOTH, BOTH, True),
]
SETUPS = {  # each in the work folder; packages come from the registries of their languages
    "python": "python3 -m venv venv && venv/bin/pip -q install ftputil fsspec fs pycurl 'setuptools<80'",
    "node": "npm --silent install --prefix . basic-ftp",
    "java": f"javac -cp {JARS} -d . {HERE}/Java.java",
    "go": f"mkdir go && cp {HERE}/go.go go/main.go && cd go && go mod init client && go mod tidy && go build -o client .",
}


def set_up(work):
    certificate = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    subprocess.run([*certificate.split(), "-keyout", work / "key.pem", "-out", work / "cert.pem"], check=True, stderr=-3)
    (work / "openssl.cnf").write_text(OPENSSL_TLS12)
    (work / "gnutls.conf").write_text(GNUTLS_TLS12)
    failed = set()
    for name, command in SETUPS.items():
        done = subprocess.run(command, shell=True, cwd=work, capture_output=True, text=True)
        if done.returncode != 0:
            print(f"cannot set up {name}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
            failed.add(name)
    return failed


def cell(ftpd, work, client, mode):
    """What the table says, and whether that is as it should be."""
    _, _, run, versions, resumed, uploads = client
    heading, flags, tls = mode
    if tls and tls not in versions:
        return "–", True
    is_served = not tls or tls in resumed or "off" in heading
    site = Site(ftpd, work, flags, tls)
    try:
        run(site)
        site.check(downloads_only=not uploads)
        return "ok", is_served
    except (Refused, AssertionError) as err:
        text = str(err)
        if not is_served and "does not resume" in site.end():
            return "522", True
        print(f"{client[0]}, {heading}: {text.strip()[-600:]}", file=sys.stderr)
        return "**failed**", False
    finally:
        site.end()


def main():
    ftpd, wanted = sys.argv[1], sys.argv[2:]
    all_good = True
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        failed = set_up(work)
        print("| client | " + " | ".join(heading for heading, _, _ in MODES) + " |\n|---|" + "---|" * len(MODES))
        for client in CLIENTS:
            name, program, run = client[:3]
            if wanted and not any(word in name for word in wanted):
                continue
            if not shutil.which(program) or getattr(run, "setup", None) in failed:
                print(f"| {name} |" + " not installed |" * len(MODES), flush=True)
                continue
            cells = [cell(ftpd, work, client, mode) for mode in MODES]
            all_good &= all(good for _, good in cells)
            print(f"| {name} | " + " | ".join(text for text, _ in cells) + " |", flush=True)
    sys.exit(0 if all_good else 1)


main()
