#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What leaves the gateway is signed with DKIM, or leaves all the same."""

import re
import time
import unittest

import oracle
import harness
from harness import Gateway, Sink, wait_for
from messages import message, send, unique_id

USER = "user@example.com"
PARTNER = "partner@elsewhere.test"


def signature_of(raw: bytes) -> dict[str, str]:
    """Tags of the first DKIM-Signature field; empty if there is none."""
    found = re.match(rb"(?i)dkim-signature:((?:[^\r]|\r\n[ \t])*)\r\n", raw)
    if not found:
        return {}
    text = re.sub(r"\s+", "", found.group(1).decode())
    return dict(tag.split("=", 1) for tag in text.split(";") if tag)


class SigningTest(unittest.TestCase):
    def setUp(self) -> None:
        self.sink = Sink()
        self.addCleanup(self.sink.__exit__)
        self.sink.start()
        self.gateway = Gateway(relay_port=self.sink.port,
                               admin={"dkim_sign": 1, "dkim_selector": "mail1"})
        self.addCleanup(self.gateway.close)

    def start(self, has_key: bool = True) -> None:
        if has_key:
            self.make_key()
        self.gateway.start()

    def make_key(self, *options: str) -> None:
        self.gateway.run("pmgconfig", "dkim_set_selector", "--selector", "mail1", *options)

    def record(self) -> str:
        """The record as a resolver would give it."""
        text = self.gateway.run("pmgconfig", "dkim_record").stdout
        self.assertTrue(text.startswith("mail1._domainkey\tIN\tTXT\t"), text)
        return "".join(re.findall(r'"([^"]*)"', text))

    def sent(self, sender: str = USER, envelope: str | None = None, **options) -> bytes:
        """A message as it arrives at the next hop."""
        ident = unique_id("out")
        content = message(ident, sender=sender, to=PARTNER, **options)
        code, answer = send(self.gateway.internal, content, sender if envelope is None else envelope,
                            PARTNER)
        self.assertEqual(code, 250, answer)
        return self.sink.wait_for(ident)[0].raw

    def wait_until(self, is_wanted, what: str) -> bytes:
        """Sends until a message looks as it should: new settings need a moment."""
        def attempt():
            raw = self.sent()
            return raw if is_wanted(signature_of(raw)) else None
        return wait_for(attempt, 30, what, 0.3)

    def test_signatures_verify(self) -> None:
        self.start()
        raw = self.sent()
        tags = signature_of(raw)
        self.assertEqual((tags["d"], tags["s"], tags["a"], tags["c"]),
                         ("example.com", "mail1", "rsa-sha256", "relaxed/relaxed"))
        self.assertNotIn("l", tags)
        names = tags["h"].lower().split(":")
        self.assertGreaterEqual(names.count("from"), 2, "From is not oversigned")
        self.assertTrue(oracle.verifies(raw, self.record()))
        self.assertFalse(oracle.verifies(raw.replace(b"Hello.", b"Hullo."), self.record()))
        with_second_author = raw.replace(b"\r\nFrom:", b"\r\nFrom: <x@evil.test>\r\nFrom:", 1)
        self.assertFalse(oracle.verifies(with_second_author, self.record()))

    def test_signatures_cover_what_rules_add(self) -> None:
        self.start()
        self.gateway.run("pmgrule", "enable", "Add Disclaimer")
        raw = wait_for(lambda: raw if b"confidential" in (raw := self.sent()) else None, 30,
                       "the disclaimer", 0.3)
        self.assertTrue(oracle.verifies(raw, self.record()))

    def test_hidden_received_is_signed_as_it_leaves(self) -> None:
        self.gateway.configure("mail", hide_received=1)
        self.start()
        self.assertTrue(oracle.verifies(self.sent(), self.record()))

    def test_domains(self) -> None:
        self.start()
        self.assertEqual(signature_of(self.sent("a@dept.example.com"))["d"], "example.com")
        self.assertEqual(signature_of(self.sent("a@notexample.com")), {})
        # The null reverse-path says nothing; the header does.
        self.assertEqual(signature_of(self.sent(USER, envelope=""))["d"], "example.com")
        # By default it is the envelope that counts.
        self.assertEqual(signature_of(self.sent("a@other.test", envelope=USER))["d"], "example.com")
        self.gateway.run("pmgconfig", "dkim_domains", "add", "other.test")
        self.assertIn("other.test", self.gateway.run("pmgconfig", "dkim_domains", "list").stdout)
        self.wait_until(lambda tags: not tags, "the list to take the place of the relay domains")
        self.assertEqual(signature_of(self.sent("a@other.test"))["d"], "other.test")
        self.gateway.configure("admin", **{"dkim-use-domain": "header"})
        wait_for(lambda: signature_of(self.sent("a@other.test", envelope=USER)).get("d") == "other.test",
                 30, "the header's domain to count", 0.3)
        self.gateway.run("pmgconfig", "dkim_domains", "remove", "other.test")
        self.gateway.configure("admin", dkim_sign_all_mail=1)
        wait_for(lambda: signature_of(self.sent("a@unlisted.test")).get("d") == "unlisted.test", 30,
                 "all mail to be signed", 0.3)

    def test_incoming_mail_is_not_signed(self) -> None:
        self.start()
        ident = unique_id("in")
        send(self.gateway.external, message(ident))
        self.assertEqual(signature_of(self.sink.wait_for(ident)[0].raw), {})

    def test_without_a_key_mail_leaves_unsigned_with_an_alarm(self) -> None:
        self.start(has_key=False)
        self.assertEqual(signature_of(self.sent()), {})
        self.assertEqual(signature_of(self.sent()), {})
        alarms = re.findall(r"filter\.dkim-key:.*", self.gateway.log())
        self.assertEqual(len(alarms), 1, alarms)
        self.assertIn("mail1.private", alarms[0])
        # The key that is made now is taken up without a restart.
        self.make_key()
        raw = self.wait_until(lambda tags: tags.get("s") == "mail1", "a signature")
        self.assertTrue(oracle.verifies(raw, self.record()))

    def test_a_broken_key_is_no_key(self) -> None:
        self.start()
        record = self.record()
        key = self.gateway.etc / "dkim/mail1.private"
        good = key.read_bytes()
        key.write_text("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n")
        self.wait_until(lambda tags: not tags, "unsigned mail")
        self.assertRegex(self.gateway.log(), r"filter\.dkim-key:.*mail1\.private")
        key.write_bytes(good)
        self.assertTrue(oracle.verifies(self.wait_until(bool, "a signature"), record))

    def test_a_new_key_changes_the_record(self) -> None:
        self.start()
        old = self.record()
        self.make_key()
        self.assertEqual(self.record(), old, "the key was not kept")
        time.sleep(0.01)
        self.make_key("--force")
        new = self.record()
        self.assertNotEqual(new, old)
        wait_for(lambda: oracle.verifies(self.sent(), new), 30, "mail signed with the new key", 0.3)

    def test_the_key_is_closed_to_others(self) -> None:
        self.start()
        key = self.gateway.etc / "dkim/mail1.private"
        self.assertEqual(key.stat().st_mode & 0o007, 0)
        self.assertEqual((self.gateway.etc / "dkim").stat().st_mode & 0o007, 0)


if __name__ == "__main__":
    harness.require_programs("pmgconfig", "pmgrule")
    harness.main()
