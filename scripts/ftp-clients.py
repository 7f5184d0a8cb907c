"""Tests of ftpd with Python's ftplib; started by scripts/ftp-clients."""

import ftplib
import io
import os
import socket
import ssl
import sys
import threading


class Resuming(ftplib.FTP_TLS):
    """Resumes the TLS session of the control connection on data connections; ftplib starts new ones."""

    resumes = True

    def ntransfercmd(self, cmd, rest=None):
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if self._prot_p:
            session = self.sock.session if self.resumes else None
            conn = self.context.wrap_socket(conn, server_hostname=self.host, session=session)
        return conn, size


def get(ftp, name, rest=None):
    out = io.BytesIO()
    ftp.retrbinary(f"RETR {name}", out.write, rest=rest)
    return out.getvalue()


def tls(port, certificate):
    context = ssl.create_default_context(cafile=certificate)
    ftp = Resuming(context=context)
    ftp.connect("localhost", port)
    ftp.login()
    ftp.prot_p()
    for nth in range(50):
        data = bytes([nth]) * 1000 * nth
        ftp.storbinary("STOR hundred", io.BytesIO(data))
        assert get(ftp, "hundred") == data, nth
    print(ftp.sock.version(), "100 transfers")
    ftp.resumes = False
    try:
        get(ftp, "hundred")
        raise AssertionError("a data connection that does not resume the session was accepted")
    except (ssl.SSLError, ConnectionError, ftplib.Error) as err:
        print("refused:", err)


def plain(port):
    ftp = ftplib.FTP()
    ftp.connect("127.0.0.1", port)
    ftp.login()
    assert get(ftp, "tree/text", rest=4) == b"two\n"
    lines = []
    ftp.retrlines("RETR tree/text", lines.append)
    assert lines == ["one", "two"], lines
    assert ftp.nlst("tree/a") == ["tree/a/b", "tree/a/large"], ftp.nlst("tree/a")
    assert dict(ftp.mlsd("tree"))["text"]["size"] == "8"
    ftp.voidcmd("TYPE I")
    conn = ftp.transfercmd("RETR tree/a/large")
    conn.recv(10)
    if ftp.abort().startswith("426"):
        ftp.voidresp()  # the reply to ABOR itself
    conn.close()
    assert ftp.size("tree/a/large") == 5000000
    ftp.quit()


def swap(port, site, n_retrs):
    """Downloads from a directory that is replaced by a link to /etc again and again."""
    real, link, name = (os.path.join(site, n) for n in ("real", "link", "swapped"))
    os.mkdir(real)
    with open(os.path.join(real, "passwd"), "w") as file:
        file.write("inside")
    os.symlink("/etc", link)
    over = threading.Event()

    def swapping():
        while not over.is_set():
            for end in (real, link):
                os.rename(end, name)
                os.rename(name, end)

    swapper = threading.Thread(target=swapping)
    swapper.start()
    control = socket.create_connection(("127.0.0.1", port))
    replies = control.makefile("rb")

    def command(line):
        control.sendall(line + b"\r\n")
        return replies.readline()

    counts = {"read": 0, "refused": 0}
    try:
        replies.readline()
        command(b"USER anonymous"), command(b"PASS x"), command(b"TYPE I")
        for _ in range(n_retrs):
            data = socket.create_connection(("127.0.0.1", int(command(b"EPSV").split(b"|")[3])))
            if command(b"RETR swapped/passwd").startswith(b"150"):
                text = data.makefile("rb").read()
                assert text == b"inside", text
                assert replies.readline().startswith(b"226")
                counts["read"] += 1
            else:
                counts["refused"] += 1
            data.close()
    finally:
        over.set()
        swapper.join()
    print(counts)


if __name__ == "__main__":
    test, port, *rest = sys.argv[1:]
    if test == "tls":
        tls(int(port), *rest)
    elif test == "plain":
        plain(int(port))
    else:
        swap(int(port), rest[0], int(rest[1]))
