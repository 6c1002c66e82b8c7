# SPDX-License-Identifier: GPL-2.0-or-later
"""Hostile peers against the running daemon: TLS tricks, slow clients, floods, other protocols, spoofing."""

import concurrent.futures
import socket
import ssl
import subprocess
import threading
import time
import unittest

import peers
import harness
from harness import GatewayCase, wait_for
from messages import message, sealed, send, unique_id
from peers import STRANGER, Dialogue, any_certificate

LIMITS = {"tls": 1, "conn_count_limit": 5, "handshake_timeout": 2, "command_timeout": 5, "data_timeout": 5,
          "max_smtpd_in": 60, **peers.XCLIENT_HERE}


class InjectingHop:
    """A next hop whose reply to STARTTLS carries more in plain text; keeps what it is then told."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.heard: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, client.makefile("rb") as lines:
                client.sendall(b"220 hop.test\r\n")
                for answer in (b"250-hop.test\r\n250 STARTTLS\r\n", b"220 go\r\n250-hop.test\r\n250 AUTH\r\n"):
                    self.heard.append(lines.readline())
                    client.sendall(answer)
                self.heard.append(lines.read(100))


class HostileTest(GatewayCase):
    gateway_options = {"mail": LIMITS, "domains": ("example.com", "inject.test")}

    @classmethod
    def setUpClass(cls) -> None:
        cls.hop = InjectingHop()
        cls.addClassCleanup(cls.hop.close)
        cls.gateway_options["files"] = {"transport": f"inject.test smtp:[127.0.0.1]:{cls.hop.port}\n",
                                        "tls_policy": "inject.test encrypt\n"}
        super().setUpClass()

    @property
    def ports(self) -> tuple[int, int]:
        return self.gateway.external, self.gateway.internal

    def setUp(self) -> None:
        self.daemon = self.gateway.pids("pmg-smtpd")

    def tearDown(self) -> None:
        """Whatever was done, the same process still takes mail."""
        self.assertEqual(self.gateway.pids("pmg-smtpd"), self.daemon, self.gateway.stderr()[-2000:])
        ident = unique_id("after")
        self.assertEqual(send(self.gateway.external, sealed(ident))[0], 250)
        self.sink.wait_for(ident)

    # ---- TLS ----
    def test_S5_plain_text_behind_starttls_is_never_executed(self):
        for port in self.ports:
            with self.subTest(port=port), Dialogue(port) as session:
                session.ehlo()
                session.send(b"STARTTLS\r\nEHLO evil.test\r\nMAIL FROM:<evil@outside.test>\r\n")
                answer = session.reply()
                if not answer.startswith("220"):
                    self.assertRegex(answer, r"^5\d\d|^$")
                    continue
                try:
                    session.wrap()
                except (ssl.SSLError, OSError):
                    continue  # refused by breaking off
                self.assertRegex(session.ask("RCPT TO:<user@example.com>"), r"^503")
                self.assertTrue(session.ehlo().startswith("250"))

    def test_S5_plain_text_behind_the_next_hops_reply_ends_the_connection(self):
        ident = unique_id("s5hop")
        self.assertEqual(send(self.gateway.external, sealed(ident), to="user@inject.test")[0], 250)
        entry = wait_for(lambda: next((entry for entry in self.gateway.queue() if entry.get("reason")
                                       and "user@inject.test" in entry["recipients"]), None), 20,
                         "the deferral", 0.2)
        self.assertIn("plain text", entry["reason"])
        self.assertEqual([line for line in self.hop.heard if line.upper().startswith(b"MAIL")], [])
        self.gateway.run("pmgqueue", "delete", entry["id"], "--yes")

    def test_S6_what_was_said_before_tls_is_forgotten(self):
        with Dialogue(self.gateway.external) as session:
            session.ehlo()
            self.assertTrue(session.ask("MAIL FROM:<a@outside.test>").startswith("250"))
            if not session.ask("STARTTLS").startswith("220"):
                session.ask("RSET")
                session.start_tls()
            else:
                session.wrap()
            self.assertTrue(session.ask("RCPT TO:<user@example.com>").startswith("503"))
            self.assertTrue(session.ask("MAIL FROM:<a@outside.test>").startswith("503"))
            self.assertNotIn("STARTTLS", session.ehlo())
            self.assertTrue(session.ask("STARTTLS").startswith("5"))

    def test_S6_tickets_of_one_listener_are_not_taken_by_the_other(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = any_certificate()
            context.minimum_version = context.maximum_version = version
            with Dialogue(self.gateway.external) as session:
                session.ehlo()
                session.start_tls(context)
                session.ehlo()  # TLS 1.3 sends tickets after the handshake
                ticket = session.socket.session
            with Dialogue(self.gateway.internal) as session:
                session.ehlo()
                self.assertTrue(session.ask("STARTTLS").startswith("220"))
                with context.wrap_socket(session.socket, session=ticket) as again:
                    self.assertFalse(again.session_reused)

    def test_S7_close_notify_within_a_chunk_accepts_nothing(self):
        ident = unique_id("s7")
        for rest in (b"x" * 10, b"", message(ident) + b"\r\nQUIT\r\n"):
            with Dialogue(self.gateway.external) as session:
                session.ehlo()
                self.assertTrue(session.ask("STARTTLS").startswith("220"))
                plain = session.socket
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                tls = any_certificate().wrap_bio(incoming, outgoing)
                self.drive(plain, incoming, outgoing, tls.do_handshake)
                def ask(data: bytes) -> bytes:
                    tls.write(data)
                    return self.drive(plain, incoming, outgoing, lambda: tls.read(4096))
                ask(b"EHLO client.test\r\n")
                ask(b"MAIL FROM:<a@outside.test>\r\n")
                self.assertTrue(ask(b"RCPT TO:<user@example.com>\r\n").startswith(b"250"))
                tls.write(b"BDAT 1000 LAST\r\n" + message(ident)[:100])
                try:
                    tls.unwrap()
                except ssl.SSLError:
                    pass  # only our side of the good-bye is wanted
                plain.sendall(outgoing.read() + rest)
                plain.settimeout(20)
                heard = b""
                try:
                    while data := plain.recv(4096):
                        heard += data
                except ConnectionError:
                    pass
                self.assertNotIn(b"250 2.5.0", heard)
        self.assertEqual(self.sink.find(ident), [])
        self.assertNotIn(ident, str(self.gateway.queue()))

    @staticmethod
    def drive(plain: socket.socket, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, step):
        while True:
            try:
                result = step()
                plain.sendall(outgoing.read())
                return result
            except ssl.SSLWantReadError:
                plain.sendall(outgoing.read())
                incoming.write(plain.recv(65536))

    def openssl(self, *options: str) -> subprocess.CompletedProcess:
        return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.gateway.external}",
                               "-starttls", "smtp", *options], input="QUIT\n", capture_output=True, text=True,
                              timeout=30, check=False)

    def test_S19_old_protocols_and_weak_ciphers_are_refused(self):
        refused = {
            "TLS 1.0": ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
            "TLS 1.1": ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
            "no encryption": ["-tls1_2", "-cipher", "eNULL:@SECLEVEL=0"],
            "no authentication": ["-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"],
            "no forward secrecy": ["-tls1_2", "-cipher", "kRSA:@SECLEVEL=0"],
            "CBC with SHA-1 and the like": ["-tls1_2", "-cipher", "SHA1:@SECLEVEL=0"],
        }
        for name, options in refused.items():
            with self.subTest(name=name):
                done = self.openssl(*options)
                self.assertNotEqual(done.returncode, 0, done.stdout[-1500:])
        for options in (["-tls1_2"], ["-tls1_3"]):
            with self.subTest(options=options):
                done = self.openssl(*options)
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_S19_client_renegotiation_is_refused(self):
        with subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{self.gateway.external}",
                               "-starttls", "smtp", "-tls1_2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True) as client:
            time.sleep(1)
            client.stdin.write("R\n")
            client.stdin.flush()
            told = client.communicate(timeout=30)[0]
        self.assertRegex(told, r"no renegotiation|alert|handshake failure|errno|RENEGOTIATING\s*(\S*error|$)")
        self.assertNotEqual(client.returncode, 0)

    # ---- slow clients ----
    def test_S14_slow_clients_are_cut_off_and_hold_nobody_up(self):
        start = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(40) as pool:
            slow = [pool.submit(each) for each in
                    [self.stall_command] * 10 + [self.trickle_command] * 10 + [self.trickle_data] * 10
                    + [self.stall_handshake] * 5]
            while time.monotonic() - start < 3:
                ident = unique_id("quick")
                self.assertEqual(send(self.gateway.external, sealed(ident), timeout=20)[0], 250)
            answers = [each.result() for each in slow]
        self.assertEqual([answer for answer in answers if answer], [])

    def cut_off(self, session: Dialogue) -> str:
        """Empty when the server ended the session in time, with 421 or without a word."""
        session.socket.settimeout(25)
        try:
            told = session.rest()
        except (TimeoutError, OSError):
            return "still open"
        return "" if told in (b"",) or b"421" in told else told.decode(errors="replace")

    def stall_command(self) -> str:
        with Dialogue(self.gateway.external) as session:
            session.ehlo()
            return self.cut_off(session)

    def trickle_command(self) -> str:
        with Dialogue(self.gateway.external) as session:
            try:
                for octet in b"EHLO a-name-that-is-long.test" * 2:
                    session.send(bytes([octet]))
                    time.sleep(0.4)
            except OSError:
                return ""
            return self.cut_off(session)

    def trickle_data(self) -> str:
        with Dialogue(self.gateway.external) as session:
            session.ehlo()
            session.envelope()
            session.ask("DATA")
            try:
                for _ in range(60):
                    session.send(b"x\r\n")
                    time.sleep(0.4)
            except OSError:
                return ""
            return self.cut_off(session)

    def stall_handshake(self) -> str:
        with Dialogue(self.gateway.external) as session:
            session.ehlo()
            session.ask("STARTTLS")
            session.send(b"\x16\x03\x01")
            return self.cut_off(session)

    # ---- floods ----
    def test_S15_one_address_gets_no_more_than_its_share(self):
        self.check_share([STRANGER] * 8)

    def test_S15_addresses_of_one_ipv6_network_share_one_limit(self):
        self.check_share([f"2001:db8:1:2::{number:x}" for number in range(1, 9)])

    def check_share(self, addresses: list[str]) -> None:
        sessions = [Dialogue(self.gateway.external, as_client=address) for address in addresses]
        try:
            greetings = [session.greeting[:3] for session in sessions]
            self.assertEqual(greetings, ["220"] * 5 + ["421"] * 3)
            with Dialogue(self.gateway.external, as_client="198.51.100.9") as other:
                self.assertTrue(other.greeting.startswith("220"))
        finally:
            for session in sessions:
                session.close()
        def is_free() -> bool:
            with Dialogue(self.gateway.external, as_client=addresses[0]) as session:
                return session.greeting.startswith("220")
        wait_for(is_free, 5, "the limit to recover")

    def test_S15_flood_beyond_max_smtpd_in_is_answered_421_and_passes(self):
        sessions = [Dialogue(self.gateway.external) for _ in range(80)]
        try:
            greetings = [session.greeting[:3] for session in sessions]
            self.assertEqual(greetings.count("220"), 60)
            self.assertEqual(greetings.count("421"), 20)
            # The internal port has places of its own.
            self.assertEqual(send(self.gateway.internal, sealed(unique_id("in")), to="a@example.com")[0], 250)
        finally:
            for session in sessions:
                session.close()
        def is_free() -> bool:
            with Dialogue(self.gateway.external) as session:
                return session.greeting.startswith("220")
        wait_for(is_free, 5, "places to be free again")

    # ---- other protocols ----
    def test_S17_other_protocols_are_hung_up_on_at_the_first_word(self):
        post = (b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 90\r\n\r\n"
                b"EHLO a\r\nMAIL FROM:<a@outside.test>\r\nRCPT TO:<user@example.com>\r\nDATA\r\n")
        hello = bytes.fromhex("1603010200010001fc0303") + bytes(100)
        for port in self.ports:
            for first in (post, b"GET / HTTP/1.0\r\n\r\n", hello):
                with self.subTest(port=port, first=first[:10]), Dialogue(port) as session:
                    session.send(first)
                    told = session.rest().decode(errors="replace")
                    self.assertLessEqual(told.count("\n"), 1, told)
                    self.assertNotIn("250", told)

    # ---- spoofing ----
    def test_S18_unlisted_clients_may_not_claim_to_be_others(self):
        for port in self.ports:
            with self.subTest(port=port), Dialogue(port, source="127.0.0.2") as session:
                extensions = session.ehlo()
                self.assertNotIn("XCLIENT", extensions)
                self.assertNotIn("XFORWARD", extensions)
                self.assertRegex(session.ask("XCLIENT ADDR=203.0.113.9 NAME=trusted.test"), r"^5[05]\d ")
                self.assertRegex(session.ask("XFORWARD ADDR=203.0.113.9"), r"^5[05]\d ")
        with Dialogue(self.gateway.external, source="127.0.0.2") as session:
            self.assertRegex(session.ask("PROXY TCP4 203.0.113.9 127.0.0.1 4711 25"), r"^5|^421|^$")

    def test_S18_claims_of_listed_hosts_reach_the_trace_header(self):
        ident = unique_id("xclient")
        with Dialogue(self.gateway.external) as session:
            session.ehlo()
            session.ask("XCLIENT ADDR=203.0.113.77 NAME=far.test HELO=far.test")
            session.ehlo()
            session.envelope()
            session.ask("DATA")
            session.ask(sealed(ident) + b".")
        received = self.sink.wait_for(ident)[0].raw.split(b"\r\n\tby ")[0]
        self.assertIn(b"(far.test [203.0.113.77])", received)


if __name__ == "__main__":
    harness.main()
