# SPDX-License-Identifier: GPL-2.0-or-later
"""R1: strangers relay nowhere through either port, whatever the syntax of the address."""

import re
import shutil
import subprocess
import unittest
from pathlib import Path

import peers
import harness
from harness import GatewayCase
from messages import sealed, unique_id
from peers import STRANGER, Dialogue, StrangerDoor

#: Recipients that would lead to elsewhere.test, or somewhere else that is not ours.
FOREIGN = [
    b"<user@elsewhere.test>",
    b"user@elsewhere.test",
    b"<USER@ELSEWHERE.TEST>",
    b"<user@elsewhere.test.>",
    b"<user@elsewhere.test..>",
    b"<user@example.com.elsewhere.test>",
    b"<user@notexample.com>",
    b"<user@example.com@elsewhere.test>",
    b"<user@elsewhere.test@example.com>",
    b"<user%elsewhere.test@example.com>",
    b"<user%elsewhere.test@[127.0.0.1]>",
    b"<user%elsewhere.test>",
    b"<elsewhere.test!user@example.com>",
    b"<elsewhere.test!user>",
    b"<example.com!elsewhere.test!user>",
    b"<@example.com:user@elsewhere.test>",
    b"<@example.com,@elsewhere.test:user@elsewhere.test>",
    b"<@elsewhere.test:user@elsewhere.test>",
    b'<"user@elsewhere.test"@example.com>',
    b'<"user@elsewhere.test">',
    b'<"user%elsewhere.test"@example.com>',
    b'<"user@elsewhere.test"@[127.0.0.1]>',
    b'<"elsewhere.test!user"@example.com>',
    b'<"user@elsewhere.test@example.com>',
    b"<user@[192.0.2.25]>",
    b"<user@[127.0.0.1]>",
    b"<user@[IPv6:2001:db8::25]>",
    b"<user@[IPv6:::1]>",
    b"<user@192.0.2.25>",
    b"<user@2130706433>",
    b"<user@localhost>",
    b"<user@localhost.localdomain>",
    b"<user@gateway.example.com>",
    b"<user@sub.example.com>",
    b"<user@>",
    b"<@>",
    b"<user@example.com >",
    b"<user@ elsewhere.test>",
    b"<user(comment)@elsewhere.test>",
    b"<user@(example.com)elsewhere.test>",
    b"<user@example.com\0.elsewhere.test>",
    b"<user\0@elsewhere.test>",
    b"<user@example.com>,<user@elsewhere.test>",
    b"<user@example.com><user@elsewhere.test>",
    b"<user@elsewhere.test> ORCPT=rfc822;user@example.com",
    b"<user\\@elsewhere.test@example.com>",
    b"<user@example.com,user@elsewhere.test>",
    b"<user@example.com;user@elsewhere.test>",
    b"<user@example\xefcom.elsewhere.test>",
    b"<>",
    b"",
]


#: Sender and recipient of each test of nmap's smtp-open-relay, for its arguments below.
NMAP_SCRIPT = Path("/usr/share/nmap/scripts/smtp-open-relay.nse")
NMAP_SENDERS = ["", "{frm}@{domain}", "{frm}@{server}"] + ["{frm}@[{ip}]"] * 13
NMAP_RECIPIENTS = [
    "{to}@{domain}", "{to}@{domain}", "{to}@{domain}", "{to}@{domain}", "{to}%{domain}@[{ip}]",
    "{to}%{domain}@{server}", '"{to}@{domain}"', '"{to}%{domain}"', "{to}@{domain}@[{ip}]", '"{to}@{domain}"@[{ip}]',
    "{to}@{domain}@{server}", "@[{ip}]:{to}@{domain}", "@{server}:{to}@{domain}", "{domain}!{to}",
    "{domain}!{to}@[{ip}]", "{domain}!{to}@{server}",
]
NMAP_WORDS = {"frm": "antispam", "to": "relaytest", "domain": "nmap.scanme.org", "ip": "127.0.0.1"}


