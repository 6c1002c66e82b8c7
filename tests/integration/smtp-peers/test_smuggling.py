# SPDX-License-Identifier: GPL-2.0-or-later
"""S1, S2, S3: no sequence but CRLF.CRLF ends a message, for us or for whoever stands behind us."""

import csv
import os
import unittest

import peers
import harness
from harness import Gateway, Sink, wait_for
from messages import GTUBE, message, send, unique_id
from peers import STRANGER, Dialogue, RawSink, any_certificate, framing_faults
from postfix import PROGRAMS, PostfixInstance

SMUGGLER = "smuggler@outside.test"


def end_of_data_variants() -> dict[str, bytes]:
    """hannob/smtpsmug's list from the corpora, and what others found since."""
    variants = {"crcrlf-crcrlf": b"\r\r\n.\r\r\n", "lf-crlf-with-space": b"\n. \r\n",
                "dot-in-two-bare-lines": b"\r.\n\r.\r"}
    file = peers.corpora() / "auth/smtp-smuggling/end-of-data-variants.tsv"
    if not file.exists():
        harness.skip_whole_file(f"{file} not found")
    with file.open(newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            variants[row["name"]] = bytes.fromhex(row["end_of_data_bytes_hex"])
    return variants


def smuggling(ident: str, sequence: bytes, to: str, sender: str = SMUGGLER) -> bytes:
    """A message that holds a whole second envelope and message behind the sequence; ends with CRLF."""
    return (message(ident, "first\n") + sequence
            + f"MAIL FROM:<{sender}>\r\nRCPT TO:<{to}>\r\nDATA\r\n"
              f"Subject: smuggled\r\n\r\n{ident} second\r\n".encode())


class SmugglingTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.variants = end_of_data_variants()
        cls.raw = RawSink()
        cls.addClassCleanup(cls.raw.__exit__)
        cls.refusing = Sink(reject_rcpt="*=550")
        cls.addClassCleanup(cls.refusing.__exit__)
        cls.refusing.start()
        transport = f"raw.test smtp:[127.0.0.1]:{cls.raw.port}\nrefused.test smtp:[127.0.0.1]:{cls.refusing.port}\n"
        cls.postfix = None
        if os.geteuid() == 0 and (PROGRAMS / "master").exists():
            cls.postfix = PostfixInstance("behind", domains=["postfix.test"])
            cls.addClassCleanup(cls.postfix.stop)
            cls.postfix.start()
            transport += f"postfix.test smtp:[127.0.0.1]:{cls.postfix.port}\n"
        cls.gateway = Gateway(relay_port=cls.raw.port, domains=("raw.test", "refused.test", "postfix.test"),
                              files={"transport": transport}, mail={"tls": 1, **peers.XCLIENT_HERE})
        cls.addClassCleanup(cls.gateway.close)
        cls.gateway.start()

    @property
    def ports(self) -> dict[str, int]:
        return {"external": self.gateway.external, "internal": self.gateway.internal}

    def set_bare_newline(self, mode: str) -> None:
        """Waits until sessions use the changed setting."""
        self.gateway.configure("mail", bare_newline=mode)
        def is_in_force():
            with Dialogue(self.gateway.external) as session:
                session.ehlo()
                session.envelope(to="user@raw.test")
                session.ask("DATA")
                reply = session.ask(message(unique_id("probe")) + b"bare\nnewline\r\n.")
                return reply.startswith("250" if mode == "replace" else "554")
        wait_for(is_in_force, 20, f"bare_newline {mode}", 0.2)

    def speak(self, port: int, command: str, content: bytes, to: str, pause_after: int = 0,
              client: str = "") -> list[str]:
        """The replies to a message and all that comes after it, down to the farewell."""
        with Dialogue(port, as_client=client) as session:
            session.ehlo()
            session.envelope(to=to)
            if command == "BDAT":
                data = b"BDAT %d LAST\r\n" % len(content) + content + b"QUIT\r\n"
            else:
                self.assertTrue(session.ask("DATA").startswith("354"))
                data = content + b".\r\nQUIT\r\n"
            if pause_after:
                for at in range(0, len(data), pause_after):
                    session.send(data[at:at + pause_after])
            else:
                session.send(data)
            return session.rest().decode(errors="replace").splitlines()

    def check_one_or_none(self, replies: list[str]) -> int:
        """One reply to the message, one to QUIT, and nothing in between; the number of messages accepted."""
        self.assertEqual(len(replies), 2, replies)
        self.assertRegex(replies[0], r"^(250|5\d\d) ")
        self.assertRegex(replies[1], r"^221 ")
        return int(replies[0].startswith("250"))

    def run_variants(self, command: str, variants: dict[str, bytes], client: str = "") -> set[str]:
        """Every variant on both ports to both next hops; the names of those that were accepted."""
        expected, accepted = {}, set()
        for port in self.ports:
            for name, sequence in variants.items():
                for hop in ("raw.test", "postfix.test"):
                    if hop == "postfix.test" and self.postfix is None:
                        continue
                    with self.subTest(port=port, variant=name, command=command, hop=hop):
                        ident = unique_id(f"smug-{command.lower()}")
                        to = f"victim@{hop}"
                        replies = self.speak(self.ports[port], command, smuggling(ident, sequence, to), to,
                                             client=client)
                        expected[(hop, ident)] = self.check_one_or_none(replies)
                        if expected[(hop, ident)]:
                            accepted.add(name)
        self.check_arrived(expected)
        return accepted

    def check_arrived(self, expected: dict) -> None:
        """Each accepted message is at its next hop once; nothing of the smuggler's is anywhere."""
        for (hop, ident), count in expected.items():
            if count:
                where = self.raw if hop == "raw.test" else self.postfix
                where.wait_for(f"<{ident}@")
        self.gateway.drain()
        for (hop, ident), count in expected.items():
            # One mail that is the first and holds the second as text; never two.
            marks = [f"<{ident}@".encode(), f"{ident} second".encode()]
            found = [content for content in (self.raw if hop == "raw.test" else self.postfix).find(ident)
                     if any(mark in content for mark in marks)]
            self.assertEqual(len(found), count, ident)
            self.assertTrue(all(mark in content for content in found for mark in marks), ident)
        for content in self.raw.contents:
            self.assertEqual(framing_faults(content), [])
        for conversation in self.raw.conversations:
            commands = [line for line in bytes(conversation).split(b"\r\n") if line.startswith(b"MAIL FROM:")]
            # As a command it would stand behind a CRLF.CRLF; as text it may.
            self.assertNotIn(b"\r\n.\r\nMAIL FROM:<" + SMUGGLER.encode(), bytes(conversation), commands)
        if self.postfix is not None:
            self.assertNotIn(f"from=<{SMUGGLER}>", self.postfix.log())

    def test_S1_DATA_refuses_every_other_end_of_data(self):
        # The dot before a NUL is the client's stuffing and goes (RFC 5321 §4.5.2): no dot is left.
        self.assertEqual(self.run_variants("DATA", self.variants), {"nullafter"})

    def test_S1_strangers_are_treated_alike_on_both_ports(self):
        self.assertEqual(self.run_variants("DATA", self.variants, client=STRANGER), {"nullafter"})
        self.assertEqual(self.run_variants("BDAT", self.variants, client=STRANGER), {"nullafter"})

    def test_S1_replaced_newlines_of_strangers_leave_nothing_to_smuggle_with(self):
        self.addCleanup(self.set_bare_newline, "reject")
        self.set_bare_newline("replace")
        accepted = self.run_variants("DATA", self.variants, client=STRANGER)
        self.assertEqual(self.variants.keys() - accepted, {"nullbefore"})

    @unittest.skipUnless(os.geteuid() == 0 and (PROGRAMS / "master").exists(), "Postfix is not installed")
    def test_S1_the_postfix_behind_would_have_taken_the_bait(self):
        """Without us the same bytes are two mails there, or the proof above proves nothing."""
        ident = unique_id("bait")
        to = "victim@postfix.test"
        replies = self.speak(self.postfix.port, "DATA", smuggling(ident, b"\n.\r\n", to, "bait@outside.test"), to)
        self.assertGreater(len(replies), 2, replies)
        self.assertEqual(len(self.postfix.wait_for(ident, 2)), 2)

    def test_S2_BDAT_refuses_every_other_end_of_data(self):
        # A dot before a NUL leaves us stuffed, as any dot at the start of a line.
        self.assertEqual(self.run_variants("BDAT", self.variants), {"nullafter"})

    def test_S2_BDAT_with_the_true_end_of_data_inside_stays_one_message(self):
        variants = {"crlfcrlf": b"\r\n.\r\n", "dots": b"\r\n..\r\n...\r\n.x\r\n"}
        self.assertEqual(self.run_variants("BDAT", variants), variants.keys())

    def test_S1_S2_replaced_newlines_leave_nothing_to_smuggle_with(self):
        self.addCleanup(self.set_bare_newline, "reject")
        self.set_bare_newline("replace")
        for command in ("DATA", "BDAT"):
            # A line of a dot between NULs is refused in any setting.
            accepted = self.run_variants(command, self.variants)
            self.assertEqual(self.variants.keys() - accepted, {"nullbefore"})

    def test_S3_one_octet_at_a_time_changes_no_verdict(self):
        for name in ("lflf", "crlflf", "crcrlf", "nullbefore"):
            for port in self.ports:
                with self.subTest(variant=name, port=port):
                    ident = unique_id("s3")
                    content = smuggling(ident, self.variants[name], "victim@raw.test")
                    replies = self.speak(self.ports[port], "DATA", content, "victim@raw.test", pause_after=1)
                    self.assertEqual(self.check_one_or_none(replies), 0)
        ident = unique_id("s3good")
        content = message(ident, ".dots\n..\n.\nend\n").replace(b"\r\n.", b"\r\n..")
        replies = self.speak(self.gateway.external, "DATA", content, "victim@raw.test", pause_after=1)
        self.assertEqual(self.check_one_or_none(replies), 1)
        self.assertTrue(self.raw.wait_for(ident)[0].endswith(b"\r\n\r\n..dots\r\n...\r\n..\r\nend\r\n"))

    def test_S3_tls_records_of_one_octet_change_no_verdict(self):
        with Dialogue(self.gateway.external) as session:
            session.ehlo()
            session.start_tls(any_certificate())
            session.ehlo()
            session.envelope(to="victim@raw.test")
            session.ask("DATA")
            for octet in smuggling(unique_id("s3tls"), b"\n.\n", "victim@raw.test") + b".\r\nQUIT\r\n":
                session.send(bytes([octet]))
            replies = session.rest().decode().splitlines()
        self.assertEqual(self.check_one_or_none(replies), 0)

    def test_S2_bounces_and_released_mail_are_framed_as_strictly(self):
        bounced = unique_id("s2dsn")
        dots = message(bounced, ".\n..\n.dots\n", sender="back@raw.test",
                       headers="X-Odd: a\n .\n ..\n").replace(b"\r\n.", b"\r\n..")
        with Dialogue(self.gateway.external) as session:
            session.ehlo()
            session.envelope("back@raw.test", "user@refused.test")
            session.ask("DATA")
            self.assertTrue(session.ask(dots + b".").startswith("250"))
        self.assertEqual(framing_faults(self.raw.wait_for(bounced)[0]), [])
        released = unique_id("s2rel")
        content = message(released, f".\n..dots\n{GTUBE}\n.\n")
        self.assertEqual(send(self.gateway.external, content, to="user@raw.test")[0], 250)
        entry = wait_for(lambda: next((each for each in self.gateway.quarantine("all")
                                       if released in each["message_id"]), None), 20, "quarantine", 0.2)
        self.gateway.run("pmgqm", "release", str(entry["id"]))
        raw = self.raw.wait_for(released)[0]
        self.assertEqual(framing_faults(raw), [])
        self.assertIn(b"\r\n..\r\n...dots\r\n", raw)


if __name__ == "__main__":
    harness.main()
