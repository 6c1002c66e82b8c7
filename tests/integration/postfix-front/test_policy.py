#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""pmgpolicy as a client of its protocol sees it, the database and DNS away included."""

import contextlib
import json
import signal
import socket
import time
import unittest

import front
from front import BACKUP_MX, CHECKS, RETRY_AFTER, SPF_GOOD, STRANGER, ZONES
from harness import Gateway, wait_for

DEFERRED = "DEFER_IF_PERMIT Service is unavailable (try later)"


class PolicyClient:
    """One connection to the policy service, as a Postfix smtpd keeps it."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 40)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> "PolicyClient":
        return self

    def __exit__(self, *_) -> None:
        self._file.close()
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def answer(self) -> str:
        """The action; empty when the service has closed."""
        line = self._file.readline().decode().rstrip("\n")
        if line and self._file.readline() != b"\n":
            raise AssertionError(f"no empty line after {line}")
        return line.removeprefix("action=")

    def ask(self, **attributes: str) -> str:
        self.send(request(**attributes))
        return self.answer()


def request(**attributes: str) -> bytes:
    """A question about a recipient. Whoever has passed five times is known to greylisting, so each test has its own sender."""
    fields = {"request": "smtpd_access_policy", "protocol_state": "RCPT", "protocol_name": "ESMTP",
              "client_address": STRANGER, "client_name": "unknown", "helo_name": "client.outside.test",
              "sender": "anna@outside.test", "recipient": "user@example.com", **attributes}
    return "".join(f"{name}={value}\n" for name, value in fields.items()).encode() + b"\n"


class PolicyTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.names = front.peers.NameServer(ZONES)
        cls.addClassCleanup(cls.names.stop)
        cls.names.start()
        cls.port = front.free_port()
        filters = {name: front.free_port() for name in ("filter_port_in", "filter_port_out", "reinject_port")}
        cls.gateway = Gateway(arguments=("--dns", cls.names.server),
                              mail={"behind_postfix": 1, "policy_port": cls.port, **CHECKS, **filters})
        cls.addClassCleanup(cls.gateway.close)
        cls.gateway.start()

    def connect(self) -> PolicyClient:
        client = PolicyClient(self.port)
        self.addCleanup(client.__exit__)
        return client

    def test_ready_line_tells_the_ports(self):
        ready = next(event for event in self.gateway.events() if event["event"] == "ready")
        self.assertEqual(ready["policy"], self.port)
        self.assertIn("filter_in", ready)
        self.assertIn("filter_out", ready)
        self.assertIsNone(ready["smtp_ext"])

    def test_one_connection_carries_many_requests_and_pipelines(self):
        client = self.connect()
        recipients = [f"pipe{number}@example.com" for number in range(50)]
        client.send(b"".join(request(sender="a@pipe.test", recipient=each) for each in recipients))
        self.assertEqual([client.answer() for _ in recipients], [DEFERRED] * 50)
        time.sleep(RETRY_AFTER)
        client.send(b"".join(request(sender="a@pipe.test", recipient=each, instance="1.2.3") for each in recipients))
        answers = [client.answer() for _ in recipients]
        self.assertTrue(answers[0].startswith("PREPEND Received-SPF: none"), answers[0])
        self.assertEqual(answers[1:], ["DUNNO"] * 49)  # The field only once for a message.

    def test_order_of_the_decisions(self):
        client = self.connect()
        for what, attributes, expected in (
                ("loopback", {"client_address": "127.0.0.1", "sender": "a@fail.test"}, "DUNNO"),
                ("a user who logged in", {"sasl_username": "carla", "sender": "a@fail.test"}, "DUNNO"),
                ("before RCPT", {"protocol_state": "MAIL", "sender": "a@fail.test"}, "DUNNO"),
                ("backup MX", {"client_address": BACKUP_MX, "sender": "a@fail.test"}, "PREPEND Received-SPF: fail"),
                ("SPF pass", {"client_address": SPF_GOOD, "sender": "a@pass.test"}, "PREPEND Received-SPF: pass"),
                ("SPF fail", {"sender": "a@fail.test"}, "550 5.7.23 "),
                ("first attempt", {"recipient": "order@example.com"}, DEFERRED),
                ("null sender", {"sender": "", "recipient": "null@example.com"}, DEFERRED)):
            with self.subTest(what):
                answer = client.ask(**attributes)
                self.assertTrue(answer.startswith(expected), answer)
                self.assertNotIn("\r", answer)

    def test_allow_list_spares_all_checks_within_a_second_of_a_change(self):
        client = self.connect()
        self.assertTrue(client.ask(sender="friend@fail.test").startswith("550"))
        document = json.loads(self.gateway.run("pmgrule", "export").stdout)
        group = next(each for each in document["groups"] if each["class"] == "greylist")
        group["objects"].append({"kind": "email", "email": "friend@fail.test"})
        file = self.gateway.scratch_folder / "rules.json"
        file.write_text(json.dumps(document))
        self.gateway.run("pmgrule", "import", str(file), "--note", "test")
        self.addCleanup(self.gateway.run, "pmgdb", "reset")
        wait_for(lambda: client.ask(sender="friend@fail.test") == "DUNNO", 10, "the new list", 0.1)

    def test_malformed_requests_are_answered_dunno_and_end_nothing(self):
        for junk in (b"\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"request=smtpd_access_policy\n\n",
                     b"x" * 20000 + b"\n\n", request(client_address="nobody"), request(recipient=""),
                     request(sender="\xff\xfe@@")):
            with self.subTest(junk[:30]):
                client = self.connect()
                client.send(junk)
                self.assertEqual(client.answer(), "DUNNO")
                self.assertTrue(client.ask(sender="a@fail.test").startswith("550"))
        self.assertIn("policy.malformed", self.gateway.log())

    def test_endless_input_is_cut_off_and_others_are_served(self):
        client = self.connect()
        with contextlib.suppress(OSError):
            for _ in range(1000):
                client.send(b"a=b\n" * 10_000)
            self.fail("40 MB of one request were taken")
        self.assertTrue(self.connect().ask(sender="a@fail.test").startswith("550"))

    def test_hundreds_of_connections_are_served_at_once(self):
        clients = [self.connect() for _ in range(300)]
        for number, client in enumerate(clients):
            client.send(request(recipient=f"many{number}@example.com"))
        self.assertEqual({client.answer() for client in clients}, {DEFERRED})

    def test_dns_that_does_not_answer_refuses_nobody_for_good(self):
        pid = self.names._process.pid
        self.names._process.send_signal(signal.SIGSTOP)
        try:
            answer = self.connect().ask(sender="a@nodns.fail.test", recipient="nodns@example.com")
            self.assertFalse(answer.startswith("5"), answer)
        finally:
            self.names._process.send_signal(signal.SIGCONT)
        self.assertEqual(self.names._process.pid, pid)

    def test_settings_take_effect_without_a_restart(self):
        client = self.connect()
        self.assertEqual(client.ask(recipient="setting@example.com"), DEFERRED)
        self.gateway.configure("mail", greylist=0, spf=0)
        try:
            wait_for(lambda: client.ask(recipient="setting@example.com") == "DUNNO", 15, "the new settings", 0.2)
        finally:
            self.gateway.configure("mail", greylist=1, spf=1)
        wait_for(lambda: client.ask(sender="a@fail.test").startswith("550"), 15, "the old settings", 0.2)

    def test_what_is_known_survives_a_restart(self):
        client = self.connect()
        self.assertEqual(client.ask(recipient="again@example.com"), DEFERRED)
        time.sleep(RETRY_AFTER)
        before = self.gateway.pids("pmgpolicy")
        self.gateway.kill("pmgpolicy", signal.SIGKILL)
        wait_for(lambda: (now := self.gateway.pids("pmgpolicy")) and now != before, 10, "another pmgpolicy")
        second = wait_for(self.try_connect, 10, "a connection")
        wait_for(lambda: second.ask(recipient="again@example.com").startswith("PREPEND"), 10, "the triplet", 0.2)

    def try_connect(self) -> PolicyClient | None:
        try:
            return self.connect()
        except OSError:
            return None


if __name__ == "__main__":
    front.main()
