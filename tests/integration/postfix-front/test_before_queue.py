#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Postfix's smtpd_proxy_filter leads to the gateway and back: the operator page's other way."""

import front
from front import SPF_GOOD, FrontCase
from messages import EICAR, is_whole, sealed, send, unique_id, with_attachment


class BeforeQueueTest(FrontCase):
    way = "before-queue"

    def test_mail_of_both_directions_passes(self):
        ident = unique_id("in")
        answer = self.send(sealed(ident), to="proxied@example.com")
        self.assertTrue(answer.startswith("250 2.5.0 OK"), answer)
        sunk = self.arrived(ident)[0]
        self.assertTrue(is_whole(sunk.raw))
        self.assertEqual(sunk.raw.count(b"\r\nReceived-SPF: pass") + sunk.raw.startswith(b"Received-SPF: pass"), 1)
        self.assertIn(SPF_GOOD, self.steps_of("proxied@example.com", "delivered"))
        ident = unique_id("out")
        self.assertEqual(send(self.ports.internal, sealed(ident), "user@example.com", "friend@elsewhere.test")[0], 250)
        self.assertTrue(is_whole(self.arrived(ident)[0].raw))

    def test_blocked_mail_is_refused_while_its_sender_waits(self):
        self.block_mail_for("blocked@example.com")
        self.addCleanup(self.gateway.run, "pmgdb", "reset")
        ident = unique_id("blocked")
        answer = self.send(sealed(ident), to="blocked@example.com")
        self.assertRegex(answer, r"^554 5\.7\.1 BLOCKED")
        self.steps_of("blocked@example.com", "Block one")
        self.assertEqual(self.sink.find(ident), [])

    def test_virus_is_quarantined(self):
        ident = unique_id("virus")
        self.assertTrue(self.send(with_attachment(ident, "invoice.com", EICAR.encode())).startswith("250"))
        self.quarantined(ident)
        self.assertEqual(self.sink.find(ident), [])

    def test_gateway_stopped_the_client_keeps_its_mail(self):
        self.gateway.stop()
        try:
            self.assertRegex(self.send(sealed(unique_id("away"))), "^4")
        finally:
            self.gateway.start()


if __name__ == "__main__":
    front.main()
