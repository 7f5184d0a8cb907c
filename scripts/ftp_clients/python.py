"""Clients in Python, for scripts/ftp-clients --all: python.py CLIENT.

Uploads the files of $FTP_UP, lists, downloads them to $FTP_DOWN and removes them, in one login.
"""

import ftplib
import os
import ssl
import sys
from pathlib import Path

HOST, PORT = "localhost", int(os.environ["FTP_PORT"])
TLS, CERT = os.environ["FTP_TLS"], os.environ["FTP_CERT"]
UP, DOWN = Path(os.environ["FTP_UP"]), Path(os.environ["FTP_DOWN"])
NAMES = sorted(os.listdir(UP))


class Resuming(ftplib.FTP_TLS):
    """Resumes the TLS session of the control connection on data connections."""

    def ntransfercmd(self, cmd, rest=None):
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if self._prot_p:
            conn = self.context.wrap_socket(conn, server_hostname=self.host, session=self.sock.session)
        return conn, size


def login(kind):
    """A session of ftplib, or of a subclass."""
    if not TLS:
        ftp = ftplib.FTP()
        ftp.connect(HOST, PORT)
        ftp.login()
        return ftp
    context = ssl.create_default_context(cafile=CERT)
    if TLS == "1.2":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    ftp = kind(context=context)
    ftp.connect(HOST, PORT)
    ftp.login()
    ftp.prot_p()
    return ftp


def run_ftplib(kind):
    ftp = login(kind)
    for name in NAMES:
        ftp.storbinary(f"STOR {name}", (UP / name).open("rb"))
    assert set(NAMES) <= set(ftp.nlst()), ftp.nlst()
    for name in NAMES:
        with (DOWN / name).open("wb") as file:
            ftp.retrbinary(f"RETR {name}", file.write)
    for name in NAMES:
        ftp.delete(name)
    ftp.quit()


def run_ftputil():
    import ftputil

    class Session(ftplib.FTP if not TLS else Resuming):
        def __init__(self):
            if TLS:
                context = ssl.create_default_context(cafile=CERT)
                if TLS == "1.2":
                    context.maximum_version = ssl.TLSVersion.TLSv1_2
                super().__init__(context=context)
            else:
                super().__init__()
            self.connect(HOST, PORT)
            self.login()
            if TLS:
                self.prot_p()

    with ftputil.FTPHost(session_factory=Session) as host:
        for name in NAMES:
            host.upload(UP / name, name)
        assert set(NAMES) <= set(host.listdir("."))
        for name in NAMES:
            host.download(name, DOWN / name)
            host.remove(name)


def run_fsspec():
    from fsspec.implementations.ftp import FTPFileSystem

    assert not TLS, "its TLS cannot trust a certificate of one's own"
    fs = FTPFileSystem(HOST, PORT)
    for name in NAMES:
        fs.put_file(str(UP / name), f"/{name}")
    assert set(NAMES) <= {os.path.basename(path) for path in fs.ls("/", detail=False)}
    for name in NAMES:
        fs.get_file(f"/{name}", str(DOWN / name))
        fs.rm_file(f"/{name}")


def run_pyfilesystem():
    from fs.ftpfs import FTPFS

    assert not TLS, "its TLS cannot trust a certificate of one's own"
    with FTPFS(HOST, port=PORT) as fs:
        for name in NAMES:
            fs.upload(name, (UP / name).open("rb"))
        assert set(NAMES) <= set(fs.listdir("/"))
        for name in NAMES:
            with (DOWN / name).open("wb") as file:
                fs.download(name, file)
            fs.remove(name)


def run_pycurl():
    import pycurl

    def curl(name, *options):
        handle.reset()
        handle.setopt(pycurl.URL, f"ftp://{HOST}:{PORT}/{name}".encode())
        if TLS:
            handle.setopt(pycurl.USE_SSL, pycurl.USESSL_ALL)
            handle.setopt(pycurl.CAINFO, CERT)
        if TLS == "1.2":
            handle.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_MAX_TLSv1_2)
        for option, value in options:
            handle.setopt(option, value)
        handle.perform()

    handle = pycurl.Curl()
    for name in NAMES:
        with (UP / name).open("rb") as file:
            curl(name.replace(" ", "%20"), (pycurl.UPLOAD, 1), (pycurl.READDATA, file))
    listed = []
    curl("", (pycurl.DIRLISTONLY, 1), (pycurl.WRITEFUNCTION, listed.append))
    assert set(NAMES) <= set(b"".join(listed).decode().splitlines())
    for name in NAMES:
        with (DOWN / name).open("wb") as file:
            curl(name.replace(" ", "%20"), (pycurl.WRITEDATA, file))
    curl("", (pycurl.NOBODY, 1), (pycurl.QUOTE, [f"DELE {name}" for name in NAMES]))


CLIENTS = {
    "ftplib": lambda: run_ftplib(ftplib.FTP_TLS),
    "ftplib-resuming": lambda: run_ftplib(Resuming),
    "ftputil": run_ftputil,
    "fsspec": run_fsspec,
    "PyFilesystem": run_pyfilesystem,
    "pycurl": run_pycurl,
}
CLIENTS[sys.argv[1]]()