class RelayTest(GatewayCase):
    gateway_options = {"mail": peers.XCLIENT_HERE}

    @property
    def ports(self) -> dict[str, int]:
        return {"external": self.gateway.external, "internal": self.gateway.internal}

    def test_R1_no_form_of_address_relays_for_strangers(self):
        for port, number in self.ports.items():
            for sender in (b"<a@outside.test>", b"<>", b"<user@example.com>"):
                for form in FOREIGN:
                    with self.subTest(port=port, sender=sender, form=form), \
                            Dialogue(number, as_client=STRANGER) as session:
                        session.ehlo()
                        self.assertTrue(session.ask(b"MAIL FROM:" + sender).startswith("250"))
                        reply = session.ask(b"RCPT TO:" + form)
                        self.assertRegex(reply, r"^5[05]\d 5\.", form)
                        self.assertRegex(session.ask("DATA"), r"^50[0-9]|^554")

    def test_R1_refused_recipients_lend_no_right_to_later_ones(self):
        with Dialogue(self.gateway.external, as_client=STRANGER) as session:
            session.ehlo()
            session.envelope("a@outside.test", "user@example.com")
            self.assertTrue(session.ask("RCPT TO:<user@elsewhere.test>").startswith("550 5.7.1"))
            session.ask("RSET")
            self.assertTrue(session.ask("MAIL FROM:<user@example.com>").startswith("250"))
            self.assertTrue(session.ask("RCPT TO:<user@elsewhere.test>").startswith("550 5.7.1"))

    def test_own_domains_are_taken_from_strangers_and_trusted_networks_relay(self):
        ident = unique_id("own")
        with Dialogue(self.gateway.external, as_client=STRANGER) as session:
            session.ehlo()
            session.envelope("a@outside.test", "user@example.com")
            session.ask("DATA")
            self.assertTrue(session.ask(sealed(ident) + b".").startswith("250"))
        self.sink.wait_for(ident)
        self.gateway.write("mynetworks", "198.51.100.0/24 # an office\n")
        self.addCleanup(self.gateway.write, "mynetworks", "")
        def answer(port: int, client: str) -> str:
            with Dialogue(port, as_client=client) as session:
                session.ehlo()
                session.ask("MAIL FROM:<a@outside.test>")
                return session.ask("RCPT TO:<user@elsewhere.test>")
        harness.wait_for(lambda: answer(self.gateway.internal, "198.51.100.7").startswith("250"), 20,
                         "mynetworks to be read", 0.2)
        # Trust is for the internal port only, and for the listed network only.
        self.assertTrue(answer(self.gateway.external, "198.51.100.7").startswith("550"))
        self.assertTrue(answer(self.gateway.internal, "198.51.101.7").startswith("550"))

    def test_R1_every_combination_that_nmap_tries_is_refused(self):
        # The server's name is what the script reads from the greeting; a relay domain is the harder case.
        for port, number in self.ports.items():
            for server in ("gateway.example.com", "example.com"):
                for sender, recipient in zip(NMAP_SENDERS, NMAP_RECIPIENTS, strict=True):
                    words = {**NMAP_WORDS, "server": server}
                    with self.subTest(port=port, server=server, sender=sender, recipient=recipient), \
                            Dialogue(number, as_client=STRANGER) as session:
                        session.ehlo()
                        session.ask("RSET")
                        # A sender it cannot write is refused; with any other the recipient is.
                        if session.ask(f"MAIL FROM:<{sender.format(**words)}>").startswith("250"):
                            reply = session.ask(f"RCPT TO:<{recipient.format(**words)}>")
                            self.assertRegex(reply, r"^5[05]\d 5\.")

    @unittest.skipUnless(NMAP_SCRIPT.exists(), "nmap is not installed")
    def test_R1_the_list_above_is_all_that_nmaps_script_tries(self):
        script = NMAP_SCRIPT.read_text()
        recipients = re.findall(r'\bto = string\.format\("((?:[^"\\]|\\.)*)"', script)
        shapes = [re.sub(r"\{\w+\}", "%s", recipient).replace("%%s", "%%%s") for recipient in NMAP_RECIPIENTS]
        self.assertEqual([each.replace('\\"', '"') for each in recipients], shapes)

    @unittest.skipUnless(shutil.which("nmap"), "nmap is not installed")
    def test_R1_nmap_finds_no_open_relay(self):
        for port, number in self.ports.items():
            with self.subTest(port=port), StrangerDoor(number) as door:
                done = subprocess.run(
                    ["nmap", "-Pn", "-n", "-p", str(door.port), "--script", "+smtp-open-relay", "--script-args",
                     "smtp-open-relay.domain=elsewhere.test,smtp-open-relay.to=user,smtp-open-relay.from=a",
                     "127.0.0.1"], capture_output=True, text=True, timeout=120, check=False)
                self.assertIn("smtp-open-relay", done.stdout)
                self.assertNotRegex(done.stdout, r"is an open relay")
                self.assertRegex(done.stdout, r"doesn't seem to be an open relay|all tests failed")


if __name__ == "__main__":
    harness.main()
