# SPDX-License-Identifier: GPL-2.0-or-later
"""Peers for SMTP tests: a stranger behind XCLIENT, a next hop that keeps raw bytes, a name server, TLS."""

import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "gateway"), str(TESTS / "postfix")]

from harness import Folder, HarnessError, REPOSITORY, _end_with_parent, wait_for  # noqa: E402
from postfix import free_port  # noqa: E402

#: Loopback may use XCLIENT, so that a test can speak as a client from anywhere.
XCLIENT_HERE = {"xclient_hosts": "127.0.0.1", "trust_own_networks": 0}
STRANGER = "203.0.113.1"  # TEST-NET-3 (RFC 5737): trusted by nobody


def corpora() -> Path:
    return Path(os.environ.get("PORTCULLIS_CORPORA") or REPOSITORY.parent / "shared/corpora")


class Dialogue:
    """One SMTP session, byte by byte. `as_client` speaks as another address (XCLIENT)."""

    def __init__(self, port: int, as_client: str = "", timeout: float = 30, source: str = "") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout,
                                                (source, 0) if source else None)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")
        self.greeting = self.reply()
        if as_client:
            self.ask("EHLO proxy.test")
            name = "[UNAVAILABLE]"
            prefix = "IPV6:" if ":" in as_client else ""
            self.greeting = self.ask(f"XCLIENT ADDR={prefix}{as_client} NAME={name}")

    def __enter__(self) -> "Dialogue":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    @property
    def socket(self) -> socket.socket:
        return self._socket

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def reply(self) -> str:
        """A whole reply, its lines joined; empty when the server has closed."""
        lines = []
        try:
            while line := self._file.readline():
                lines.append(line.decode(errors="replace").rstrip("\r\n"))
                if line[3:4] != b"-":
                    break
        except ConnectionError:
            pass
        return "\n".join(lines)

    def ask(self, command: str | bytes) -> str:
        data = command.encode() if isinstance(command, str) else command
        try:
            self.send(data + b"\r\n")
        except ConnectionError:
            return ""
        return self.reply()

    def ehlo(self) -> str:
        return self.ask("EHLO client.test")

    def envelope(self, sender: str = "sender@outside.test", to: str = "user@example.com") -> None:
        """MAIL and RCPT, which must be taken."""
        for command in (f"MAIL FROM:<{sender}>", f"RCPT TO:<{to}>"):
            answer = self.ask(command)
            if not answer.startswith("250"):
                raise HarnessError(f"{command}: {answer}")

    def rest(self) -> bytes:
        """All that still comes until the server closes."""
        try:
            return self._file.read()
        except ConnectionError:
            return b""

    def start_tls(self, context: ssl.SSLContext | None = None) -> None:
        answer = self.ask("STARTTLS")
        if not answer.startswith("220"):
            raise HarnessError(f"STARTTLS: {answer}")
        self.wrap(context)

    def wrap(self, context: ssl.SSLContext | None = None) -> None:
        self._file.close()
        self._socket = (context or any_certificate()).wrap_socket(self._socket)
        self._file = self._socket.makefile("rb")


