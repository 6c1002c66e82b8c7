# SPDX-License-Identifier: GPL-2.0-or-later
"""A gateway with spam rules of its own, and what its places say of a mail."""

import email
import email.policy
import re
import sys
import unittest
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "gateway"), str(TESTS / "smtp-peers")]

import peers  # noqa: E402
from harness import Gateway, HarnessError, Sink, wait_for  # noqa: E402
from peers import STRANGER, Dialogue  # noqa: E402


class SpamCase(unittest.TestCase):
    """One gateway for the class. `rules` is its custom.cf, `mail` and `spam` are keys of pmg.conf."""

    rules = ""
    mail: dict = {}
    spam: dict = {}
    sections: dict = {}

    @classmethod
    def setUpClass(cls) -> None:
        cls.sink = Sink()
        cls.addClassCleanup(cls.sink.__exit__)
        cls.sink.start()
        cls.gateway = Gateway(relay_port=cls.sink.port, mail={**peers.XCLIENT_HERE, **cls.mail},
                              spam=cls.spam, **cls.sections)
        cls.addClassCleanup(cls.gateway.close)
        cls.site = cls.gateway.root / "etc/mail/spamassassin"
        cls.site.mkdir(parents=True)
        cls.write_rules(cls.rules)
        cls.prepare()
        cls.gateway.start()

    @classmethod
    def prepare(cls) -> None:
        """What a class does before its gateway starts."""

    @classmethod
    def write_rules(cls, text: str) -> None:
        (cls.site / "custom.cf").write_text(text)

    def reload(self, change) -> None:
        """Makes a change and waits until a new generation of workers judges by it."""
        start = len(self.gateway.log())
        old = set(self.gateway.pids("filter-worker"))
        change()
        self.gateway.wait_for_log(r"filter\.loaded", start=start)
        wait_for(lambda: (now := set(self.gateway.pids("filter-worker"))) and not now & old, 20,
                 "new filter workers")

    def use(self, section: str, **keys) -> None:
        """Changes settings for this test."""
        before = {key: self.gateway.sections.get(section, {}).get(key) for key in keys}
        self.reload(lambda: self.gateway.configure(section, **keys))
        self.addCleanup(self.reload, lambda: self.gateway.configure(section, **before))

    def submit(self, raw: bytes, sender: str = "sender@outside.test", client: str = STRANGER,
               helo: str = "client.test") -> str:
        """Hands a mail over as a stranger; its queue id."""
        with Dialogue(self.gateway.external, as_client=client) as session:
            session.ask(f"EHLO {helo}")
            session.envelope(sender, "user@example.com")
            session.ask("DATA")
            session.send(raw)
            answer = session.ask(".")
        found = re.search(r"\((\w+)\)", answer)
        if not answer.startswith("250") or not found:
            raise HarnessError(answer)
        return found.group(1)

    # ---- places ----
    def log_line(self, queue_id: str) -> dict[str, str]:
        """Fields of the line that tells the score; "SA score=7/5 time=0.012 … hits=A(1),B(2)"."""
        line = self.gateway.wait_for_log(rf"filter\.spam {queue_id}: .*")
        return dict(re.findall(r"(SA score|\w+)=(\S+)", line))

    def hits(self, queue_id: str) -> dict[str, float]:
        """Tests that hit, with their points, as the log has them."""
        return {name: float(points) for name, points in
                re.findall(r"(\w+)\(([-\d.e]+)\)", self.log_line(queue_id).get("hits", ""))}

    def delivered(self, marker: str) -> email.message.EmailMessage:
        raw = self.sink.wait_for(marker)[0].raw
        return email.message_from_bytes(raw, policy=email.policy.default)

    def quarantined(self, queue_id: str) -> dict:
        entry = wait_for(lambda: next((each for each in self.gateway.quarantine()
                                       if each["queue_id"] == queue_id), None), 30,
                         f"{queue_id} in the quarantine")
        return self.gateway.run_json("pmgqm", "show", "--json", entry["id"])

    def tracked(self, queue_id: str) -> dict:
        """The row of the tracking centre, once it has a fate."""
        query = ("SELECT spam_level, status, coalesce(rule, '') FROM tracking_mail"
                 f" WHERE queue_id = '{queue_id}' AND status IS NOT NULL")
        row = wait_for(lambda: self.gateway.sql(query, check=False), 30, f"{queue_id} in tracking")[0]
        return {"level": int(row[0] or 0), "status": row[1], "rule": row[2]}
