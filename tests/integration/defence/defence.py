# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the checks before DATA share: a gateway with real DNS zones, strangers, evidence."""

import itertools
import socket
import struct
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "smtp-peers"))

import peers  # noqa: E402  # also opens the way to the gateway's harness
import harness  # noqa: E402
from harness import Gateway, Sink, wait_for  # noqa: E402
from messages import is_whole, sealed, unique_id  # noqa: E402
from peers import Dialogue, NameServer  # noqa: E402

#: Everything else of DNS: what no zone knows does not exist, instead of being refused.
ROOT_ZONE = {".": ""}
#: All checks off; a test switches on what it is about.
OFF = {"greet_wait": 0, "greylist": 0, "spf": 0, "use_rbl": 0, **peers.XCLIENT_HERE}

_hosts = itertools.count(1)


def stranger() -> str:
    """An address that no other test of this file uses (TEST-NET-2, RFC 5737)."""
    return f"198.51.100.{next(_hosts)}"


class Attempt:
    """What a client was told, command by command, until one was refused."""

    def __init__(self, client: str, sender: str, to: list[str]) -> None:
        self.client, self.sender, self.to = client, sender, to
        self.greeting = self.helo = self.mail = ""
        self.rcpt: list[str] = []
        self.data = ""
        self.ident = ""

    @property
    def last(self) -> str:
        return self.data or (self.rcpt[-1] if self.rcpt else "") or self.mail or self.helo or self.greeting

    @property
    def is_taken(self) -> bool:
        return self.data.startswith("250")

    def __repr__(self) -> str:
        return f"{self.client} <{self.sender}> -> {self.to}: {self.last!r}"


def converse(port: int, client: str, sender: str, to: str | list[str] = "user@example.com",
             helo: str = "mail.outside.test", with_data: bool = True) -> Attempt:
    """One client's attempt to send a sealed message; stops at the first refusal (but tries each RCPT)."""
    attempt = Attempt(client, sender, [to] if isinstance(to, str) else to)
    with Dialogue(port, as_client=client) as session:
        attempt.greeting = session.greeting
        if not attempt.greeting.startswith("220"):
            return attempt
        attempt.helo = session.ask(f"EHLO {helo}")
        if not attempt.helo.startswith("250"):
            return attempt
        attempt.mail = session.ask(f"MAIL FROM:<{sender}>")
        if not attempt.mail.startswith("250"):
            return attempt
        attempt.rcpt = [session.ask(f"RCPT TO:<{each}>") for each in attempt.to]
        if with_data and any(reply.startswith("250") for reply in attempt.rcpt):
            session.ask("DATA")
            attempt.ident = unique_id("defence")
            attempt.data = session.ask(sealed(attempt.ident) + b".")
    return attempt


