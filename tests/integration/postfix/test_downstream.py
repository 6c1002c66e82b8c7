# SPDX-License-Identifier: GPL-2.0-or-later
"""The gateway delivers to a real Postfix: TLS policies, refusals and bounces, routes, missing features."""

import email
import email.policy
import smtplib
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "smtp-peers"))

import peers  # noqa: E402  # also opens the way to the gateway's harness
import harness  # noqa: E402
from harness import Folder, Gateway, Sink, wait_for  # noqa: E402
from messages import is_whole, message, sealed, send, submit, unique_id  # noqa: E402
from postfix import PostfixInstance, require_postfix  # noqa: E402

SENDER = "sender@outside.test"
MX_HOST = "mx.example.com"

#: Relay domain to TLS policy; all lead to the Postfix that has TLS.
POLICIES = {
    "none.test": "none",
    "may.test": "may",
    "encrypt.test": "encrypt",
    "fp-right.test": "fingerprint match={right}",
    "fp-wrong.test": "fingerprint match={wrong}",
    "verify-right.test": f"verify match={MX_HOST}",
    "verify-wrong.test": "verify match=other.example.com",
    "secure-right.test": f"secure match={MX_HOST}",
    "secure-wrong.test": "secure match=other.example.com",
    # These lead to a Postfix without TLS:
    "may-plain.test": "may",
    "encrypt-plain.test": "encrypt",
    "secure-plain.test": f"secure match={MX_HOST}",
}
UNMET = {"fp-wrong.test", "verify-wrong.test", "secure-wrong.test", "encrypt-plain.test",
         "secure-plain.test"}

ZONES = {
    # The better host does not answer; nothing listens at 127.0.0.9.
    "failover.test": "@ MX 10 dead\n@ MX 20 live\ndead A 127.0.0.9\nlive A 127.0.0.1",
    "nullmx.test": "@ MX 0 .",
    "loop.test": "@ MX 10 gateway.example.com.",
    "trick.test": "@ MX 10 inside\ninside A 127.0.0.1",
    "nothing.test": "other A 192.0.2.1",
    "test": "ns A 127.0.0.1",
}


class Report:
    """A DSN as RFC 3464 wants it."""

    def __init__(self, raw: bytes) -> None:
        self.mail = email.message_from_bytes(raw, policy=email.policy.default)
        self.parts = list(self.mail.iter_parts())
        status = self.parts[1].get_payload()
        if len(status) == 1:  # message/global-delivery-status (RFC 6533), which Python takes for one message
            text = status[0].as_bytes().replace(b"\r\n", b"\n").strip()
            status = [email.message_from_bytes(block, policy=email.policy.default)
                      for block in text.split(b"\n\n")]
        self.fields = [dict(block.items()) for block in status]

    @property
    def text(self) -> str:
        return self.parts[0].get_content()


class DownstreamTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.lmtp = Sink(lmtp=True, reject_data_for="full@*=552")
        cls.addClassCleanup(cls.lmtp.__exit__)
        cls.lmtp.start()
        cls.names = peers.NameServer(ZONES)
        cls.addClassCleanup(cls.names.stop)
        cls.names.start()
        pki = Folder("portcullis-pki-")
        authority = peers.CertificateAuthority(pki.path)
        certificate, key = authority.certificate(MX_HOST)
        cls.start_postfix(certificate, key)
        cls.start_gateway(authority.file, peers.fingerprint(certificate))

    @classmethod
    def start_postfix(cls, certificate: Path, key: Path) -> None:
        discard = "silent-discard,8BITMIME,SMTPUTF8"
        cls.access = Folder("portcullis-access-").path / "recipients"
        cls.access.write_text("unknown@example.com 550 5.1.1 No such user\n"
                              "later@example.com 451 4.7.1 Come back later\n")
        cls.postfix = PostfixInstance(
            "downstream",
            servers={"tls": {"smtpd_tls_security_level": "may"}, "plain": {},
                     "old": {"smtpd_discard_ehlo_keywords": discard, "smtputf8_enable": "no"}},
            domains=("example.com", "outside.test", "address.test", "failover.test", "old.test", *POLICIES),
            smtpd_recipient_restrictions=f"check_recipient_access texthash:{cls.access},"
                                         "permit_mynetworks,reject",
            smtpd_tls_cert_file=certificate, smtpd_tls_key_file=key, smtpd_tls_loglevel="1",
            smtpd_tls_received_header="yes")
        cls.addClassCleanup(cls.postfix.stop)
        cls.postfix.start()

    @classmethod
    def start_gateway(cls, authority: Path, right: str) -> None:
        tls, plain, old = (cls.postfix.ports[name] for name in ("tls", "plain", "old"))
        wrong = ":".join(["00"] * 32)
        transports = {domain: f"smtp:[127.0.0.1]:{plain if 'plain' in domain else tls}" for domain in POLICIES}
        transports |= {
            "old.test": f"smtp:[127.0.0.1]:{old}",
            "lmtp.test": f"lmtp:inet:127.0.0.1:{cls.lmtp.port}",
            "box@address.test": f"lmtp:inet:127.0.0.1:{cls.lmtp.port}",
            "failover.test": f"smtp:failover.test:{plain}",
        }
        policies = {domain: policy.format(right=right, wrong=wrong) for domain, policy in POLICIES.items()}
        cls.gateway = Gateway(
            relay_port=plain,
            domains=("example.com", "outside.test", "address.test", *(key for key in transports if "@" not in key)),
            arguments=("--dns", cls.names.server), mail={"tls": 1, "tls_ca_file": authority},
            files={"transport": "".join(f"{key} {value}\n" for key, value in transports.items()),
                   "tls_policy": "".join(f"{key} {value}\n" for key, value in policies.items())})
        cls.gateway.configure("mail", smarthost=None, smarthostport=None)
        cls.addClassCleanup(cls.gateway.close)
        cls.gateway.start()

    # ---- helpers ----
    def arrived(self, ident: str, count: int = 1) -> list[bytes]:
        try:
            found = self.postfix.wait_for(ident, count)
        except harness.HarnessError as error:
            self.fail(f"{error}\n{self.gateway.log()[-2500:]}")
        self.assertEqual(len(found), count)
        return found

    def waiting(self, recipient: str) -> dict:
        """The queue's entry for a recipient, once it says why it waits."""
        return wait_for(lambda: next((entry for entry in self.gateway.queue() if entry.get("reason")
                                      and recipient in entry.get("recipients", [])), None),
                        40, f"{recipient} to be deferred", 0.2)

    def report(self, ident: str, timeout: float = 40) -> Report:
        """The DSN about a message, which Postfix has got for its sender."""
        found = wait_for(lambda: [mail for mail in self.postfix.find(ident) if b"delivery-status" in mail],
                         timeout, f"the DSN about {ident}", 0.1)
        self.assertEqual(len(found), 1)
        return Report(found[0])

    def check_report(self, ident: str, recipient: str, status: str) -> Report:
        """RFC 3461 §6, RFC 3464 §2: form, addressee and fields of a bounce."""
        report = self.report(ident)
        mail = report.mail
        self.assertEqual(mail.get_content_type(), "multipart/report")
        self.assertEqual(mail.get_param("report-type"), "delivery-status")
        self.assertEqual(mail["Return-Path"], "<>")
        self.assertEqual(mail["Delivered-To"], SENDER)
        self.assertEqual(mail["Auto-Submitted"], "auto-replied")
        self.assertEqual([part.get_content_type() for part in report.parts][:2],
                         ["text/plain", "message/delivery-status"])
        self.assertIn(report.parts[2].get_content_type(),
                      ("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"))
        self.assertEqual(report.fields[0]["Reporting-MTA"], "dns; gateway.example.com")
        about = report.fields[1]
        self.assertEqual(about["Final-Recipient"].replace(" ", ""), f"rfc822;{recipient}")
        self.assertEqual(about["Action"], "failed")
        self.assertTrue(about["Status"].startswith(status), about)
        self.assertIn(recipient, report.text)
        return report

    # ---- TLS ----
    def test_S19_tls_policies_are_kept_and_fail_closed(self):
        idents = {domain: unique_id(domain.partition(".")[0]) for domain in POLICIES}
        for domain, ident in idents.items():
            self.assertEqual(send(self.gateway.external, sealed(ident), to=f"user@{domain}")[0], 250)
        for domain in POLICIES.keys() - UNMET:
            with self.subTest(domain=domain):
                mail = self.arrived(idents[domain])[0]
                self.assertTrue(is_whole(mail))
                has_tls = b"using TLSv1." in mail.split(b"Received:")[1]
                self.assertEqual(has_tls, domain not in ("none.test", "may-plain.test"))
        for domain in UNMET:
            with self.subTest(domain=domain):
                entry = self.waiting(f"user@{domain}")
                self.assertRegex(entry["reason"], r"(?i)tls|certificate|fingerprint")
                self.assertEqual(self.postfix.find(idents[domain]), [])
        # An administrator corrects one; what waited goes.
        policy = self.gateway.etc / "tls_policy"
        self.gateway.write("tls_policy", policy.read_text().replace("encrypt-plain.test encrypt",
                                                                    "encrypt-plain.test may"))
        wait_for(lambda: (self.gateway.run("pmgqueue", "flush", "--all"),
                          self.postfix.find(idents["encrypt-plain.test"]))[1], 40, "the corrected policy", 0.5)
        for entry in self.gateway.queue():
            self.gateway.run("pmgqueue", "delete", entry["id"], "--yes")

    # ---- refusals ----
    def test_refused_recipient_comes_back_as_rfc3464_report(self):
        ident = unique_id("bounce")
        self.assertEqual(send(self.gateway.external, sealed(ident), SENDER,
                              ["unknown@example.com", "known@example.com"])[0], 250)
        report = self.check_report(ident, "unknown@example.com", "5.1.1")
        about = report.fields[1]
        self.assertIn("No such user", about["Diagnostic-Code"])
        self.assertTrue(about["Diagnostic-Code"].startswith("smtp; 550"))
        self.assertNotIn("known@example.com",
                         [field.get("Final-Recipient", "").rpartition(";")[2].strip() for field in report.fields])
        self.assertTrue(any(is_whole(mail) for mail in self.postfix.find(ident)
                            if b"delivery-status" not in mail))

    def test_refused_null_sender_is_not_answered_with_a_bounce(self):
        ident = unique_id("nobounce")
        self.assertEqual(send(self.gateway.external, sealed(ident), "", "unknown@example.com")[0], 250)
        self.gateway.wait_for_log(r"unknown@example\.com.*No such user")
        self.gateway.drain()
        self.assertEqual(self.postfix.find(ident), [])

    def test_deferral_ends_in_delivery_once_postfix_takes_it(self):
        ident = unique_id("later")
        self.assertEqual(send(self.gateway.external, sealed(ident), to="later@example.com")[0], 250)
        self.assertIn("Come back later", self.waiting("later@example.com")["reason"])
        self.assertEqual(self.postfix.find(ident), [])
        self.access.write_text(self.access.read_text().replace("later@example.com 451", "#"))
        self.postfix.command("postfix", "reload")
        self.gateway.drain()
        self.assertTrue(is_whole(self.arrived(ident)[0]))

    # ---- features that the next hop lacks ----
    def test_S13_smtputf8_address_bounces_where_the_next_hop_lacks_it(self):
        ident = unique_id("s13utf8")
        with smtplib.SMTP("127.0.0.1", self.gateway.external, "client.test", timeout=60) as client:
            client.sendmail(SENDER, ["grüße@old.test"], message(ident), ["SMTPUTF8", "BODY=8BITMIME"])
        report = self.report(ident)
        self.assertEqual(report.fields[1]["Action"], "failed")
        self.assertTrue(report.fields[1]["Status"].startswith("5.6.7"), report.fields)

    def test_S13_8bit_body_is_never_mangled_where_the_next_hop_lacks_it(self):
        ident = unique_id("s138bit")
        content = message(ident, "Grüße: äöü\n", headers="MIME-Version: 1.0\nContent-Type: text/plain; "
                          "charset=utf-8\nContent-Transfer-Encoding: 8bit\n")
        with smtplib.SMTP("127.0.0.1", self.gateway.external, "client.test", timeout=60) as client:
            client.sendmail(SENDER, ["user@old.test"], content, ["BODY=8BITMIME"])
        found = self.arrived(ident)[0]
        if b"delivery-status" in found:
            self.assertTrue(Report(found).fields[1]["Status"].startswith("5.6."))
        else:
            parsed = email.message_from_bytes(found, policy=email.policy.default)
            self.assertIn("Grüße: äöü", parsed.get_content())
            self.assertTrue(found.isascii())

    # ---- routes ----
    def test_lmtp_next_hop_answers_for_each_recipient(self):
        ident = unique_id("lmtp")
        self.assertEqual(send(self.gateway.external, sealed(ident), SENDER,
                              ["full@lmtp.test", "one@lmtp.test", "two@lmtp.test"])[0], 250)
        sunk = self.lmtp.wait_for(ident)[0]
        self.assertTrue(is_whole(sunk.raw))
        self.assertEqual(sunk.envelope["protocol"].startswith("LMTP"), True, sunk.envelope)
        report = self.check_report(ident, "full@lmtp.test", "5.")
        self.assertEqual(len(report.fields), 2)

    def test_transport_of_an_address_wins_over_its_domain(self):
        boxed, other = unique_id("box"), unique_id("other")
        self.assertEqual(send(self.gateway.external, sealed(boxed), to="box@address.test")[0], 250)
        self.assertEqual(send(self.gateway.external, sealed(other), to="other@address.test")[0], 250)
        self.assertEqual(self.lmtp.wait_for(boxed)[0].recipients, ["box@address.test"])
        self.arrived(other)
        self.assertEqual((self.postfix.find(boxed), self.lmtp.find(other)), ([], []))

    def test_mx_of_lower_preference_takes_over_when_the_best_is_away(self):
        ident = unique_id("failover")
        self.assertEqual(send(self.gateway.external, sealed(ident), to="user@failover.test")[0], 250)
        self.assertTrue(is_whole(self.arrived(ident)[0]))

    def test_domains_that_take_no_mail_bounce_at_once(self):
        cases = {
            "user@nullmx.test": "5.1.10",  # RFC 7505 §4.1
            "user@loop.test": "5.4.6",     # RFC 5321 §5.1: we are the best MX
            "user@trick.test": "5.4.4",    # an MX at 127.0.0.1 is not for us to visit
            "user@no-such-domain.test": "5.1.2",
            "user@nothing.test": "5.4.4",  # neither MX nor address
        }
        idents = {recipient: unique_id("mx") for recipient in cases}
        for recipient, ident in idents.items():
            self.assertEqual(send(self.gateway.internal, sealed(ident), SENDER, recipient)[0], 250)
        for recipient, status in cases.items():
            with self.subTest(recipient=recipient):
                self.check_report(idents[recipient], recipient, status)

    # ---- sessions ----
    def test_many_messages_of_one_session_reach_postfix_whole_and_once(self):
        idents = [unique_id("bulk") for _ in range(200)]
        with smtplib.SMTP("127.0.0.1", self.gateway.external, "client.test", timeout=60) as client:
            for ident in idents:
                self.assertEqual(submit(client, sealed(ident), SENDER)[0], 250)
        wait_for(lambda: len(self.postfix.find("bulk-")) >= len(idents), 60, "200 messages", 0.5)
        mails = self.postfix.find("bulk-")
        self.assertEqual(len(mails), len(idents))
        self.assertTrue(all(is_whole(mail) for mail in mails))


if __name__ == "__main__":
    require_postfix()
    if not peers.NameServer.is_installed():
        harness.skip_whole_file("nsd is not installed (apt-get install nsd)")
    harness.main()
