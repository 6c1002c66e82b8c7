#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the protocol: who talks before the greeting (S10), HELO names, reverse names, senders' domains."""

import time

import defence
from defence import DefenceCase, stranger
from peers import Dialogue

WAIT = 4


class Caller(Dialogue):
    """A session that has become `client`, whose greeting was not waited for yet."""

    def __init__(self, port: int, client: str) -> None:
        super().__init__(port)
        self.ask("EHLO proxy.test")
        self.send(f"XCLIENT ADDR={client} NAME=[UNAVAILABLE]\r\n".encode())
        time.sleep(0.3)  # what is sent together with XCLIENT would be early whatever the wait

    def is_greeted_within(self, seconds: float) -> bool:
        self.socket.settimeout(seconds)
        try:
            return bool(self.socket.recv(4096))
        except TimeoutError:
            return False
        finally:
            self.socket.settimeout(30)


class GreetingTest(DefenceCase):
    mail = {"greet_wait": WAIT}

    def waits(self, client: str) -> bool:
        with Caller(self.gateway.external, client) as caller:
            return not caller.is_greeted_within(WAIT / 2)

    def test_S10_who_talks_before_the_greeting_is_refused_and_not_remembered(self):
        client = stranger()
        for _ in range(2):
            with Caller(self.gateway.external, client) as caller:
                caller.send(b"EHLO hasty.test\r\nMAIL FROM:<a@outside.test>\r\nRCPT TO:<user@example.com>\r\nDATA\r\n")
                told = caller.rest().decode()
            self.assertRegex(told, r"^554 5\.5\.0 You did not wait")
            self.assertEqual(told.count("\n"), 1)
        event = self.evidence(client, check="protocol")
        self.assertIn("greeting", event["detail"]["violation"])
        self.assertTrue(event["reply"].startswith("554 5.5.0 "))

    def test_S10_patient_client_is_served_and_remembered_also_by_the_next_start(self):
        client = stranger()
        self.assertTrue(self.waits(client))
        # Whoever leaves before the greeting has proved nothing.
        self.assertTrue(self.waits(client))
        self.assert_taken(self.attempt(client))
        self.assertFalse(self.waits(client))
        self.assertEqual(self.gateway.stop(), 0)
        self.gateway.start()
        self.assertFalse(self.waits(client))
        self.assertTrue(self.waits(stranger()))

    def test_S10_breaking_the_protocol_later_costs_the_client_its_trust(self):
        client = stranger()
        self.assert_taken(self.attempt(client))
        self.assertFalse(self.waits(client))
        with Dialogue(self.gateway.external, as_client=client) as session:
            session.send(b"EHLO client.test\r\nMAIL FROM:<a@outside.test>\r\n")
            self.assertIn(b"554 5.5.0", session.rest())
        self.assertTrue(self.waits(client))

    def test_S10_other_protocols_are_told_so_and_tracked(self):
        client = stranger()
        with Dialogue(self.gateway.external, as_client=client) as session:
            self.assertTrue(session.ask("GET / HTTP/1.0").startswith("554 5.5.0 "))
        self.assertIn("protocol", self.evidence(client, check="protocol")["detail"]["violation"])

    def test_S10_bare_newline_is_refused_and_costs_trust(self):
        client = stranger()
        self.assert_taken(self.attempt(client))
        with Dialogue(self.gateway.external, as_client=client) as session:
            session.ehlo()
            session.envelope()
            session.ask("DATA")
            self.assertTrue(session.ask(b"Subject: x\r\n\r\nbare\nnewline\r\n.").startswith("554 5."))
        self.assertEqual(self.evidence(client, check="protocol")["detail"]["violation"], "bare newline")
        self.assertTrue(self.waits(client))

    def test_trusted_and_allowed_clients_are_greeted_at_once(self):
        trusted, allowed = stranger(), stranger()
        self.trust(trusted)
        self.allow("ip", allowed)
        self.assertFalse(self.waits(trusted))
        defence.wait_for(lambda: not self.waits(allowed), 20, "the allow list to be read")
        self.assertTrue(self.waits(stranger()))

    def test_greet_wait_0_greets_everybody_at_once(self):
        self.configured(greet_wait=0)
        self.assertFalse(self.waits(stranger()))


