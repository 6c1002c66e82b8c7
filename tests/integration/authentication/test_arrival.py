#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who sent incoming mail: what the gateway finds out, writes into the mail, and does about it."""

import email
import re
import tempfile
import unittest
from pathlib import Path

import oracle
import peers
import harness
from harness import Gateway, HarnessError, Sink, wait_for
from messages import message, unique_id
from peers import STRANGER, Dialogue, NameServer

OURS = "gateway.example.com"
OTHER_CLIENT = "198.51.100.1"  # In nobody's SPF record.
NOT_ALLOWED = "v=spf1 ip4:203.0.113.99 ~all"


def results_of(raw: bytes) -> list[str]:
    """Values of the Authentication-Results fields, unfolded."""
    fields = email.message_from_bytes(raw).get_all("Authentication-Results") or []
    return [re.sub(r"\s+", " ", str(value)).strip() for value in fields]


class ArrivalTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        if not NameServer.is_installed():
            raise unittest.SkipTest("nsd is not installed")
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.key = oracle.Key(Path(folder.name))
        cls.names = NameServer({
            "outside.test": f'@ TXT "v=spf1 ip4:{STRANGER} -all"\n@ A 203.0.113.1\n'
                            f"s1._domainkey TXT {oracle.txt(cls.key.record)}\n"
                            '_dmarc TXT "v=DMARC1; p=reject"\n',
            "strict.test": f'@ TXT "{NOT_ALLOWED}"\n@ A 203.0.113.1\n_dmarc TXT "v=DMARC1; p=reject"\n',
            "quarantine.test": f'@ TXT "{NOT_ALLOWED}"\n@ A 203.0.113.1\n'
                               '_dmarc TXT "v=DMARC1; p=quarantine"\n',
            "lists.test": f"@ A 203.0.113.1\ns1._domainkey TXT {oracle.txt(cls.key.record)}\n",
            "sampled.test": f'@ TXT "{NOT_ALLOWED}"\n@ A 203.0.113.1\n'
                            '_dmarc TXT "v=DMARC1; p=quarantine; pct=0"\n'})
        cls.addClassCleanup(cls.names.stop)
        cls.names.start()
        cls.sink = Sink()
        cls.addClassCleanup(cls.sink.__exit__)
        cls.sink.start()
        cls.gateway = Gateway(relay_port=cls.sink.port, mail={
            **peers.XCLIENT_HERE, "dns_servers": cls.names.server, "greylist": 0, "use_rbl": 0,
            "greet_wait": 0, "spf": 1})
        cls.addClassCleanup(cls.gateway.close)
        cls.gateway.start()

    def use(self, **keys) -> None:
        """Changes settings for this test, and waits until a new generation of workers judges by them."""
        before = {key: self.gateway.sections["mail"].get(key) for key in keys}
        self.configure(**keys)
        self.addCleanup(self.configure, **before)

    def configure(self, **keys) -> None:
        start = len(self.gateway.log())
        old = set(self.gateway.pids("filter-worker"))
        self.gateway.configure("mail", **keys)
        self.gateway.wait_for_log(r"filter\.loaded", start=start)
        wait_for(lambda: (now := set(self.gateway.pids("filter-worker"))) and not now & old, 20,
                 "new filter workers")

    def submit(self, raw: bytes, sender: str, client: str = STRANGER,
               to: str = "user@example.com") -> str:
        """The answer at the end of DATA."""
        with Dialogue(self.gateway.external, as_client=client) as session:
            session.ehlo()
            session.envelope(sender, to)
            session.ask("DATA")
            session.send(raw)
            return session.ask(".")

    def delivered(self, raw: bytes, ident: str, sender: str, client: str = STRANGER) -> bytes:
        answer = self.submit(raw, sender, client)
        if not answer.startswith("250"):
            raise HarnessError(answer)
        return self.sink.wait_for(ident)[0].raw

    def tracked(self, answer: str) -> dict:
        queue_id = re.search(r"\((\w+)\)", answer).group(1)
        return wait_for(lambda: next((row for row in self.gateway.tracking()
                                      if row["queue_id"] == queue_id and row["status"]), None), 30,
                        f"{queue_id} in tracking")

    # ---- what is written ----
    def test_signed_mail_passes(self) -> None:
        ident = unique_id("signed")
        raw = self.key.sign(message(ident, sender="anna@outside.test"), "outside.test")
        copy = self.delivered(raw, ident, "anna@outside.test")
        self.assertTrue(copy.lower().startswith(b"authentication-results: " + OURS.encode()), copy[:200])
        (results,) = results_of(copy)
        for wanted in ("dkim=pass", "header.d=outside.test", "spf=pass", "dmarc=pass", "arc=none"):
            self.assertIn(wanted, results)
        self.assertTrue(oracle.verifies(copy, self.key.record), "the signature does not survive us")

    def test_changed_body_fails(self) -> None:
        ident = unique_id("changed")
        raw = self.key.sign(message(ident, sender="anna@outside.test"), "outside.test")
        copy = self.delivered(raw.replace(b"Hello.", b"Hullo."), ident, "anna@outside.test")
        self.assertIn("dkim=fail", results_of(copy)[0])
        self.assertNotIn("dkim=pass", results_of(copy)[0])

    def test_missing_key_is_no_pass(self) -> None:
        ident = unique_id("nokey")
        raw = self.key.sign(message(ident, sender="anna@outside.test"), "outside.test", "absent")
        results = results_of(self.delivered(raw, ident, "anna@outside.test"))[0]
        self.assertIn("dkim=permerror", results)

    def test_unsigned_mail_says_none(self) -> None:
        ident = unique_id("unsigned")
        copy = self.delivered(message(ident, sender="x@elsewhere.test"), ident, "x@elsewhere.test")
        self.assertIn("dkim=none", results_of(copy)[0])

    def test_forged_results_are_removed(self) -> None:
        """C8: what looks like our own finding is not, whatever its spelling."""
        ident = unique_id("forged")
        forged = (f"Authentication-Results: {OURS}; dkim=pass header.d=bank.test\n"
                  f"authentication-results: (x) {OURS.upper()} 1; spf=pass\n"
                  f'Authentication-Results:\n "{OURS}"; dmarc=pass\n'
                  "Authentication-Results: mx.partner.test; spf=pass smtp.mailfrom=a@b.test\n")
        raw = message(ident, sender="x@elsewhere.test", headers=forged)
        found = results_of(self.delivered(raw, ident, "x@elsewhere.test"))
        self.assertEqual(len(found), 2, found)
        self.assertTrue(found[0].startswith(OURS))
        self.assertNotIn("bank.test", found[0])
        self.assertEqual(found[1], "mx.partner.test; spf=pass smtp.mailfrom=a@b.test")

    def test_outgoing_mail_says_nothing_of_senders(self) -> None:
        ident = unique_id("outgoing")
        with Dialogue(self.gateway.internal) as session:
            session.ehlo()
            session.envelope("user@example.com", "x@elsewhere.test")
            session.ask("DATA")
            session.send(message(ident, sender="user@example.com", to="x@elsewhere.test"))
            self.assertTrue(session.ask(".").startswith("250"))
        self.assertEqual(results_of(self.sink.wait_for(ident)[0].raw), [])

    # ---- what is done about it ----
    def test_mark_only_marks(self) -> None:
        ident = unique_id("marked")
        copy = self.delivered(message(ident, sender="boss@strict.test"), ident, "boss@strict.test")
        self.assertIn("dmarc=fail", results_of(copy)[0])

    def test_off_does_not_mention_it(self) -> None:
        self.use(dmarc="off")
        ident = unique_id("off")
        copy = self.delivered(message(ident, sender="boss@strict.test"), ident, "boss@strict.test")
        self.assertNotIn("dmarc", results_of(copy)[0])
        self.assertIn("dkim=none", results_of(copy)[0])

    def test_reject_is_honoured(self) -> None:
        self.use(dmarc="enforce")
        ident = unique_id("rejected")
        answer = self.submit(message(ident, sender="boss@strict.test"), "boss@strict.test")
        self.assertRegex(answer, r"^550 5\.7\.1 .*strict\.test.*DMARC.*p=reject")
        row = self.tracked(answer)
        self.assertEqual(row["rule"], "dmarc")
        self.assertIn("strict.test", row["reason"])
        self.assertEqual(self.sink.find(ident), [])

    def test_a_foreign_envelope_does_not_help(self) -> None:
        """C8: SPF passes for the envelope's domain, which is not the author's."""
        self.use(dmarc="enforce")
        ident = unique_id("foreign")
        answer = self.submit(message(ident, sender="boss@strict.test"), "x@outside.test")
        self.assertTrue(answer.startswith("550 5.7.1"), answer)

    def test_a_foreign_signature_does_not_help(self) -> None:
        """C8: DKIM passes for a domain that only looks like the author's."""
        self.use(dmarc="enforce")
        ident = unique_id("suffix")
        raw = self.key.sign(message(ident, sender="boss@strict.test"), "outside.test")
        self.assertTrue(self.submit(raw, "x@elsewhere.test").startswith("550 5.7.1"))

    def test_what_passes_is_delivered(self) -> None:
        self.use(dmarc="enforce")
        ident = unique_id("passing")
        raw = self.key.sign(message(ident, sender="anna@outside.test"), "outside.test")
        copy = self.delivered(raw, ident, "bounce@elsewhere.test", OTHER_CLIENT)
        self.assertIn("dmarc=pass", results_of(copy)[0])

    def test_quarantine_is_honoured(self) -> None:
        self.use(dmarc="enforce")
        ident = unique_id("kept")
        answer = self.submit(message(ident, subject=ident, sender="boss@quarantine.test"),
                             "boss@quarantine.test")
        self.assertTrue(answer.startswith("250"), answer)
        entry = wait_for(lambda: next((each for each in self.gateway.quarantine()
                                       if each["subject"] == ident), None), 30, "the quarantine")
        self.assertEqual(entry["rule"], "dmarc")
        self.assertEqual(self.sink.find(ident), [])

    def test_pct_is_respected(self) -> None:
        self.use(dmarc="enforce")
        ident = unique_id("sampled")
        copy = self.delivered(message(ident, sender="boss@sampled.test"), ident, "boss@sampled.test")
        self.assertIn("dmarc=fail", results_of(copy)[0])

    def test_two_authors_are_kept_apart(self) -> None:
        """C8: nobody can say whose policy holds."""
        self.use(dmarc="enforce")
        ident = unique_id("authors")
        raw = message(ident, subject=ident, sender="anna@outside.test",
                      headers="From: <boss@strict.test>\n")
        answer = self.submit(raw, "anna@outside.test")
        self.assertTrue(answer.startswith("250"), answer)
        wait_for(lambda: [each for each in self.gateway.quarantine() if each["subject"] == ident], 30,
                 "the quarantine")
        self.assertEqual(self.sink.find(ident), [])

    def test_after_the_queue_it_is_kept_not_bounced(self) -> None:
        self.use(dmarc="enforce", before_queue_filtering=0)
        ident = unique_id("late")
        answer = self.submit(message(ident, subject=ident, sender="boss@strict.test"), "boss@strict.test")
        self.assertTrue(answer.startswith("250"), answer)
        wait_for(lambda: [each for each in self.gateway.quarantine() if each["subject"] == ident], 30,
                 "the quarantine")

    def test_trusted_clients_are_not_turned_away(self) -> None:
        self.use(dmarc="enforce")
        ident = unique_id("trusted")
        copy = self.delivered(message(ident, sender="boss@strict.test"), ident, "boss@strict.test",
                              client="127.0.0.1")
        self.assertIn("dmarc=fail", results_of(copy)[0])

    def test_allowed_clients_are_not_turned_away(self) -> None:
        self.use(dmarc="enforce")
        self.gateway.run("pmgrule", "allowlist", "add", "ip", OTHER_CLIENT)
        self.addCleanup(self.gateway.run, "pmgrule", "allowlist", "remove", OTHER_CLIENT)
        self.gateway.wait_for_log(r"allowlist\.loaded: entries=1")
        ident = unique_id("allowed")
        copy = self.delivered(message(ident, sender="boss@strict.test"), ident, "boss@strict.test",
                              client=OTHER_CLIENT)
        self.assertIn("dmarc=fail", results_of(copy)[0])

    def test_a_rule_that_accepts_overrules_the_policy(self) -> None:
        """The factory's welcome list names the envelope's sender."""
        self.use(dmarc="enforce")
        ident = unique_id("welcome")
        copy = self.delivered(message(ident, sender="boss@strict.test"), ident, "mail@fromthisdomain.example")
        self.assertIn("dmarc=fail", results_of(copy)[0])

    def forwarded(self, ident: str) -> bytes:
        """As a mailing list sends it on that got it with DMARC passed."""
        results = ("Authentication-Results: lists.test; arc=none; dkim=pass header.d=strict.test;\n"
                   " dmarc=pass header.from=strict.test\n")
        return self.key.seal(message(ident, sender="boss@strict.test", headers=results), "lists.test")

    def test_a_trusted_seal_counts(self) -> None:
        self.use(dmarc="enforce", arc_trusted_sealers="lists.test")
        ident = unique_id("sealed")
        copy = self.delivered(self.forwarded(ident), ident, "list@lists.test", OTHER_CLIENT)
        self.assertIn("arc=pass", results_of(copy)[0])

    def test_a_strangers_seal_does_not_help(self) -> None:
        """C8: anybody can seal."""
        self.use(dmarc="enforce")
        ident = unique_id("stranger")
        answer = self.submit(self.forwarded(ident), "list@lists.test", OTHER_CLIENT)
        self.assertTrue(answer.startswith("550 5.7.1"), answer)

    # ---- when DNS is away ----
    def test_f7_without_dns_mail_is_delivered(self) -> None:
        self.use(dmarc="enforce", dns_servers="127.0.0.1:9", dns_timeout=2, spf_timeout=2)
        ident = unique_id("nodns")
        raw = self.key.sign(message(ident, sender="boss@strict.test"), "strict.test")
        copy = self.delivered(raw, ident, "boss@strict.test")
        self.assertIn("dkim=temperror", results_of(copy)[0])
        self.assertIn("dmarc=temperror", results_of(copy)[0])

    def test_f7_a_killed_resolver_comes_back(self) -> None:
        self.assertEqual(len(self.gateway.kill("resolver")), 1)
        ident = unique_id("killed")
        raw = self.key.sign(message(ident, sender="anna@outside.test"), "outside.test")
        copy = self.delivered(raw, ident, "anna@outside.test")
        self.assertRegex(results_of(copy)[0], r"dkim=(pass|temperror)")
        wait_for(lambda: self.gateway.pids("resolver"), 20, "a new resolver")
        ident = unique_id("again")
        raw = self.key.sign(message(ident, sender="anna@outside.test"), "outside.test")
        self.assertIn("dkim=pass", results_of(self.delivered(raw, ident, "anna@outside.test"))[0])


if __name__ == "__main__":
    harness.main()
