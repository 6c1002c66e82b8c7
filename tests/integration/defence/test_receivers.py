#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Receiver verification and backscatter: unknown recipients are refused in the session (R4, R5)."""

import concurrent.futures

import defence
from defence import DefenceCase, stranger, wait_for
from messages import GTUBE, message, unique_id
from peers import Dialogue

UNKNOWN = "nobody"


class ReceiverTest(DefenceCase):
    mail = {"verifyreceivers": 550}
    sink_options = {"reject_rcpt": ["nobody*@*=550", "later*@*=450"]}

    def test_unknown_recipient_is_refused_with_the_next_hops_words(self):
        attempt = self.attempt(stranger(), to=f"{UNKNOWN}@example.com")
        self.assert_refused(attempt, "550 5.1.1 ", "not known")
        self.assertIn("550", self.assert_tracked(attempt, "receiver")["next_hop"])
        self.assert_taken(self.attempt(stranger(), to="user@example.com"))

    def test_recipients_of_one_mail_are_judged_one_by_one(self):
        attempt = self.attempt(stranger(), to=["user@example.com", f"{UNKNOWN}-2@example.com", "other@example.com"])
        self.assertEqual([reply[:3] for reply in attempt.rcpt], ["250", "550", "250"])
        self.assert_taken(attempt)
        self.assertEqual(sorted(self.sink.find(attempt.ident)[0].recipients), ["other@example.com", "user@example.com"])

    def test_verifyreceivers_450_defers_the_unknown(self):
        self.configured(verifyreceivers=450)
        self.assert_refused(self.attempt(stranger(), to=f"{UNKNOWN}-3@example.com"), "450 4.1.1 ")

    def test_without_verifyreceivers_nobody_is_asked_for(self):
        self.configured(verifyreceivers=None)
        attempt = self.attempt(stranger(), to=f"{UNKNOWN}-4@example.com", with_data=False)
        self.assertTrue(attempt.last.startswith("250"))

    def test_R5_a_recipient_refused_for_now_is_deferred(self):
        self.assert_refused(self.attempt(stranger(), to="later@example.com"), "450 4.1.1 ")

    def test_hide_received_hides_what_stands_behind_us(self):
        shown = self.attempt(stranger(), to=f"{UNKNOWN}-5@example.com")
        self.configured(hide_received=1)
        masked = self.attempt(stranger(), to=f"{UNKNOWN}-5@example.com")
        self.assert_refused(masked, "550 5.1.1 ")
        self.assertLess(len(masked.last), len(shown.last))
        self.assertNotIn(": 550", masked.last)

    def test_trusted_and_allowed_are_not_asked_about(self):
        client = stranger()
        self.trust(client)
        self.assertTrue(self.attempt(client, to=f"{UNKNOWN}-6@example.com", with_data=False).last.startswith("250"))
        self.allow("receiver", f"{UNKNOWN}-7@example.com")
        wait_for(lambda: self.attempt(stranger(), to=f"{UNKNOWN}-7@example.com", with_data=False).last[:3] == "250",
                 10, "the allow list")

    def test_R5_next_hop_down_defers_the_unknown_and_takes_the_known(self):
        self.assert_taken(self.attempt(stranger(), to="known@example.com"))
        self.assert_refused(self.attempt(stranger(), to=f"{UNKNOWN}-8@example.com"), "550 5.1.1 ")
        self.sink.stop()
        self.addCleanup(lambda: self.sink.is_running or self.sink.start())
        attempt = self.attempt(stranger(), to="fresh@example.com")
        self.assert_refused(attempt, "450 4.1.1 ", "try again later")
        self.assert_tracked(attempt, "receiver")
        taken = self.attempt(stranger(), to="known@example.com")
        self.assertTrue(taken.is_taken, taken)
        self.assert_refused(self.attempt(stranger(), to=f"{UNKNOWN}-8@example.com"), "550 5.1.1 ")
        self.sink.start()
        self.sink.wait_for(taken.ident)
        wait_for(lambda: self.attempt(stranger(), to="fresh@example.com").is_taken, 60, "the next hop to be asked again",
                 0.5)

    def test_R4_forged_senders_of_many_mails_get_no_bounces(self):
        marker = unique_id("forged")
        before = len(self.sink.messages())
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            attempts = list(pool.map(
                lambda number: self.attempt("203.0.113.200", f"victim-{number}@{marker}.outside.test",
                                            f"{UNKNOWN}-{marker}-{number % 50}@example.com"), range(1000)))
        self.assertEqual({attempt.last[:9] for attempt in attempts}, {"550 5.1.1"})
        # Nothing is queued that could bounce later, and nothing has gone anywhere.
        self.assertEqual(self.gateway.queue(), [])
        self.assertEqual([mail.envelope for mail in self.sink.messages()[before:]], [])
        bounces = self.gateway.sql("SELECT count(*) FROM tracking_mail WHERE recipient LIKE 'victim-%'")
        self.assertEqual(bounces, [["0"]])

    def test_R4_spam_that_a_rule_blocks_is_refused_in_the_session(self):
        self.gateway.run("pmgrule", "enable", "Block Spam (Level 10)")
        self.addCleanup(self.gateway.run, "pmgrule", "disable", "Block Spam (Level 10)")
        sender = f"victim@{unique_id('late')}.outside.test"
        def answer() -> str:
            with Dialogue(self.gateway.external, as_client=stranger()) as session:
                session.ehlo()
                session.envelope(sender)
                session.ask("DATA")
                return session.ask(message(unique_id("spam"), GTUBE + "\n") + b".")
        wait_for(lambda: answer().startswith("554 5.7.1 "), 20, "the rule to act", 0.3)
        self.gateway.drain()
        self.assertEqual([mail.recipients for mail in self.sink.messages() if sender in mail.recipients], [])


if __name__ == "__main__":
    defence.main()