class DefenceCase(unittest.TestCase):
    """A class shares one name server, one gateway and one sink. `zones` as of NameServer."""

    zones: dict[str, str] = {}
    mail: dict = {}
    domains: tuple[str, ...] = ("example.com",)
    files: dict[str, str] = {}
    sink_options: dict = {}

    @classmethod
    def setUpClass(cls) -> None:
        cls.names = NameServer({**ROOT_ZONE, **cls.zones})
        cls.addClassCleanup(cls.names.stop)
        cls.names.start()
        cls.sink = Sink(**cls.sink_options)
        cls.addClassCleanup(cls.sink.__exit__)
        cls.sink.start()
        cls.gateway = cls.make_gateway()
        cls.addClassCleanup(cls.gateway.close)
        cls.gateway.start()

    @classmethod
    def make_gateway(cls) -> Gateway:
        return Gateway(relay_port=cls.sink.port, domains=cls.domains, files=cls.files,
                       arguments=("--dns", cls.dns_server()), mail={**OFF, **cls.mail})

    @classmethod
    def dns_server(cls) -> str:
        return cls.names.server

    # ---- mail ----
    def attempt(self, client: str, sender: str | None = None, to: str | list[str] = "user@example.com",
                **options) -> Attempt:
        """Without `sender` it is one that nobody has seen yet."""
        if sender is None:
            sender = f"somebody@{unique_id('d')}.outside.test"
        return converse(self.gateway.external, client, sender, to, **options)

    def assert_taken(self, attempt: Attempt) -> bytes:
        """The message went through whole; gives it as the next hop got it."""
        self.assertTrue(attempt.is_taken, attempt)
        raw = self.sink.wait_for(attempt.ident)[0].raw
        self.assertTrue(is_whole(raw))
        return raw

    def assert_refused(self, attempt: Attempt, code: str, *words: str) -> None:
        """The last reply begins with the codes and holds each of the words."""
        self.assertTrue(attempt.last.startswith(code), f"{attempt} is not {code}")
        for word in words:
            self.assertIn(word, attempt.last)
        self.assertEqual(attempt.data, "")

    # ---- tracking ----
    def evidence(self, client: str, kind: str = "refused", check: str = "", sender: str = "",
                 reply: str = "") -> dict:
        """The newest event about the client with all that is given, as pmgtrack shows it."""
        def is_wanted(event: dict) -> bool:
            return (event["kind"] == kind and (not check or event["detail"].get("check") == check)
                    and (not sender or event["sender"] == sender) and (not reply or event["reply"] == reply))
        def look():
            mails = self.gateway.run_json("pmgtrack", "--json", "--since", "1h")["mails"]
            for mail in mails:
                if mail["client"].split("[")[0] != client:
                    continue
                found = self.gateway.run_json("pmgtrack", "--json", "--queue-id", mail["queue_id"])
                for event in reversed(found["events"]):
                    if is_wanted(event):
                        return {**event, "status": mail["status"]}
            return None
        return wait_for(look, 20, f"a tracking event '{kind}' {check} about {client} {reply}", 0.3)

    def assert_tracked(self, attempt: Attempt, check: str) -> dict:
        """The refusal is tracked with its reply, its check and who was meant; gives the evidence."""
        event = self.evidence(attempt.client, "refused", check, attempt.sender if attempt.mail else "", attempt.last)
        return event["detail"]

    # ---- settings ----
    def configured(self, **keys) -> None:
        """Changes keys of section mail and waits until new sessions follow; back at the end of the test."""
        before = {key: self.gateway.sections["mail"].get(key) for key in keys}
        self.addCleanup(self._configure, before)
        self._configure(keys)

    def _configure(self, keys: dict) -> None:
        banner = unique_id("banner")
        self.gateway.configure("mail", **keys, banner=banner)
        def greets():
            with Dialogue(self.gateway.external) as session:
                return banner in session.greeting
        wait_for(greets, 20, f"{keys} to take effect", 0.1)

    def trust(self, *networks: str) -> None:
        """Puts networks into mynetworks for this test."""
        self.addCleanup(self._write_networks, "")
        self._write_networks("".join(f"{network} # an office\n" for network in networks))

    def _write_networks(self, text: str) -> None:
        self.gateway.write("mynetworks", text)
        self._configure({})

    def allow(self, kind: str, value: str) -> None:
        """Adds an entry to the SMTP allow list, as an administrator would; out again after the test."""
        self.gateway.run("pmgrule", "allowlist", "add", kind, value)
        self.addCleanup(self.gateway.run, "pmgrule", "allowlist", "remove", value)


def reverse4(address: str) -> str:
    """203.0.113.9 -> 9.113.0.203"""
    return ".".join(reversed(address.split(".")))


def reverse6(address: str) -> str:
    """The 32 nibbles of an IPv6 address, the last first (RFC 5782 §2.4)."""
    return ".".join(reversed(socket.inet_pton(socket.AF_INET6, address).hex()))


class DnsStub:
    """A resolver that says what it likes, over UDP. `answer(name, type)` gives IPv4 addresses, [] for no such
    name or None for silence; `delay` seconds pass before each answer. Change both while it runs."""

    def __init__(self, answer=lambda name, kind: []) -> None:
        self.answer = answer
        self.delay = 0.0
        self.questions: list[tuple[str, int]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def server(self) -> str:
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                question, client = self._socket.recvfrom(4096)
            except OSError:
                return
            threading.Thread(target=self._reply, args=(question, client), daemon=True).start()

    def _reply(self, question: bytes, client) -> None:
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode(errors="replace").lower())
            at += 1 + question[at]
        kind = struct.unpack("!H", question[at + 1:at + 3])[0]
        name = ".".join(labels)
        self.questions.append((name, kind))
        addresses = self.answer(name, kind)
        if addresses is None:
            return
        time.sleep(self.delay)
        records = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 5, 4) + socket.inet_aton(address)
                           for address in (addresses if kind == 1 else []))
        count = len(addresses) if kind == 1 else 0
        flags = 0x8180 if addresses else 0x8183
        header = question[:2] + struct.pack("!HHHHH", flags, 1, count, 0, 0)
        try:
            self._socket.sendto(header + question[12:at + 5] + records, client)
        except OSError:
            pass


def main() -> None:
    """Runs the tests of the calling file as ctest wants them."""
    if not NameServer.is_installed():
        harness.skip_whole_file("nsd is not installed (apt-get install nsd)")
    harness.require_programs("pmgrule", "pmgtrack")
    unittest.main(verbosity=2)
