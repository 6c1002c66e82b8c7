# SPDX-License-Identifier: GPL-2.0-or-later
"""Messages whose wholeness can be checked wherever they turn up, and clients that send them."""

import base64
import hashlib
import itertools
import os
import re
import smtplib
import socket
import threading
import time

_counter = itertools.count(1)
_run = os.urandom(4).hex()

# Put together here, so that no scanner of the machine takes this file away.
EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-" + "ANTIVIRUS-TEST-FILE!$H+H*"
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-" + "ANTI-UBE-TEST-EMAIL*C.34X"

SENDER = "sender@outside.test"
RECIPIENT = "user@example.com"
SEAL = re.compile(rb"\r\n=seal=([0-9a-z-]+)=(\d+)=([0-9a-f]{64})=\r\n")


def unique_id(prefix: str = "mail") -> str:
    """Unique over all messages of all runs; found in every copy of its message."""
    return f"{prefix}-{_run}-{next(_counter)}"


def message(ident: str, body: str = "Hello.\n", subject: str = "test", sender: str = SENDER,
            to: str = RECIPIENT, headers: str = "") -> bytes:
    text = (f"From: <{sender}>\nTo: <{to}>\nSubject: {subject}\nMessage-ID: <{ident}@test.invalid>\n"
            f"Date: Sat, 21 Nov 2026 09:00:00 +0000\n{headers}\n{body}")
    return text.replace("\n", "\r\n").encode()


def with_attachment(ident: str, name: str, content: bytes,
                    content_type: str = "application/octet-stream", **fields) -> bytes:
    body = (f"--frontier\nContent-Type: text/plain\n\nSee the attachment.\n"
            f"--frontier\nContent-Type: {content_type}; name=\"{name}\"\n"
            f"Content-Disposition: attachment; filename=\"{name}\"\n"
            f"Content-Transfer-Encoding: base64\n\n{base64.encodebytes(content).decode()}--frontier--\n")
    return message(ident, body, headers='MIME-Version: 1.0\nContent-Type: multipart/mixed; '
                   'boundary="frontier"\n', **fields)


def sealed(ident: str, size: int = 4000, **fields) -> bytes:
    """A message whose last line tells its own body's length and hash: see is_whole()."""
    line = f"{ident} " + "0123456789abcdef" * 4 + "\r\n"
    body = (line * (size // len(line) + 1)).encode()
    seal = f"\r\n=seal={ident}={len(body)}={hashlib.sha256(body).hexdigest()}=\r\n".encode()
    return message(ident, "", **fields) + body + seal


def is_whole(raw: bytes) -> bool:
    """Whether the body of a sealed() message is there to the last byte, wherever it has been."""
    found = SEAL.search(raw)
    if found is None:
        return False
    length = int(found.group(2))
    body = raw[found.start() - length:found.start()]
    return (len(body) == length and hashlib.sha256(body).hexdigest().encode() == found.group(3)
            and raw[:found.start() - length].endswith(b"\r\n\r\n"))


def send(port: int, content: bytes, sender: str = SENDER, to: str | list[str] = RECIPIENT,
         timeout: float = 60) -> tuple[int, str]:
    """The reply to the end of data. Raises smtplib's exceptions for refusals before that."""
    with smtplib.SMTP("127.0.0.1", port, "client.test", timeout=timeout) as client:
        return submit(client, content, sender, to)


def submit(client: smtplib.SMTP, content: bytes, sender: str = SENDER,
           to: str | list[str] = RECIPIENT) -> tuple[int, str]:
    """One transaction in a session that is open."""
    client.ehlo_or_helo_if_needed()
    code, text = client.mail(sender)
    if code != 250:
        raise smtplib.SMTPSenderRefused(code, text, sender)
    for recipient in [to] if isinstance(to, str) else to:
        code, text = client.rcpt(recipient)
        if code != 250:
            raise smtplib.SMTPRecipientsRefused({recipient: (code, text)})
    code, text = client.data(content)
    return code, text.decode(errors="replace")


class RawClient:
    """Bytes to a port and lines back, for what smtplib would not say."""

    def __init__(self, port: int, timeout: float = 30) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(self, *_) -> None:
        self._file.close()
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def reply(self) -> str:
        """A whole reply, its lines joined; empty when the server has closed."""
        lines = []
        while line := self._file.readline():
            lines.append(line.decode(errors="replace").rstrip("\r\n"))
            if line[3:4] != b"-":
                break
        return "\n".join(lines)

    def ask(self, command: str) -> str:
        self.send(command.encode() + b"\r\n")
        return self.reply()


class Load:
    """Clients that send sealed, numbered messages until told to stop, and remember what was promised.

    `accepted` are the ids that got 250; `refused` those that got another reply; `unknown` those whose
    session broke before a reply, so that they may or may not arrive.
    """

    def __init__(self, gateway, clients: int = 8, per_session: int = 5, pause: float = 0.05,
                 prefix: str = "load", recipient: str = RECIPIENT, make=sealed) -> None:
        """`make(id)` gives the bytes of a message; a client waits `pause` seconds after each."""
        self._gateway = gateway
        self._settings = (per_session, pause, prefix, recipient, make)
        self._lock = threading.Lock()
        self._should_stop = threading.Event()
        self.accepted: dict[str, float] = {}
        self.refused: dict[str, str] = {}
        self.unknown: set[str] = set()
        self.failed_connects = 0
        self.errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._guard, daemon=True) for _ in range(clients)]
        self.clients = clients

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def stop(self) -> None:
        self._should_stop.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        if self.errors:
            raise self.errors[0]

    def wait_accepted(self, count: int, timeout: float = 30) -> None:
        """Waits until so many more messages were accepted than now."""
        goal, deadline = len(self.accepted) + count, time.monotonic() + timeout
        while len(self.accepted) < goal:
            if time.monotonic() > deadline or self.errors:
                raise AssertionError(f"only {count - goal + len(self.accepted)} of {count} messages were "
                                     f"accepted within {timeout} s; the last refusals: "
                                     f"{list(self.refused.values())[-3:]}")
            time.sleep(0.02)

    def _guard(self) -> None:
        try:
            while not self._should_stop.is_set():
                self._session()
        except BaseException as error:  # pylint: disable=broad-except  # shown by stop()
            self.errors.append(error)

    def _session(self) -> None:
        per_session = self._settings[0]
        try:
            with smtplib.SMTP("127.0.0.1", self._gateway.external, "client.test", timeout=60) as client:
                for _ in range(per_session):
                    if self._should_stop.is_set():
                        return
                    if not self._one(client):
                        return
        except (OSError, smtplib.SMTPException):
            self.failed_connects += 1
            time.sleep(0.05)

    def _one(self, client: smtplib.SMTP) -> bool:
        _, pause, prefix, recipient, make = self._settings
        ident = unique_id(prefix)
        try:
            code, text = submit(client, make(ident), to=recipient)
        except (smtplib.SMTPSenderRefused, smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as error:
            with self._lock:
                self.refused[ident] = str(error)
            return False
        except (OSError, smtplib.SMTPException):
            with self._lock:
                self.unknown.add(ident)
            return False
        with self._lock:
            if code == 250:
                self.accepted[ident] = time.monotonic()
            else:
                self.refused[ident] = f"{code} {text}"
        time.sleep(pause)
        return code == 250
