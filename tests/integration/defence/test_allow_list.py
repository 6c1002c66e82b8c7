#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The SMTP allow list: each of its kinds spares a client that every check would refuse, and within a second."""

import defence
from defence import DefenceCase, reverse4, wait_for
from messages import unique_id

VICTIM = "203.0.113.80"   # listed, without a name, with a failing SPF record and a domain without MX
NEIGHBOUR = "203.0.113.81"


class AllowListTest(DefenceCase):
    zones = {
        "bl.test": "2.0.0.127 A 127.0.0.2\n" + f"{reverse4(VICTIM)} A 127.0.0.2\n{reverse4(NEIGHBOUR)} A 127.0.0.2\n",
        "forged.test": '@ TXT "v=spf1 -all"\n',
    }
    mail = {"use_rbl": 1, "dnsbl_sites": "bl.test", "helotests": 0, "rejectunknown": 1, "rejectunknownsender": 1,
            "spf": 1, "greylist": 1, "verifyreceivers": 550}
    sink_options = {"reject_rcpt": "nobody@*=550"}
    #: Kind and value; sender, recipient and client that it lets in; and one that it does not.
    KINDS = [
        ("sender-domain", "forged.test", ("a@FORGED.test", "user@example.com", VICTIM),
         ("a@sub.forged.test", "user@example.com", VICTIM)),
        ("sender", "anna@forged.test", ("Anna@forged.test", "user@example.com", VICTIM),
         ("berta@forged.test", "user@example.com", VICTIM)),
        ("sender-regex", r"news-\d+@forged\.test", ("news-7@forged.test", "user@example.com", VICTIM),
         ("xnews-7@forged.test", "user@example.com", VICTIM)),
        ("ip", VICTIM, ("a@forged.test", "user@example.com", VICTIM),
         ("a@forged.test", "user@example.com", NEIGHBOUR)),
        ("network", "203.0.113.80/32", ("a@forged.test", "user@example.com", VICTIM),
         ("a@forged.test", "user@example.com", NEIGHBOUR)),
        ("receiver", "abuse@example.com", ("a@forged.test", "abuse@example.com", VICTIM),
         ("a@forged.test", "user@example.com", VICTIM)),
        ("receiver-domain", "open.test", ("a@forged.test", "user@open.test", VICTIM),
         ("a@forged.test", "user@example.com", VICTIM)),
        ("receiver-regex", r"post.*@example\.com", ("a@forged.test", "postmaster@example.com", VICTIM),
         ("a@forged.test", "user@example.com", VICTIM)),
    ]
    domains = ("example.com", "open.test")

    def setUp(self) -> None:
        wait_for(lambda: self.attempt(VICTIM, "a@forged.test").last.startswith("554"), 10,
                 "the entries of the test before to be forgotten")

    def test_each_kind_spares_every_check_soon_after_pmgrule_and_no_longer_than_it_is_there(self):
        for kind, value, spared, other in self.KINDS:
            with self.subTest(kind=kind):
                self.assert_refused(self.attempt(spared[2], *spared[:2]), "554 5.7.1 ", "bl.test")
                self.gateway.run("pmgrule", "allowlist", "add", kind, value)
                attempt = wait_for(lambda: (made := self.attempt(spared[2], *spared[:2])).is_taken and made, 10,
                                   f"the entry {kind} to act")
                self.assert_taken(attempt)
                self.assert_refused(self.attempt(other[2], *other[:2]), "554 5.7.1 ", "bl.test")
                self.gateway.run("pmgrule", "allowlist", "remove", value)
                wait_for(lambda: self.attempt(spared[2], *spared[:2]).last.startswith("554"), 10,
                         f"the entry {kind} to be forgotten")

    def test_the_entry_is_told_in_tracking(self):
        self.allow("ip", VICTIM)
        sender = f"{unique_id('told')}@forged.test"
        wait_for(lambda: self.attempt(VICTIM, sender).is_taken, 10, "the entry to act")
        detail = self.evidence(VICTIM, "accepted", sender=sender)["detail"]
        self.assertIn(VICTIM, detail["session"]["allowed_by"])

    def test_the_list_opens_no_relay(self):
        self.allow("ip", VICTIM)
        self.allow("sender-regex", ".*")
        wait_for(lambda: self.attempt(VICTIM, "a@forged.test").is_taken, 10, "the entry to act")
        for port in (self.gateway.external, self.gateway.internal):
            attempt = defence.converse(port, VICTIM, "a@forged.test", "user@elsewhere.test")
            self.assertTrue(attempt.last.startswith("550 5.7.1 "), attempt)

    def test_null_sender_matches_no_pattern(self):
        self.allow("sender-regex", ".*")
        sender = f"a@{unique_id('w')}.test"
        wait_for(lambda: self.attempt(VICTIM, sender).is_taken, 10, "the entry to act")
        self.assert_refused(self.attempt(VICTIM, ""), "554 5.7.1 ")


if __name__ == "__main__":
    defence.main()
