# SPDX-License-Identifier: GPL-2.0-or-later
"""A real Postfix sends through the gateway: features, TLS, and thousands of messages."""

import collections
import re
import smtplib
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "smtp-peers"))

import peers  # noqa: E402  # also opens the way to the gateway's harness
import harness  # noqa: E402
from harness import GatewayCase, wait_for  # noqa: E402
from messages import is_whole, message, sealed, unique_id  # noqa: E402
from postfix import PostfixInstance, require_postfix  # noqa: E402


def submit(port: int, content: bytes, sender: str, to: str, mail_options=(), rcpt_options=()) -> None:
    """Hands a message to Postfix, which queues it."""
    with smtplib.SMTP("127.0.0.1", port, "origin.test", timeout=60) as client:
        client.sendmail(sender, [to], content, list(mail_options), list(rcpt_options))


class UpstreamTest(GatewayCase):
    gateway_options = {"mail": {"tls": 1, "tlslog": 1, "tlsheader": 1}}

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.certificate = cls.gateway.etc / "pmg-tls.pem"
        wait_for(cls.certificate.exists, 20, "pmg-tls.pem")
        right = peers.fingerprint(cls.certificate)
        wrong = ":".join(["00"] * 32)
        ext = f"[127.0.0.1]:{cls.gateway.external}"
        internal = f"[127.0.0.1]:{cls.gateway.internal}"
        policies = cls.gateway.scratch_folder / "policies"
        # Postfix looks policies up by next hop; localhost is another name of the same place.
        policies.write_text(f"[localhost]:{cls.gateway.external} fingerprint match={right}\n"
                            f"[localhost]:{cls.gateway.internal} fingerprint match={wrong}\n")
        transports = cls.gateway.scratch_folder / "transports"
        transports.write_text(f"example.com smtp:{ext}\n"
                              f"right.example.com smtp:[localhost]:{cls.gateway.external}\n"
                              f"wrong.test smtp:[localhost]:{cls.gateway.internal}\n"
                              f"encrypt.example.com encrypted:{ext}\n"
                              f"* smtp:{internal}\n")
        cls.postfix = PostfixInstance(
            "upstream", services="encrypted unix - - n - - smtp -o smtp_tls_security_level=encrypt\n",
            transport_maps=f"texthash:{transports}", smtp_tls_security_level="none",
            smtp_tls_policy_maps=f"texthash:{policies}", smtp_tls_fingerprint_digest="sha256",
            smtp_tls_loglevel="1")
        cls.addClassCleanup(cls.postfix.stop)
        cls.postfix.start()

    def arrived(self, ident: str) -> harness.SunkMail:
        try:
            found = self.sink.wait_for(ident, timeout=40)
        except harness.HarnessError as error:
            self.fail(f"{error}\n{self.postfix.log()[-2500:]}\n{self.gateway.log()[-2500:]}")
        self.assertEqual(len(found), 1)
        return found[0]

    # ---- features ----
    def test_both_ports_pass_postfix_mail_on_byte_for_byte(self):
        for to in ("user@example.com", "friend@elsewhere.test"):
            with self.subTest(to=to):
                ident = unique_id("plain")
                content = sealed(ident, 60_000)
                submit(self.postfix.port, content, "sender@origin.test", to)
                sunk = self.arrived(ident)
                self.assertEqual((sunk.sender, sunk.recipients), ("sender@origin.test", [to]))
                self.assertTrue(is_whole(sunk.raw))
                self.assertTrue(sunk.raw.endswith(content[content.index(b"\r\n\r\n"):]))

    def test_8bitmime_and_smtputf8_stay_what_they_are(self):
        ident = unique_id("utf8")
        content = message(ident, "Grüße: äöü\n", subject="Grüße")
        submit(self.postfix.port, content, "jürgen@origin.test", "grüße@example.com",
               ["BODY=8BITMIME", "SMTPUTF8"])
        sunk = self.arrived(ident)
        self.assertEqual((sunk.sender, sunk.recipients), ("jürgen@origin.test", ["grüße@example.com"]))
        self.assertTrue(sunk.envelope["smtputf8"])
        self.assertEqual(sunk.envelope["body"], "8BITMIME")
        self.assertIn("Grüße: äöü".encode(), sunk.raw)
        self.assertIn("Subject: Grüße".encode(), sunk.raw)

    def test_dsn_parameters_reach_the_next_hop_from_the_trusted_port(self):
        ident = unique_id("dsn")
        submit(self.postfix.port, sealed(ident), "sender@origin.test", "friend@elsewhere.test",
               ["RET=HDRS", f"ENVID={ident}"],
               ["NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;first@elsewhere.test"])
        sunk = self.arrived(ident)
        self.assertEqual(sunk.envelope["envid"], ident)
        self.assertEqual(sunk.envelope["recipients"][0]["orcpt"], "rfc822;first@elsewhere.test")

    def test_null_reverse_path_and_many_recipients_in_one_transaction(self):
        ident = unique_id("many")
        recipients = [f"user{number}@example.com" for number in range(120)]
        with smtplib.SMTP("127.0.0.1", self.postfix.port, "origin.test", timeout=60) as client:
            client.sendmail("", recipients, sealed(ident))
        # Postfix sends at most 50 recipients in a transaction.
        got = wait_for(lambda: (lambda found: found if len(found) >= 120 else None)(
            [each for mail in self.sink.find(ident) for each in mail.recipients]), 40, "120 recipients")
        self.assertEqual(sorted(got), sorted(recipients))
        self.assertEqual({mail.sender for mail in self.sink.find(ident)}, {""})

    # ---- TLS ----
    def test_encrypt_and_the_fingerprint_of_our_own_certificate_are_met(self):
        self.gateway.write("domains", "example.com 1\nright.example.com 1\nencrypt.example.com 1\n")
        start = len(self.gateway.log())
        for domain in ("right.example.com", "encrypt.example.com"):
            with self.subTest(domain=domain):
                ident = unique_id("tls")
                submit(self.postfix.port, sealed(ident), "sender@origin.test", f"user@{domain}")
                sunk = self.arrived(ident)
                # tlsheader: protocol and cipher in our Received field, and RFC 3848's ESMTPS.
                self.assertRegex(sunk.raw.split(b"\r\n\tby ")[0], rb"using TLSv1\.[23]")
                self.assertIn(b"with ESMTPS id", sunk.raw)
        self.assertIn("Verified TLS connection established", self.postfix.log())
        # tlslog: a line for the session, naming protocol and cipher.
        self.gateway.wait_for_log(r"smtp\.tls.*TLSv1\.[23]", start=start)

    def test_wrong_fingerprint_keeps_the_mail_at_postfix(self):
        ident = unique_id("wrongfp")
        submit(self.postfix.port, sealed(ident), "sender@origin.test", "user@wrong.test")
        wait_for(lambda: "not verified" in self.postfix.queue(), 30, "Postfix to defer")
        self.assertEqual(self.sink.find(ident), [])
        self.postfix.command("postsuper", "-d", "ALL", "deferred")

    def test_posttls_finger_sees_modern_tls_and_our_certificate(self):
        done = subprocess.run(
            ["posttls-finger", "-c", "-l", "fingerprint", "-d", "sha256", f"[127.0.0.1]:{self.gateway.external}",
             peers.fingerprint(self.certificate)], capture_output=True, text=True, timeout=60, check=False)
        told = done.stdout + done.stderr
        self.assertRegex(told, r"Verified TLS connection established .*TLSv1\.3", told)

    # ---- volume ----
    def test_two_thousand_messages_through_postfix_arrive_once_each(self):
        count = 2000
        subprocess.run(["smtp-source", "-s", "10", "-m", str(count), "-l", "4096", "-N", "-f",
                        "load@origin.test", "-t", "load@example.com", f"127.0.0.1:{self.postfix.port}"],
                       check=True, timeout=120)
        def recipients():
            return [each for mail in self.sink.messages() for each in mail.recipients if "load@" in each]
        got = wait_for(lambda: (lambda found: found if len(found) >= count else None)(recipients()), 150,
                       f"{count} messages", 0.5)
        self.assertEqual([each for each, times in collections.Counter(got).items() if times > 1], [])
        self.assertEqual(len(got), count)
        bodies = {re.split(rb"\r\n\r\n", mail.raw, maxsplit=1)[1] for mail in self.sink.messages()
                  if mail.recipients and "load@" in mail.recipients[0]}
        self.assertEqual(len(bodies), 1)  # smtp-source's body is always the same
        self.assertEqual(self.postfix.queue(), "")


if __name__ == "__main__":
    require_postfix()
    harness.main()
