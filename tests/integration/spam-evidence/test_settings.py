#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Settings of section `spam`: each makes the difference that it promises, through a whole gateway."""

import os
import socket
import threading
import unittest
from pathlib import Path

from spamcase import SpamCase
import harness
from messages import message, unique_id, with_attachment

STOCK = Path("/usr/share/spamassassin")

RULES = """
header   LOCAL_SUBJECT  Subject =~ /offer/
score    LOCAL_SUBJECT  0.5
body     LOCAL_EARLY    /early words/
score    LOCAL_EARLY    0.5
full     LOCAL_LATE     /late words/
score    LOCAL_LATE     0.5
header   LOCAL_LISTED   eval:check_rbl('local-lastexternal', 'bl.lists.test.')
tflags   LOCAL_LISTED   net
score    LOCAL_LISTED   0.5
urirhsbl LOCAL_LINK     links.lists.test. A
body     LOCAL_LINK     eval:check_uridnsbl('LOCAL_LINK')
tflags   LOCAL_LINK     net
score    LOCAL_LINK     0.5
util_rb_tld test
ifplugin Mail::SpamAssassin::Plugin::TextCat
body     UNWANTED_LANGUAGE_BODY eval:check_language()
score    UNWANTED_LANGUAGE_BODY 1.5
endif
"""

GERMAN = ("Sehr geehrte Damen und Herren, wir möchten Ihnen heute mitteilen, dass die Lieferung der"
          " bestellten Waren in der kommenden Woche erfolgen wird. Bitte sorgen Sie dafür, dass jemand"
          " im Haus ist, der die Pakete annehmen kann. Über eine kurze Antwort würden wir uns sehr"
          " freuen, und wir danken Ihnen für das Vertrauen, das Sie uns entgegengebracht haben.\n")


