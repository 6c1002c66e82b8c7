#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""SPF and greylisting at the gateway: verdicts, header fields, periods, restarts, backup MX, races (R6)."""

import concurrent.futures
import itertools
import re
import time

import defence
from defence import DefenceCase, stranger, wait_for
from messages import unique_id

#: Digits in a sender do not make him another.
NAMES = [letter * 3 for letter in "abcdefghijklmnopqr"]
PASS, OTHER, BACKUP = "203.0.113.30", "203.0.113.31", "203.0.113.60"
SPF_ZONES = {
    "strict.test": f'@ TXT "v=spf1 ip4:{PASS} exp=why.strict.test -all"\nwhy TXT "write to help@strict.test"\n',
    "soft.test": '@ TXT "v=spf1 ~all"\n',
    "neutral.test": '@ TXT "v=spf1 ?all"\n',
    "wrong.test": '@ TXT "v=spf1 nonsense:x -all"\n',
    "troubled.test": '@ TXT "v=spf1 include:spf.broken.test -all"\n',
    "endless.test": '@ TXT "v=spf1 include:endless.test -all"\n',
    "none.test": "@ A 127.0.0.1\n",
    "broken.test": "this is no record\n",  # so nsd answers SERVFAIL
    "example.com": f"@ MX 10 gateway\n@ MX 20 backup\nbackup A {BACKUP}\ngateway A 127.0.0.1\n",
    "lost.test": "@ MX 10 mx.broken.test.\n",
}


def spf_fields(raw: bytes) -> list[str]:
    """The Received-SPF fields at the head of a message, unfolded, newest first."""
    head = raw.split(b"\r\n\r\n")[0].decode()
    return re.findall(r"(?mi)^Received-SPF: (.*)$", re.sub(r"\r\n[ \t]+", " ", head).replace("\r\n", "\n"))


class SpfTest(DefenceCase):
    zones = SPF_ZONES
    mail = {"spf": 1}
    domains = ("example.com", "lost.test")

    def test_fail_is_refused_with_the_domains_own_words(self):
        attempt = self.attempt(OTHER, "a@strict.test")
        self.assert_refused(attempt, "550 5.7.23 ", OTHER, "strict.test", "write to help@strict.test")
        spf = self.assert_tracked(attempt, "spf")["spf"]
        self.assertEqual((spf["result"], spf["domain"]), ("fail", "strict.test"))

    def test_other_results_pass_and_are_told_in_received_spf(self):
        for sender, result in (("a@strict.test", "pass"), ("a@soft.test", "softfail"), ("a@neutral.test", "neutral"),
                               ("a@wrong.test", "permerror"), ("a@troubled.test", "temperror"),
                               ("a@endless.test", "permerror"), ("a@none.test", "none")):
            with self.subTest(sender=sender):
                fields = spf_fields(self.assert_taken(self.attempt(PASS, sender)))
                self.assertEqual(len(fields), 1, fields)
                self.assertEqual(fields[0].split()[0].lower(), result)
                self.assertIn(f"client-ip={PASS}", fields[0])
                self.assertIn(sender, fields[0])
                self.assertIn("receiver=gateway.example.com", fields[0])

    def test_null_sender_is_judged_by_its_helo_name(self):
        attempt = self.attempt(OTHER, "", helo="strict.test")
        self.assert_refused(attempt, "550 5.7.23 ", "strict.test")
        self.assert_taken(self.attempt(PASS, "", helo="strict.test"))

    def test_result_reaches_the_evidence_of_accepted_mail(self):
        client = stranger()
        self.assert_taken(self.attempt(client, "a@soft.test"))
        self.assertEqual(self.evidence(client, "accepted")["detail"]["session"]["spf"]["result"], "softfail")

    def test_backup_mx_of_the_recipient_may_pass_on_anything(self):
        self.assert_taken(self.attempt(BACKUP, "a@strict.test"))
        # It is no backup MX for others.
        attempt = self.attempt(BACKUP, "a@strict.test", "user@lost.test")
        self.assert_refused(attempt, "451 4.7.23 ")  # who lost.test's are DNS does not say

    def test_F7_a_refusal_for_good_needs_dns_to_be_sure(self):
        self.assert_refused(self.attempt(OTHER, "a@strict.test", "user@lost.test"), "451 4.7.23 ")

    def test_trusted_and_allowed_are_spared(self):
        self.trust(OTHER)
        self.assert_taken(self.attempt(OTHER, "a@strict.test"))
        self.allow("sender", "chief@strict.test")
        client = stranger()
        wait_for(lambda: self.attempt(client, "chief@strict.test").is_taken, 20, "the allow list")
        self.assert_refused(self.attempt(client, "a@strict.test"), "550 5.7.23 ")

    def test_senders_and_helo_names_cannot_write_header_lines(self):
        sender = '"x\\"; x-evil=1"@none.test'
        fields = spf_fields(self.assert_taken(self.attempt(stranger(), sender)))
        self.assertEqual(len(fields), 1, fields)