class HeloTest(DefenceCase):
    mail = {"helotests": 1}

    def test_wrong_names_are_refused_with_what_is_expected(self):
        refused = {
            "localhost": ("504 5.5.2 ", "not-fqdn", "fully qualified"),
            "gateway.example.com": ("550 5.7.1 ", "our-name", "is ours"),
            "GATEWAY.example.com.": ("550 5.7.1 ", "our-name", "is ours"),
            "[127.0.0.1]": ("550 5.7.1 ", "our-address", "is ours"),
            "203.0.113.9": ("501 5.5.2 ", "invalid", "brackets"),
            "-bad-.test": ("501 5.5.2 ", "invalid", "host name"),
            "a..test": ("501 5.5.2 ", "invalid", "host name"),
        }
        for name, (code, fault, words) in refused.items():
            with self.subTest(name=name):
                attempt = self.attempt(stranger(), helo=name)
                self.assert_refused(attempt, code, name, words)
                self.assertEqual(self.assert_tracked(attempt, "helo")["fault"], fault)

    def test_right_names_and_literals_pass(self):
        for name in ("mail.outside.test", "mail.outside.test.", "[203.0.113.9]", "[IPv6:2001:db8::9]", "a_b.outside.test"):
            with self.subTest(name=name):
                self.assert_taken(self.attempt(stranger(), helo=name))

    def test_a_better_name_in_the_same_session_is_taken(self):
        with Dialogue(self.gateway.external, as_client=stranger()) as session:
            self.assertTrue(session.ask("EHLO localhost").startswith("504"))
            self.assertTrue(session.ask("MAIL FROM:<a@outside.test>").startswith("503"))
            self.assertTrue(session.ask("EHLO mail.outside.test").startswith("250"))
            session.envelope()

    def test_trusted_and_allowed_clients_may_say_any_name(self):
        trusted, allowed = stranger(), stranger()
        self.trust(trusted)
        self.allow("network", f"{allowed}/32")
        self.assert_taken(self.attempt(trusted, helo="localhost"))
        defence.wait_for(lambda: self.attempt(allowed, helo="localhost").is_taken, 20, "the allow list")
        self.assert_refused(self.attempt(stranger(), helo="localhost"), "504 ")

    def test_helotests_0_takes_any_name(self):
        self.configured(helotests=0)
        self.assert_taken(self.attempt(stranger(), helo="localhost"))


class NamesTest(DefenceCase):
    CONFIRMED, LIAR, NAMELESS, TROUBLED = (f"203.0.113.{number}" for number in (20, 21, 22, 23))
    zones = {
        "113.0.203.in-addr.arpa": "20 PTR good.outside.test.\n21 PTR good.outside.test.\n23 PTR a.broken.test.\n",
        "outside.test": "@ MX 10 mx\nmx A 192.0.2.25\ngood A 203.0.113.20\nonlya A 192.0.2.26\n"
                        "only6 AAAA 2001:db8::26\nnull MX 0 .\nempty TXT nothing\n",
        "broken.test": "this is no record\n",  # so nsd answers SERVFAIL
    }
    mail = {"rejectunknown": 1, "rejectunknownsender": 1}
    SENDER = "a@outside.test"

    def test_client_without_confirmed_name_is_deferred(self):
        for client, words in ((self.NAMELESS, "PTR"), (self.LIAR, "good.outside.test")):
            with self.subTest(client=client):
                attempt = self.attempt(client, self.SENDER)
                self.assert_refused(attempt, "450 4.7.25 ", client, words)
                self.assertEqual(self.assert_tracked(attempt, "reverse-name")["iprev"],
                                 "permerror" if client == self.NAMELESS else "fail")

    def test_confirmed_name_passes_and_stands_in_received(self):
        raw = self.assert_taken(self.attempt(self.CONFIRMED, self.SENDER))
        self.assertIn(b"(good.outside.test [203.0.113.20])", raw.split(b"\r\n\tby ")[0])

    def test_F7_trouble_with_dns_defers_and_never_refuses_for_good(self):
        attempt = self.attempt(self.TROUBLED, self.SENDER)
        self.assert_refused(attempt, "450 4.7.25 ")
        self.assertEqual(self.assert_tracked(attempt, "reverse-name")["iprev"], "temperror")
        attempt = self.attempt(self.CONFIRMED, "a@x.broken.test")
        self.assert_refused(attempt, "450 4.1.8 ", "x.broken.test")
        self.assertEqual(self.assert_tracked(attempt, "sender-domain")["finding"], "temperror")

    def test_sender_domains_that_take_no_mail_are_refused(self):
        refused = {"nowhere.test": ("550 5.1.8 ", "no-domain"), "empty.outside.test": ("550 5.1.8 ", "no-domain"),
                   "null.outside.test": ("550 5.7.27 ", "null-mx")}
        for domain, (code, finding) in refused.items():
            with self.subTest(domain=domain):
                attempt = self.attempt(self.CONFIRMED, f"a@{domain}")
                self.assert_refused(attempt, code, domain)
                self.assertEqual(self.assert_tracked(attempt, "sender-domain")["finding"], finding)

    def test_senders_that_can_be_answered_pass(self):
        for sender in (self.SENDER, "a@onlya.outside.test", "a@only6.outside.test", "", "a@[203.0.113.20]"):
            with self.subTest(sender=sender):
                self.assert_taken(self.attempt(self.CONFIRMED, sender))

    def test_trusted_and_allowed_are_spared(self):
        self.trust(self.NAMELESS)
        self.assert_taken(self.attempt(self.NAMELESS, "a@nowhere.test"))
        self.assert_refused(self.attempt(self.LIAR, "a@nowhere.test"), "450 4.7.25 ")
        self.allow("sender-domain", "nowhere.test")
        defence.wait_for(lambda: self.attempt(self.LIAR, "a@nowhere.test").is_taken, 20, "the allow list")


if __name__ == "__main__":
    defence.main()