class SilentNameServer:
    """A name server that never answers, and remembers what it was asked."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.names: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def close(self) -> None:
        self._socket.close()

    def _listen(self) -> None:
        while True:
            try:
                packet, _ = self._socket.recvfrom(4096)
            except OSError:
                return
            labels, at = [], 12
            while at < len(packet) and packet[at]:
                labels.append(packet[at + 1:at + 1 + packet[at]].decode(errors="replace").lower())
                at += 1 + packet[at]
            self.names.append(".".join(labels))

    def asked_about_spam(self) -> list[str]:
        return [name for name in self.names if "lists.test" in name]


class SettingsTest(SpamCase):
    rules = RULES
    mail = {"dns_timeout": 1}

    @classmethod
    def prepare(cls) -> None:
        cls.names = SilentNameServer()
        cls.addClassCleanup(cls.names.close)
        cls.gateway.configure("mail", dns_servers=cls.names.address)
        # A signature of ours, found as ClamAV's own heuristics are: points instead of a verdict.
        cls.gateway.signatures.joinpath("heuristics.ndb").write_text(
            "Heuristics.Local.Test:0:*:" + b"heuristic marker".hex() + "\n")

    def big(self, ident: str) -> bytes:
        filler = "This line fills the mail up to the size that the test needs.\n" * 2500
        return message(ident, "early words\n" + filler + "late words\n", subject="offer")

    def test_maxspamsize_cuts_what_is_looked_at(self) -> None:
        queue_id = self.submit(self.big(unique_id("whole")))
        self.assertEqual(set(self.hits(queue_id)), {"LOCAL_SUBJECT", "LOCAL_EARLY", "LOCAL_LATE"})
        self.use("spam", maxspamsize=65536)
        queue_id = self.submit(self.big(unique_id("cut")))
        self.assertEqual(set(self.hits(queue_id)), {"LOCAL_SUBJECT", "LOCAL_EARLY"})

    def test_clamav_heuristic_score(self) -> None:
        def heuristic() -> dict:
            raw = with_attachment(unique_id("heuristic"), "a.bin", b"the heuristic marker is here")
            return self.hits(self.submit(raw))
        self.assertEqual(heuristic().get("ClamAVHeuristics"), 3)
        self.use("spam", clamav_heuristic_score=1)
        self.assertEqual(heuristic().get("ClamAVHeuristics"), 1)
        self.reload(lambda: self.gateway.configure("spam", clamav_heuristic_score=0))
        self.assertNotIn("ClamAVHeuristics", heuristic())

    def test_enough_points_before_spare_the_rules(self) -> None:
        self.use("spam", clamav_heuristic_score=6)
        raw = with_attachment(unique_id("spared"), "a.bin", b"the heuristic marker is here",
                              subject="offer")
        self.assertEqual(self.hits(self.submit(raw)), {"ClamAVHeuristics": 6})

    def test_languages(self) -> None:
        def judge(text: str) -> dict:
            headers = "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
            return self.hits(self.submit(message(unique_id("language"), text, headers=headers)))
        self.assertNotIn("UNWANTED_LANGUAGE_BODY", judge(GERMAN * 3))
        self.use("spam", languages="en")
        self.assertEqual(judge(GERMAN * 3).get("UNWANTED_LANGUAGE_BODY"), 1.5)
        self.reload(lambda: self.gateway.configure("spam", languages="en de"))
        self.assertNotIn("UNWANTED_LANGUAGE_BODY", judge(GERMAN * 3))

    def test_rbl_checks_off_asks_nothing(self) -> None:
        def send() -> None:
            self.log_line(self.submit(message(unique_id("dns"), "See http://www.shop.test/ now\n")))
        del self.names.names[:]
        send()
        self.assertEqual(self.names.asked_about_spam(), [])
        self.reload(lambda: (self.write_rules(RULES + "rbl_timeout 2 1\n"),
                             self.gateway.configure("spam", rbl_checks=1)))
        self.addCleanup(self.reload, lambda: (self.write_rules(RULES),
                                              self.gateway.configure("spam", rbl_checks=0)))
        send()
        asked = self.names.asked_about_spam()
        self.assertIn("1.113.0.203.bl.lists.test", asked)
        self.assertIn("shop.test.links.lists.test", asked)


@unittest.skipUnless((STOCK / "20_vbounce.cf").exists(), "SpamAssassin's rules are not installed")
class BounceTest(SpamCase):
    """Bounces of mail that never was ours, by SpamAssassin's own rules."""

    @classmethod
    def prepare(cls) -> None:
        cls.gateway.configure("spam", rules_folder=STOCK, bounce_score=2,
                              wl_bounce_relays="relay.example.com")

    def bounce(self, ident: str, relay: str) -> bytes:
        body = (
            "--b\nContent-Type: text/plain\n\nThis is the mail system. Your message could not be"
            " delivered.\n\n<nobody@far.test>: user unknown\n"
            "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; far.test\n\n"
            "Final-Recipient: rfc822; nobody@far.test\nAction: failed\nStatus: 5.1.1\n"
            f"--b\nContent-Type: message/rfc822\n\nReceived: from {relay} ({relay} [203.0.113.77])\n"
            f"\tby far.test with ESMTP id 1234; Sat, 21 Nov 2026 09:00:00 +0000\n"
            f"From: user@example.com\nTo: nobody@far.test\nSubject: hi\n"
            f"Message-ID: <o{ident}@example.com>\n\nhi\n--b--\n")
        headers = ("MIME-Version: 1.0\nAuto-Submitted: auto-replied\n"
                   "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n")
        return message(ident, body, subject="Undelivered Mail Returned to Sender",
                       sender="MAILER-DAEMON@far.test", headers=headers)

    def test_bounces_of_forged_mail_cost_points(self) -> None:
        queue_id = self.submit(self.bounce(unique_id("forged"), "spammer.test"), sender="")
        self.assertEqual(self.hits(queue_id).get("ANY_BOUNCE_MESSAGE"), 2)

    def test_bounces_of_our_own_mail_do_not(self) -> None:
        queue_id = self.submit(self.bounce(unique_id("own"), "relay.example.com"), sender="")
        self.assertNotIn("ANY_BOUNCE_MESSAGE", self.hits(queue_id))

    def test_without_bounce_score_they_cost_next_to_nothing(self) -> None:
        self.use("spam", bounce_score=0)
        queue_id = self.submit(self.bounce(unique_id("free"), "spammer.test"), sender="")
        self.assertLess(self.hits(queue_id).get("ANY_BOUNCE_MESSAGE", 0), 0.2)


if __name__ == "__main__":
    harness.require_programs("pmgqm")
    os.umask(0o022)
    unittest.main(verbosity=2)