class GreylistTest(DefenceCase):
    DELAY = 3
    PATIENCE = DELAY + 1.1  # it counts whole seconds
    zones = SPF_ZONES
    mail = {"spf": 1, "greylist": 1, "greylist_delay": DELAY}
    DEFERRED = "450 4.7.1 "

    def setUp(self) -> None:
        self.sender = f"a@{unique_id('g')}.outside.test"

    def count_rows(self, sender: str) -> int:
        return int(self.gateway.sql(f"SELECT count(*) FROM greylist_triplet WHERE sender LIKE '%{sender}'")[0][0])

    def wait_for_rows(self, sender: str, count: int = 1) -> None:
        wait_for(lambda: self.count_rows(sender) >= count, 20, "greylisting to be written", 0.2)

    def let_in(self, client: str, sender: str) -> None:
        self.assert_refused(self.attempt(client, sender), self.DEFERRED)
        time.sleep(self.PATIENCE)
        self.assert_taken(self.attempt(client, sender))

    def test_first_and_early_attempts_are_deferred_and_a_later_one_passes(self):
        client = stranger()
        for reason in ("first-attempt", "too-early"):
            attempt = self.attempt(client, self.sender)
            self.assert_refused(attempt, self.DEFERRED, "try later")
            wait_for(lambda: self.assert_tracked(attempt, "greylist")["greylist"] == reason, 20, reason, 0.3)
            self.assertEqual(self.evidence(client)["status"], "greylisted")
        time.sleep(self.PATIENCE)
        self.assert_taken(self.attempt(client, self.sender))
        self.assert_taken(self.attempt(client, self.sender))
        # Another recipient is another triplet.
        self.assert_refused(self.attempt(client, self.sender, "other@example.com"), self.DEFERRED)

    def test_retry_from_a_neighbour_in_the_network_passes(self):
        self.assert_refused(self.attempt("203.0.113.70", self.sender), self.DEFERRED)
        time.sleep(self.PATIENCE)
        self.assert_taken(self.attempt("203.0.113.71", self.sender))
        self.assert_refused(self.attempt("198.18.5.71", self.sender), self.DEFERRED)

    def test_null_sender_is_greylisted_as_others(self):
        client = "198.18.6.1"
        self.let_in(client, "")

    def test_spf_pass_and_backup_mx_need_not_wait(self):
        self.assert_taken(self.attempt(PASS, "a@strict.test"))
        self.assert_taken(self.attempt(BACKUP, self.sender))
        self.assert_refused(self.attempt("198.18.7.1", "a@soft.test"), self.DEFERRED)

    def test_trusted_and_allowed_need_not_wait(self):
        client = "198.18.8.1"
        self.allow("receiver", "quick@example.com")
        wait_for(lambda: self.attempt(client, to="quick@example.com").is_taken, 20, "the allow list")
        self.assert_refused(self.attempt(client), self.DEFERRED)
        self.trust("198.18.8.0/24")
        self.assert_taken(self.attempt(client))

    def test_ipv6_is_greylisted_only_where_asked_for(self):
        client = "2001:db8:8::1"
        self.assert_taken(self.attempt(client, self.sender))
        self.configured(greylist6=1)
        self.assert_refused(self.attempt(client), self.DEFERRED)

    def test_those_our_users_write_to_need_not_wait_with_their_answer(self):
        friend = self.sender
        self.trust("198.18.9.1")
        ours = defence.converse(self.gateway.internal, "198.18.9.1", "user@example.com", friend)
        self.assertTrue(ours.is_taken, ours)
        self.assert_taken(self.attempt("198.18.10.1", friend, "user@example.com"))
        self.assert_refused(self.attempt("198.18.10.1", friend, "nosy@example.com"), self.DEFERRED)

    def test_a_network_that_proved_itself_is_known(self):
        domain = self.sender.split("@")[1]
        for name in NAMES[:5]:
            self.assert_refused(self.attempt("198.18.11.1", f"{name}@{domain}"), self.DEFERRED)
        time.sleep(self.PATIENCE)
        for name in NAMES[:5]:
            self.assert_taken(self.attempt("198.18.11.1", f"{name}@{domain}"))
        self.assert_taken(self.attempt("198.18.11.2", f"newcomer@{domain}"))

    def test_what_is_known_and_what_waits_survives_a_restart(self):
        client = "198.18.12.1"
        self.let_in(client, self.sender)
        waiting = f"b@{self.sender.split('@')[1]}"
        self.assert_refused(self.attempt(client, waiting), self.DEFERRED)
        self.assertEqual(self.gateway.stop(), 0)
        time.sleep(self.PATIENCE)
        self.gateway.start()
        wait_for(lambda: self.attempt(client).last.startswith(self.DEFERRED), 20, "greylisting to be loaded")
        self.assert_taken(self.attempt(client, self.sender))
        self.assert_taken(self.attempt(client, waiting))

    def test_R6_one_triplet_from_many_sessions_is_one_row(self):
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            attempts = list(pool.map(lambda number: self.attempt(f"198.18.13.{number}", self.sender, with_data=False),
                                     range(1, 61)))
        self.assertEqual({attempt.last[:10] for attempt in attempts}, {self.DEFERRED})
        self.wait_for_rows(self.sender)
        time.sleep(1.5)  # what is written behind is written now
        self.assertEqual(self.count_rows(self.sender), 1)
        time.sleep(self.PATIENCE)
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            attempts = list(pool.map(lambda number: self.attempt(f"198.18.13.{number}", self.sender, with_data=False),
                                     range(1, 41)))
        self.assertEqual({attempt.last[:3] for attempt in attempts}, {"250"})
        time.sleep(1.5)
        self.assertEqual(self.count_rows(self.sender), 1)

    def test_R6_random_senders_from_many_sessions_lock_nobody_up(self):
        marker = self.sender.split("@")[1]
        known = f"friend@{unique_id('k')}.outside.test"
        self.let_in("198.18.14.1", known)
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            noise = [pool.submit(self.attempt, f"198.18.15.{number % 250 + 1}", f"{first}{second}@{marker}", with_data=False)
                     for number, (first, second) in enumerate(itertools.product(NAMES, NAMES))]
            for _ in range(5):
                self.assert_taken(self.attempt("198.18.14.1", known))
            answers = {each.result().last[:10] for each in noise}
        self.assertEqual(answers, {self.DEFERRED})
        self.wait_for_rows(f"@{marker}", len(NAMES) ** 2)
        self.assertEqual(self.count_rows(f"@{marker}"), len(NAMES) ** 2)


if __name__ == "__main__":
    defence.main()
