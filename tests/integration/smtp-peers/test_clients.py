# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients that others wrote: swaks, Python's smtplib, Postfix' smtp-source and smtp-sink."""

import email
import email.policy
import os
import re
import shutil
import smtplib
import subprocess
import unittest

import peers
import harness
from harness import GatewayCase, wait_for
from messages import GTUBE, is_whole, message, sealed, unique_id
from peers import any_certificate
from postfix import free_port


def has_perl_tls() -> bool:
    return subprocess.run(["perl", "-MNet::SSLeay", "-e", "1"], capture_output=True, check=False).returncode == 0


class ClientsTest(GatewayCase):
    gateway_options = {"mail": {"tls": 1, **peers.XCLIENT_HERE}}

    # ---- swaks ----
    def swaks(self, ident: str, *options: str, port: int = 0, to: str = "user@example.com"):
        return subprocess.run(
            ["swaks", "--server", f"127.0.0.1:{port or self.gateway.external}", "--ehlo", "swaks.test",
             "--from", "sender@outside.test", "--to", to, "--h-Subject", ident, "--timeout", "30", *options],
            capture_output=True, text=True, timeout=60, check=False)

    @unittest.skipUnless(shutil.which("swaks"), "swaks is not installed")
    def test_swaks_sessions_end_as_they_should(self):
        attachment = self.gateway.scratch_folder / "notes.txt"
        attachment.write_text("Notes.\n" * 100)
        stranger = ["--xclient", "ADDR=203.0.113.5 NAME=far.test"]
        # Options, port, recipient, exit code of swaks (0 sent, 24 RCPT, 26 DATA), text of the dialogue.
        table = {
            "plain": ([], "ext", "user@example.com", 0, "250 2.5.0 OK"),
            "helo": (["--protocol", "SMTP"], "ext", "user@example.com", 0, "250 2.5.0 OK"),
            "pipelined": (["--pipeline"], "ext", "user@example.com", 0, "250 2.5.0 OK"),
            "attachment": (["--attach", f"@{attachment}"], "ext", "user@example.com", 0, "250 2.5.0 OK"),
            "two recipients": ([], "ext", "user@example.com,other@example.com", 0, "250 2.5.0 OK"),
            "null sender": (["--from", "<>"], "ext", "user@example.com", 0, "250 2.5.0 OK"),
            "outgoing": ([], "int", "friend@elsewhere.test", 0, "250 2.5.0 OK"),
            "stranger to us": (stranger, "ext", "user@example.com", 0, "250 2.5.0 OK"),
            "stranger to others": (stranger, "ext", "user@elsewhere.test", 24, "550 5.7.1"),
            "stranger at the internal port": (stranger, "int", "user@elsewhere.test", 24, "550 5.7.1"),
            "trusted by claim": (["--xclient", "ADDR=127.0.0.1"], "int", "user@elsewhere.test", 0, "250 2.5.0"),
            "XCLIENT of an unlisted host": ([*stranger, "--local-interface", "127.0.0.2"], "ext",
                                            "user@example.com", None, "XCLIENT"),
        }
        if has_perl_tls():
            table |= {
                "TLS": (["--tls"], "ext", "user@example.com", 0, "250 2.5.0 OK"),
                "TLS at the internal port": (["--tls"], "int", "friend@elsewhere.test", 0, "250 2.5.0 OK"),
                "TLS and XCLIENT": (["--tls", *stranger], "ext", "user@example.com", 0, "250 2.5.0 OK"),
                "TLS 1.1": (["--tls", "--tls-protocol", "tlsv1_1"], "ext", "user@example.com", 29, "TLS"),
                "TLS on connect": (["--tls-on-connect"], "ext", "user@example.com", 29, ""),
            }
        for name, (options, port, to, code, text) in table.items():
            with self.subTest(name=name):
                ident = unique_id("swaks")
                number = self.gateway.external if port == "ext" else self.gateway.internal
                done = self.swaks(ident, *options, port=number, to=to)
                told = done.stdout + done.stderr
                if code is None:
                    self.assertNotEqual(done.returncode, 0, told)
                else:
                    self.assertEqual(done.returncode, code, told)
                self.assertIn(text, told)
                if code == 0:
                    sunk = self.sink.wait_for(ident)[0]
                    self.assertEqual(sunk.recipients, to.split(","))
                    if name == "attachment":
                        mail = email.message_from_bytes(sunk.raw, policy=email.policy.default)
                        parts = [part.get_content() for part in mail.iter_attachments()]
                        self.assertIn("Notes.", str(parts[-1]))
                else:
                    self.assertEqual(self.sink.find(ident), [])

    # ---- smtplib ----
    def test_smtplib_session_with_everything(self):
        first, second, third = (unique_id("lib") for _ in range(3))
        with smtplib.SMTP("127.0.0.1", self.gateway.external, "lib.test", timeout=60) as client:
            client.ehlo()
            self.assertTrue(all(client.has_extn(name) for name in
                                ("size", "pipelining", "8bitmime", "smtputf8", "chunking",
                                 "enhancedstatuscodes", "starttls")))
            client.starttls(context=any_certificate())
            client.ehlo()
            self.assertFalse(client.has_extn("starttls"))
            self.assertEqual(client.sendmail("a@outside.test", "user@example.com", sealed(first)), {})
            refused = client.sendmail("a@outside.test", ["user@example.com", "x@nodot"], sealed(second))
            self.assertEqual(refused["x@nodot"][0], 550)
            with self.assertRaises(smtplib.SMTPRecipientsRefused):
                client.sendmail("a@outside.test", ["x@nodot"], sealed(unique_id("lost")))
            mail = email.message_from_bytes(message(third, "Grüße\n"), policy=email.policy.SMTPUTF8)
            self.assertEqual(client.send_message(mail, "jürgen@outside.test", ["grüße@example.com"],
                                                 ["SMTPUTF8", "BODY=8BITMIME"]), {})
            self.assertIn(client.verify("user@example.com")[0], (252, 502))
            self.assertEqual(client.noop()[0], 250)
            self.assertEqual(client.rset()[0], 250)
            self.assertIn(client.docmd("EXPN", "list")[0], (502, 550))
            self.assertIn(client.docmd("HELP")[0], (214, 502))
            self.assertEqual(client.docmd("NONSENSE")[0] // 100, 5)
            self.assertEqual(client.quit()[0], 221)
        for ident in (first, second):
            self.assertTrue(is_whole(self.sink.wait_for(ident)[0].raw))
        self.assertEqual(self.sink.wait_for(third)[0].recipients, ["grüße@example.com"])

    def test_smtplib_many_messages_in_one_session_and_many_sessions(self):
        idents = [unique_id("row") for _ in range(150)]
        with smtplib.SMTP("127.0.0.1", self.gateway.external, "lib.test", timeout=60) as client:
            for ident in idents[:100]:
                client.sendmail("a@outside.test", "user@example.com", sealed(ident))
        for ident in idents[100:]:
            with smtplib.SMTP("127.0.0.1", self.gateway.external, "lib.test", timeout=60) as client:
                client.sendmail("a@outside.test", "user@example.com", sealed(ident))
        for ident in idents:
            self.assertTrue(is_whole(self.sink.wait_for(ident)[0].raw))
        self.assertEqual(len({mail.raw for mail in self.sink.find("row-")}), len(idents))

    def test_smtplib_sees_quarantined_spam_as_accepted(self):
        ident = unique_id("spam")
        with smtplib.SMTP("127.0.0.1", self.gateway.external, "lib.test", timeout=60) as client:
            client.sendmail("a@outside.test", "user@example.com", message(ident, GTUBE + "\n"))
        wait_for(lambda: any(ident in each["message_id"] for each in self.gateway.quarantine("all")), 20,
                 "the quarantine", 0.2)
        self.assertEqual(self.sink.find(ident), [])

    # ---- smtp-source, smtp-sink ----
    @unittest.skipUnless(shutil.which("smtp-source") and shutil.which("smtp-sink"), "Postfix is not installed")
    def test_smtp_source_and_smtp_sink_count_the_same(self):
        count, port = 1000, free_port()
        folder = self.gateway.scratch_folder
        as_user = ["-u", "nobody"] if os.geteuid() == 0 else []
        with (folder / "sink.out").open("wb") as output:
            sink = subprocess.Popen(["smtp-sink", "-c", *as_user, f"127.0.0.1:{port}", "100"],
                                    stdout=output, stderr=subprocess.DEVNULL)
        self.addCleanup(sink.wait)
        self.addCleanup(sink.kill)
        self.gateway.write("transport", f"counted.test smtp:[127.0.0.1]:{port}\n")
        self.gateway.write("domains", "example.com 1\ncounted.test 1\n")
        def is_relayed() -> bool:
            with peers.Dialogue(self.gateway.external, as_client=peers.STRANGER) as session:
                session.ehlo()
                session.ask("MAIL FROM:<a@outside.test>")
                return session.ask("RCPT TO:<user@counted.test>").startswith("250")
        wait_for(is_relayed, 20, "the new domain", 0.2)
        source = subprocess.run(["smtp-source", "-c", "-s", "20", "-m", str(count), "-l", "4096", "-f",
                                 "a@outside.test", "-t", "user@counted.test",
                                 f"127.0.0.1:{self.gateway.external}"], capture_output=True, timeout=120,
                                check=True)
        self.assertTrue(source.stdout)
        self.gateway.drain()
        def counted() -> int:
            numbers = re.findall(rb"mesg=(\d+)|(\d+)", (folder / "sink.out").read_bytes())
            return max((int(a or b) for a, b in numbers), default=0)
        wait_for(lambda: counted() >= count, 20, f"smtp-sink to count {count}", 0.2)
        self.assertEqual(counted(), count)


if __name__ == "__main__":
    harness.main()
