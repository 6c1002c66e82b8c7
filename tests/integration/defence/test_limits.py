#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Limits of clients: recipients a minute, and which addresses count as one client. The others are tested in
smtp-peers/test_settings.py and test_hostile.py."""

import itertools

import defence
from defence import DefenceCase
from peers import Dialogue


class LimitsTest(DefenceCase):
    _networks = itertools.count(1)

    def network(self) -> str:
        """The first three octets of a network that no other test uses."""
        return f"198.18.{next(self._networks)}"

    def rcpt_answers(self, client: str, count: int) -> list[str]:
        with Dialogue(self.gateway.external, as_client=client) as session:
            session.ehlo()
            session.ask("MAIL FROM:<a@outside.test>")
            return [session.ask(f"RCPT TO:<user-{number}@example.com>") for number in range(count)]

    def test_recipient_rate_limit_defers_what_is_too_much_and_tells_so(self):
        self.configured(recipient_rate_limit=5)
        client = f"{self.network()}.1"
        answers = self.rcpt_answers(client, 8)
        self.assertEqual([answer[:3] for answer in answers[:5]], ["250"] * 5)
        self.assertIn("450 4.7.1 Too many recipients", answers[-1])
        event = self.evidence(client, check="client-limit")
        self.assertEqual(event["reply"], answers[-1])
        # The recipients that were taken get their mail.
        self.assertEqual(self.rcpt_answers(f"{self.network()}.1", 1)[0][:3], "250")

    def test_recipient_rate_limit_spares_trusted_networks(self):
        self.configured(recipient_rate_limit=2)
        client = f"{self.network()}.1"
        self.trust(client)
        self.assertEqual([answer[:3] for answer in self.rcpt_answers(client, 8)], ["250"] * 8)

    def test_client_limit_mask4_counts_a_network_as_one_client(self):
        network, other = self.network(), self.network()
        self.configured(recipient_rate_limit=4, client_limit_mask4=24)
        for number in (1, 2):
            self.assertEqual([answer[:3] for answer in self.rcpt_answers(f"{network}.{number}", 2)], ["250"] * 2)
        self.assertEqual(self.rcpt_answers(f"{network}.3", 3)[-1][:9], "450 4.7.1")
        self.assertEqual([answer[:3] for answer in self.rcpt_answers(f"{other}.1", 2)], ["250"] * 2)

    def test_client_limit_mask6_tells_how_much_of_an_ipv6_address_counts(self):
        def greetings(mask: int, net: str) -> list[str]:
            self.configured(conn_rate_limit=2, client_limit_mask6=mask)
            found = []
            for number in range(1, 5):
                with Dialogue(self.gateway.external, as_client=f"2001:db8:{net}::{number:x}") as session:
                    found.append(session.greeting[:3])
            return found
        self.assertEqual(greetings(128, "a"), ["220"] * 4)
        self.assertEqual(greetings(64, "b"), ["220", "220", "421", "421"])

    def test_a_refused_connection_is_told_why_and_tracked(self):
        self.configured(conn_rate_limit=1)
        client = f"{self.network()}.1"
        for _ in range(3):
            with Dialogue(self.gateway.external, as_client=client) as session:
                last = session.greeting
        self.assertIn("421 4.7.0 Too many connections from your network a minute", last)
        self.assertEqual(self.evidence(client, check="client-limit")["reply"], last)


if __name__ == "__main__":
    defence.main()
