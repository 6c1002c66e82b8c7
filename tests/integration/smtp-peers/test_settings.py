# SPDX-License-Identifier: GPL-2.0-or-later
"""Keys of pmg.conf's section mail do at the ports what their description says."""

import re
import unittest

import peers
import harness
from harness import Gateway, Sink, wait_for
from messages import is_whole, message, sealed, send, unique_id
from peers import STRANGER, Dialogue, NameServer, RawSink

OTHER = "198.51.100.1"


class SettingsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.relay, cls.smarthost = Sink(), Sink()
        cls.raw = RawSink()
        cls.addClassCleanup(cls.raw.__exit__)
        for sink in (cls.relay, cls.smarthost):
            cls.addClassCleanup(sink.__exit__)
            sink.start()
        arguments = ()
        if NameServer.is_installed():
            # The name is an address and has an MX that is another.
            cls.names = NameServer({"relay.test": "@ A 127.0.0.1\n@ MX 10 mx\nmx A 127.0.0.3"})
            cls.addClassCleanup(cls.names.stop)
            cls.names.start()
            arguments = ("--dns", cls.names.server)
        cls.gateway = Gateway(arguments=arguments, mail={
            **peers.XCLIENT_HERE, "relayport": cls.relay.port, "smarthostport": cls.smarthost.port,
            "tls": 1, "tlslog": 1})
        cls.addClassCleanup(cls.gateway.close)
        cls.gateway.start()

    def with_settings(self, probe, **keys) -> None:
        """Changes keys for this test and waits until `probe()` sees it."""
        before = {key: self.gateway.sections["mail"].get(key) for key in keys}
        self.addCleanup(self.restore, before)
        self.gateway.configure("mail", **keys)
        wait_for(probe, 20, f"{keys} to take effect", 0.2)

    def restore(self, before: dict) -> None:
        """Back to the old settings, and not on before they are in force."""
        banner = self.mark()
        self.gateway.configure("mail", **{**before, **banner})
        wait_for(lambda: banner["banner"] in self.greeting(), 20, "the old settings", 0.2)

    def greeting(self) -> str:
        with Dialogue(self.gateway.external) as session:
            return session.greeting

    def ehlo(self, port: int | None = None, client: str = "") -> str:
        with Dialogue(port or self.gateway.external, as_client=client) as session:
            return session.ehlo()

    def mark(self) -> dict:
        """A banner that nobody else sets: seen in a greeting, it tells that what came with it is in force."""
        return {"banner": unique_id("banner")}

    def configured(self, **keys) -> None:
        """Settings that show only when they act: the banner tells that they are in force."""
        banner = self.mark()
        self.with_settings(lambda: banner["banner"] in self.greeting(), **banner, **keys)

    # ---- greeting and size ----
    def test_banner_and_host_name_greet(self):
        self.with_settings(lambda: self.greeting() == "220 gateway.example.com Hello There", banner="Hello There")

    def test_maxsize_is_announced_and_holds_for_declared_and_real_size(self):
        self.with_settings(lambda: "SIZE 20000" in self.ehlo(), maxsize=20000)
        with Dialogue(self.gateway.external) as session:
            session.ehlo()
            self.assertTrue(session.ask("MAIL FROM:<a@outside.test> SIZE=20001").startswith("552 5.3.4"))
            self.assertTrue(session.ask("MAIL FROM:<a@outside.test> SIZE=20000").startswith("250"))
            session.ask("RCPT TO:<user@example.com>")
            session.ask("DATA")
            # Declared small, sent large; the session stays in step.
            self.assertTrue(session.ask(sealed(unique_id("big"), 25000) + b".").startswith("552 5.3.4"))
            ident = unique_id("fits")
            session.envelope()
            session.ask("DATA")
            self.assertTrue(session.ask(sealed(ident, 10000) + b".").startswith("250"))
            session.envelope()
            big = sealed(unique_id("bigchunk"), 25000)
            session.send(b"BDAT %d LAST\r\n" % len(big) + big)
            self.assertTrue(session.reply().startswith("552 5.3.4"))
            self.assertTrue(session.ask("NOOP").startswith("250"))
        self.assertTrue(is_whole(self.relay.wait_for(ident)[0].raw))

    # ---- limits of clients ----
    def connect_answers(self, count: int, client: str) -> list[str]:
        answers = []
        for _ in range(count):
            with Dialogue(self.gateway.external, as_client=client) as session:
                answers.append(session.greeting[:3])
        return answers

    def test_conn_rate_limit_slows_strangers_and_spares_trusted_networks(self):
        self.configured(conn_rate_limit=4)
        answers = self.connect_answers(8, "203.0.113.20")
        self.assertEqual(answers[:4], ["220"] * 4)
        self.assertIn("421", answers[4:])
        self.assertEqual(self.connect_answers(1, "203.0.113.21"), ["220"])
        for _ in range(10):
            self.assertTrue(self.greeting().startswith("220"))

    def test_message_rate_limit_defers_and_spares_trusted_networks(self):
        self.configured(message_rate_limit=3)
        def answers(client: str) -> list[str]:
            with Dialogue(self.gateway.external, as_client=client) as session:
                session.ehlo()
                found = []
                for _ in range(6):
                    found.append(session.ask("MAIL FROM:<a@outside.test>")[:9])
                    session.ask("RSET")
                return found
        limited = answers("203.0.113.30")
        self.assertEqual(limited[:3], ["250 2.1.0"] * 3)
        self.assertIn("450 4.7.1", limited[3:])
        self.assertEqual(set(answers("127.0.0.1")), {"250 2.1.0"})

    def test_conn_count_limit_counts_open_sessions_only(self):
        self.configured(conn_count_limit=2)
        first, second = (Dialogue(self.gateway.external, as_client=STRANGER) for _ in range(2))
        try:
            self.assertEqual(self.connect_answers(1, STRANGER), ["421"])
            self.assertEqual(self.connect_answers(1, OTHER), ["220"])
            first.close()
            wait_for(lambda: self.connect_answers(1, STRANGER) == ["220"], 10, "a place")
        finally:
            first.close()
            second.close()

    def test_max_smtpd_in_and_out_bound_each_port_by_itself(self):
        self.configured(max_smtpd_in=3, max_smtpd_out=5)
        for port, most in ((self.gateway.external, 3), (self.gateway.internal, 5)):
            with self.subTest(port=port):
                def all_free():
                    sessions = [Dialogue(port) for _ in range(most + 2)]
                    greetings = [session.greeting[:3] for session in sessions]
                    for session in sessions:
                        session.close()
                    return greetings == ["220"] * most + ["421"] * 2
                # Sessions of the probe before may still be ending.
                wait_for(all_free, 10, f"{most} places and no more", 0.5)

    # ---- trace ----
    def test_hide_received_drops_what_outgoing_mail_tells_of_the_inside(self):
        def outgoing() -> bytes:
            ident = unique_id("hide")
            self.assertEqual(send(self.gateway.internal, message(ident, headers=inside), to="friend@elsewhere.test")[0],
                             250)
            return self.smarthost.wait_for(ident)[0].raw
        inside = ("Received: from secret.lan (secret.lan [10.1.2.3]) by inner.lan;\n"
                  "\tSat, 21 Nov 2026 09:00:00 +0000\n")
        self.assertIn(b"secret.lan", outgoing())
        # The filter does this; it reads its settings by itself, so that our banner tells nothing of it.
        self.with_settings(lambda: not re.search(rb"secret\.lan|client\.test", outgoing()), hide_received=1)
        incoming = unique_id("show")
        self.assertEqual(send(self.gateway.external, message(incoming, headers=inside))[0], 250)
        self.assertIn(b"secret.lan", self.relay.wait_for(incoming)[0].raw)

    def tls_mail(self) -> bytes:
        ident = unique_id("tlsheader")
        with Dialogue(self.gateway.external) as session:
            session.ehlo()
            session.start_tls()
            session.ehlo()
            session.envelope()
            session.ask("DATA")
            session.ask(sealed(ident) + b".")
        return self.relay.wait_for(ident)[0].raw.split(b"\r\n\tby ")[0]

    def test_tlsheader_tells_protocol_and_cipher_in_received(self):
        self.assertNotIn(b"TLSv1.3", self.tls_mail())
        self.configured(tlsheader=1)
        self.assertRegex(self.tls_mail(), rb"using TLSv1\.3 .*TLS_AES")

    def test_tlslog_writes_a_line_for_each_session(self):
        start = len(self.gateway.log())
        self.tls_mail()
        line = self.gateway.wait_for_log(r"smtp\.tls[^\n]*", start=start)
        self.assertRegex(line, r"127\.0\.0\.1.*TLSv1\.3")

    def test_tls_off_offers_no_starttls(self):
        self.with_settings(lambda: "STARTTLS" not in self.ehlo(), tls=0)
        with Dialogue(self.gateway.external) as session:
            session.ehlo()
            self.assertRegex(session.ask("STARTTLS"), r"^50[0-9]")

    def test_tls_inbound_domains_are_taken_over_tls_only(self):
        self.addCleanup(self.gateway.write, "tls_inbound_domains", "")
        self.gateway.write("tls_inbound_domains", "strict.test\n")
        def answers(has_tls: bool) -> list[str]:
            with Dialogue(self.gateway.external) as session:
                session.ehlo()
                if has_tls:
                    session.start_tls()
                    session.ehlo()
                return [(session.ask(f"MAIL FROM:<a@{domain}>")[:9], session.ask("RSET"))[0]
                        for domain in ("strict.test", "outside.test")]
        wait_for(lambda: answers(False) == ["450 4.7.1", "250 2.1.0"], 20, "tls_inbound_domains", 0.2)
        self.assertEqual(answers(True), ["250 2.1.0"] * 2)

    # ---- next hops ----
    def test_relay_and_smarthost_take_each_their_direction(self):
        inside, outside = unique_id("inside"), unique_id("outside")
        self.assertEqual(send(self.gateway.external, sealed(inside))[0], 250)
        self.assertEqual(send(self.gateway.internal, sealed(outside), to="friend@elsewhere.test")[0], 250)
        self.assertTrue(is_whole(self.relay.wait_for(inside)[0].raw))
        self.assertTrue(is_whole(self.smarthost.wait_for(outside)[0].raw))
        self.assertEqual((self.relay.find(outside), self.smarthost.find(inside)), ([], []))

    def test_relayport_and_smarthostport_change_while_running(self):
        self.configured(relayport=self.smarthost.port, smarthostport=self.relay.port)
        ident = unique_id("moved")
        self.assertEqual(send(self.gateway.external, sealed(ident))[0], 250)
        self.assertTrue(is_whole(self.smarthost.wait_for(ident)[0].raw))

    def test_relayprotocol_lmtp_speaks_lmtp(self):
        with Sink(lmtp=True) as lmtp:
            self.configured(relayport=lmtp.port, relayprotocol="lmtp")
            ident = unique_id("lmtp")
            self.assertEqual(send(self.gateway.external, sealed(ident))[0], 250)
            self.assertTrue(is_whole(lmtp.wait_for(ident)[0].raw))

    @unittest.skipUnless(NameServer.is_installed(), "nsd is not installed")
    def test_relaynomx_decides_whether_the_relays_mx_is_asked(self):
        with Sink(listen="127.0.0.3", port=self.relay.port) as exchanger:
            self.configured(relay="relay.test", relaynomx=0)
            ident = unique_id("bymx")
            self.assertEqual(send(self.gateway.external, sealed(ident))[0], 250)
            self.assertTrue(is_whole(exchanger.wait_for(ident)[0].raw))
            self.configured(relaynomx=1)
            ident = unique_id("nomx")
            self.assertEqual(send(self.gateway.external, sealed(ident))[0], 250)
            self.assertTrue(is_whole(self.relay.wait_for(ident)[0].raw))

    # ---- extensions ----
    def test_extensions_are_announced_by_port_and_setting(self):
        both = {"PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "CHUNKING", "ENHANCEDSTATUSCODES", "STARTTLS"}
        def keywords(text: str) -> set[str]:
            return {re.split(r"[- ]", line[4:])[0] for line in text.splitlines()[1:]}
        outside = keywords(self.ehlo(client=STRANGER))
        self.assertEqual(outside & both, both)
        self.assertNotIn("DSN", outside)
        self.assertIn("DSN", keywords(self.ehlo(self.gateway.internal)))
        self.with_settings(lambda: "SMTPUTF8" not in self.ehlo(), smtputf8=0)


if __name__ == "__main__":
    harness.main()