def any_certificate() -> ssl.SSLContext:
    """As opportunistic TLS does it: encrypts, proves nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class StrangerDoor:
    """A port that leads to the gateway's, where every client is `address` instead of loopback.

    For tools that can only connect: over loopback they would be the gateway itself.
    """

    def __init__(self, target: int, address: str = STRANGER) -> None:
        self._target, self._address = target, address
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "StrangerDoor":
        return self

    def __exit__(self, *_) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                with Dialogue(self._target, self._address, timeout=300) as inner:
                    client.sendall(inner.greeting.encode() + b"\r\n")
                    backwards = threading.Thread(target=_copy, args=(inner.socket, client), daemon=True)
                    backwards.start()
                    _copy(client, inner.socket)
                    backwards.join()
            except OSError:
                pass


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    try:
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class RawSink:
    """A next hop that keeps what it was sent byte for byte, dots still stuffed.

    `conversations` holds for each connection all bytes received; `contents` what stood between a
    354 and the CRLF.CRLF that ended it. `ehlo` are the announced extensions.
    """

    def __init__(self, ehlo=("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 0")) -> None:
        self._ehlo = ehlo
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self._listener.getsockname()[1]
        self.conversations: list[bytearray] = []
        self.contents: list[bytes] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "RawSink":
        return self

    def __exit__(self, *_) -> None:
        self._listener.close()

    def find(self, marker: str) -> list[bytes]:
        return [content for content in list(self.contents) if marker.encode() in content]

    def wait_for(self, marker: str, count: int = 1, timeout: float = 30) -> list[bytes]:
        return wait_for(lambda: len(found := self.find(marker)) >= count and found, timeout,
                        f"{count} message(s) with {marker} at the raw sink")

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        seen = bytearray()
        self.conversations.append(seen)
        with client, client.makefile("rb") as lines:
            try:
                client.sendall(b"220 raw.test ESMTP\r\n")
                while line := lines.readline():
                    seen += line
                    self._answer(client, lines, line.strip().upper(), seen)
            except OSError:
                pass

    def _answer(self, client, lines, command: bytes, seen: bytearray) -> None:
        if command.startswith(b"EHLO"):
            names = ["raw.test", *self._ehlo]
            text = "".join(f"250-{name}\r\n" for name in names[:-1]) + f"250 {names[-1]}\r\n"
            client.sendall(text.encode())
        elif command == b"DATA":
            client.sendall(b"354 go on\r\n")
            content = bytearray()
            while not content.endswith(b"\r\n.\r\n") and content != b".\r\n":
                byte = lines.read(1)
                if not byte:
                    return
                content += byte
            seen += content
            self.contents.append(bytes(content[:-3]))
            client.sendall(b"250 2.0.0 kept\r\n")
        elif command == b"QUIT":
            client.sendall(b"221 bye\r\n")
            client.shutdown(socket.SHUT_RDWR)
        else:
            client.sendall(b"250 2.0.0 Ok\r\n")


def framing_faults(content: bytes) -> list[str]:
    """What in raw content could mean different things to different servers (RFC 5321 §2.3.8, §4.5.2)."""
    faults = []
    if re.search(rb"\r(?!\n)", content):
        faults.append("a CR alone")
    if re.search(rb"(?<!\r)\n", content):
        faults.append("a LF alone")
    if re.search(rb"(^|\n)\0*\.\0*\r\n", content):
        faults.append("a dot alone but for NULs")
    if re.search(rb"(^|\n)\.(?!\.)", content):
        faults.append("a dot at the start of a line that is not stuffed")
    return faults


class NameServer:
    """A private nsd. `zones` maps names to records relative to them."""

    def __init__(self, zones: dict[str, str], port: int = 0) -> None:
        self._folder = Folder("portcullis-nsd-")
        self.port = port or free_port()
        folder = self._folder.path
        config = (f'server:\n  ip-address: 127.0.0.1@{self.port}\n  username: ""\n  chroot: ""\n'
                  f'  database: ""\n  zonesdir: "{folder}"\n  pidfile: "{folder}/nsd.pid"\n'
                  f'  xfrdfile: "{folder}/xfrd.state"\n  zonelistfile: "{folder}/zone.list"\n'
                  f'  xfrdir: "{folder}"\n  server-count: 1\n  rrl-ratelimit: 0\n'
                  "remote-control:\n  control-enable: no\n")
        for number, (name, records) in enumerate(zones.items()):
            config += f'zone:\n  name: "{name}"\n  zonefile: "zone{number}"\n'
            (folder / f"zone{number}").write_text(
                f"$ORIGIN {name.rstrip('.')}.\n$TTL 60\n@ SOA ns.invalid. host.invalid. 1 60 60 3600 60\n"
                f"@ NS ns.invalid.\n{records}\n")
        (folder / "nsd.conf").write_text(config)
        self._process: subprocess.Popen | None = None

    @staticmethod
    def is_installed() -> bool:
        return shutil.which("nsd") is not None or Path("/usr/sbin/nsd").exists()

    @property
    def server(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> "NameServer":
        self._process = subprocess.Popen(
            ["/usr/sbin/nsd", "-d", "-c", str(self._folder.path / "nsd.conf")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=_end_with_parent)
        wait_for(self._answers, 20, "nsd to answer")
        return self

    def _answers(self) -> bool:
        question = struct.pack("!6H", 1, 0, 1, 0, 0, 0) + b"\0" + struct.pack("!2H", 6, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.2)
            try:
                client.sendto(question, ("127.0.0.1", self.port))
                return bool(client.recv(512))
            except OSError:
                return False

    def halt(self) -> None:
        """Nothing answers on the port until start()."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def stop(self) -> None:
        self.halt()
        self._folder.remove()

    def __enter__(self) -> "NameServer":
        return self.start()

    def __exit__(self, *_) -> None:
        self.stop()


class CertificateAuthority:
    """A CA of the test's own, and certificates by it, as PEM files in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.file = folder / "ca.pem"
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                      "/CN=Portcullis test CA", "-keyout", str(folder / "ca.key"), "-out", str(self.file))
        self.file.chmod(0o644)

    def _openssl(self, *arguments: str) -> str:
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=True,
                              timeout=60)
        return done.stdout

    def certificate(self, name: str) -> tuple[Path, Path]:
        """Certificate and key for a host name."""
        key, request, certificate = (self._folder / f"{name}.{end}" for end in ("key", "csr", "pem"))
        extension = self._folder / f"{name}.ext"
        extension.write_text(f"subjectAltName=DNS:{name}\n")
        self._openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", str(key),
                      "-out", str(request))
        self._openssl("x509", "-req", "-in", str(request), "-CA", str(self.file), "-CAkey",
                      str(self._folder / "ca.key"), "-CAcreateserial", "-days", "2", "-extfile",
                      str(extension), "-out", str(certificate))
        return certificate, key


def fingerprint(certificate: Path) -> str:
    """SHA-256 of a certificate, colons between the octets."""
    done = subprocess.run(["openssl", "x509", "-in", str(certificate), "-noout", "-fingerprint",
                           "-sha256"], capture_output=True, text=True, check=True, timeout=20)
    return done.stdout.strip().partition("=")[2]
