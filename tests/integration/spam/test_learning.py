#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Bayes and reputations in a whole gateway: by command, from the quarantine, by itself; and through faults."""

import contextlib
import itertools
import os
import random
import re
import signal
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "gateway"))

import harness  # noqa: E402
from harness import GatewayCase, wait_for  # noqa: E402
from messages import GTUBE, message, send, unique_id  # noqa: E402

#: Few mails are enough here; mails are learnt by themselves only where a subject says so.
RULES = """
bayes_min_spam_num 6
bayes_min_ham_num 6
bayes_auto_learn_threshold_nonspam -5
body     BAYES_00  eval:check_bayes('0.00', '0.01')
tflags   BAYES_00  nice learn
score    BAYES_00  0 0 -1.5 -1.9
body     BAYES_99  eval:check_bayes('0.99', '1.00')
tflags   BAYES_99  learn
score    BAYES_99  0 0 2.8 2.8
header   SURE_HEAD Subject =~ /surely spam/
score    SURE_HEAD 7
body     SURE_BODY /nothing but spam/
score    SURE_BODY 7
header   SURE_HAM  Subject =~ /surely wanted/
score    SURE_HAM  -8
header   TEN       Subject =~ /ten points/
score    TEN       10
"""
AWL_RULES = """
ifplugin Mail::SpamAssassin::Plugin::AWL
header   AWL       eval:check_from_in_auto_welcomelist()
tflags   AWL       userconf noautolearn
priority AWL       1000
endif
ifplugin Mail::SpamAssassin::Plugin::TxRep
header   TXREP     eval:check_senders_reputation()
tflags   TXREP     userconf noautolearn
priority TXREP     1000
endif
"""
HAM_WORDS = "meeting agenda minutes budget report colleague project schedule draft review office Tuesday".split()
SPAM_WORDS = "pills casino jackpot lottery winner cheap replica watches enlarge bonus miracle prize".split()
_numbers = itertools.count(1)


def mail(words: list[str], subject: str = "hello", sender: str = "sender@outside.test", extra: str = "") -> bytes:
    number = next(_numbers)
    text = " ".join(random.Random(number).sample(words, 8))
    return message(unique_id("learn"), f"{text} {extra}\n", subject=f"{subject} {number}", sender=sender)


class LearningTest(GatewayCase):
    gateway_options = {"spam": {"use_bayes": 1, "learn_from_quarantine": 1}}

    @classmethod
    def setUpClass(cls) -> None:
        cls.sink = harness.Sink()
        cls.addClassCleanup(cls.sink.__exit__)
        cls.sink.start()
        cls.gateway = harness.Gateway(relay_port=cls.sink.port, **cls.gateway_options)
        cls.addClassCleanup(cls.gateway.close)
        rules = cls.gateway.root / "rules/20_learning.cf"
        rules.write_text(RULES + AWL_RULES)
        cls.site = cls.gateway.root / "etc/mail/spamassassin"
        cls.site.mkdir(parents=True)
        cls.gateway.start()

    # ---- helpers ----
    @property
    def folder(self) -> Path:
        return self.gateway.root / "var/lib/pmg/learning"

    def status(self) -> tuple[int, int]:
        """Spam and ham learnt."""
        found = self.gateway.run_json("pmg-spam", "bayes", "status", "--json")
        return found["spam"], found["ham"]

    def wait_learnt(self, spam: int, ham: int, timeout: float = 40) -> None:
        wait_for(lambda: self.status() == (spam, ham), timeout, f"{spam} spam and {ham} ham to be learnt", 0.3)

    def judged(self, content: bytes) -> dict[str, float]:
        """Tests with their points, as the delivered mail or the quarantine entry says."""
        code, reply = send(self.gateway.external, content)
        self.assertEqual(code, 250, reply)
        queue_id = re.search(r"\((\w+)\)", reply).group(1)

        def look():
            found = re.search(rf"filter\.spam {queue_id}: (.*)", self.gateway.log())
            return found and found.group(1)
        hits = wait_for(look, 20, f"the score of {queue_id}").rpartition("hits=")[2]
        return {name: float(score) for name, score in re.findall(r"(\w+)\(([^)]*)\)", hits)}

    def wait_judged(self, words: list[str], test: str, timeout: float = 45) -> float:
        """Waits until a mail of these words hits the test; how long that took."""
        begin = time.monotonic()
        wait_for(lambda: test in self.judged(mail(words)), timeout, f"{test} to hit", 0.5)
        return time.monotonic() - begin

    def train(self, count: int = 10) -> None:
        """By the command: a folder of files, and a mailbox file."""
        folder = self.gateway.scratch_folder / unique_id("train")
        folder.mkdir()
        for number in range(count):
            (folder / f"{number}.eml").write_bytes(mail(HAM_WORDS))
        box = folder.with_suffix(".mbox")
        lines = [b"From x@y.z Sat Nov 21 09:00:00 2026\n" + mail(SPAM_WORDS).replace(b"\r\n", b"\n") + b"\n"
                 for _ in range(count)]
        box.write_bytes(b"".join(lines))
        done = self.gateway.run("pmg-spam", "learn", "--ham", folder)
        self.assertIn(f"{count} mails: {count} learnt, 0 learnt before", done.stdout)
        done = self.gateway.run("pmg-spam", "learn", "--spam", box)
        self.assertIn(f"{count} mails: {count} learnt, 0 learnt before", done.stdout)
        done = self.gateway.run("pmg-spam", "learn", "--spam", box)
        self.assertIn(f"{count} mails: 0 learnt, {count} learnt before", done.stdout)

    def forget_all(self) -> None:
        self.gateway.run("pmg-spam", "bayes", "clear", "--yes")

    @contextlib.contextmanager
    def database_down(self):
        override = self.gateway.root / "var/lib/pmg/postgres/postgresql.auto.conf"
        override.write_text("no_such_setting = 'on'\n")
        self.gateway.kill("postgres", signal.SIGINT)
        wait_for(lambda: not self.gateway.pids("postgres-backend"), 30, "PostgreSQL to end")
        try:
            yield
        finally:
            override.write_text("")
            wait_for(lambda: self.gateway.sql("SELECT 1", check=False), 60, "PostgreSQL to be back", 0.3)

    # ---- tests; in this order, for each goes on with what was learnt before it ----
    def test_1_a_mail_is_judged_by_what_a_command_taught(self):
        self.assertNotIn("BAYES_99", self.judged(mail(SPAM_WORDS)))
        self.train()
        self.assertEqual(self.status(), (10, 10))
        took = self.wait_judged(SPAM_WORDS, "BAYES_99")
        print(f"fresh after {took:.1f} s", file=sys.stderr)
        self.assertEqual(self.judged(mail(SPAM_WORDS))["BAYES_99"], 2.8)  # The score set with Bayes.
        self.assertIn("BAYES_00", self.judged(mail(HAM_WORDS)))
        one = self.gateway.scratch_folder / "one.eml"
        one.write_bytes(mail(SPAM_WORDS))
        self.gateway.run("pmg-spam", "learn", "--spam", one)
        self.assertEqual(self.status(), (11, 10))
        self.gateway.run("pmg-spam", "learn", "--ham", one)
        self.assertEqual(self.status(), (10, 11))
        self.gateway.run("pmg-spam", "learn", "--forget", one)
        self.assertEqual(self.status(), (10, 10))

    def test_2_a_backup_comes_back(self):
        backup = self.gateway.scratch_folder / "backup.txt"
        self.gateway.run("pmg-spam", "bayes", "backup", backup)
        lines = backup.read_text().splitlines()
        self.assertEqual(lines[0].split()[:3], ["v", "3", "db_version"])
        self.forget_all()
        self.assertEqual(self.status(), (0, 0))
        wait_for(lambda: "BAYES_99" not in self.judged(mail(SPAM_WORDS)), 45, "Bayes to have no say", 0.5)
        self.gateway.run("pmg-spam", "bayes", "restore", backup)
        self.assertEqual(self.status(), (10, 10))
        broken = self.gateway.scratch_folder / "broken.txt"
        broken.write_text("v\t9\tdb_version\n")
        self.assertEqual(self.gateway.run("pmg-spam", "bayes", "restore", broken, check=False).returncode, 1)
        self.assertEqual(self.status(), (10, 10))
        self.wait_judged(SPAM_WORDS, "BAYES_99")

    def test_3_people_teach_by_what_they_do_in_the_quarantine(self):
        spam, ham = self.status()
        for _ in range(2):
            send(self.gateway.external, mail(SPAM_WORDS, extra=GTUBE))
        entries = wait_for(lambda: len(found := self.gateway.quarantine()) >= 2 and found, 30, "two entries")
        self.gateway.run("pmgqm", "release", entries[0]["id"])
        self.gateway.run("pmgqm", "delete", entries[1]["id"])
        self.wait_learnt(spam + 1, ham + 1)

    def test_4_sure_mails_are_learnt_by_themselves(self):
        spam, ham = self.status()
        self.judged(mail(SPAM_WORDS, "surely spam", extra="nothing but spam"))
        self.judged(mail(HAM_WORDS, "surely wanted"))
        self.judged(mail(HAM_WORDS))  # Not sure enough.
        self.wait_learnt(spam + 1, ham + 1)
        self.gateway.wait_for_log(r"autolearn=spam .*SURE_HEAD")

    def test_5_learning_waits_while_the_database_is_down(self):
        spam, ham = self.status()
        with self.database_down():
            for _ in range(3):
                hits = self.judged(mail(SPAM_WORDS, "surely spam", extra="nothing but spam"))
                self.assertIn("BAYES_99", hits)  # By the last snapshot.
            self.gateway.wait_for_log(r"learn\.failed:")
            one = self.gateway.scratch_folder / "down.eml"
            one.write_bytes(mail(SPAM_WORDS))
            failed = self.gateway.run("pmg-spam", "learn", "--spam", one, check=False)
            self.assertEqual(failed.returncode, 1)
            self.assertIn("connection", failed.stderr)
            self.gateway.kill("learn")  # What waits is in files.
            self.judged(mail(HAM_WORDS, "surely wanted"))
        self.wait_learnt(spam + 3, ham + 1, 60)

    def test_6_nothing_is_lost_when_the_filter_dies(self):
        spam, ham = self.status()
        self.judged(mail(SPAM_WORDS, "surely spam", extra="nothing but spam"))
        self.gateway.kill("filter-worker")
        self.gateway.kill("learn")
        self.gateway.kill("pmg-smtp-filter")
        wait_for(lambda: self.gateway.pids("learn") and self.gateway.pids("filter-worker"), 60, "the filter")
        self.wait_learnt(spam + 1, ham)
        self.wait_judged(SPAM_WORDS, "BAYES_99")

    def test_7_a_spoilt_snapshot_is_ignored_and_made_anew(self):
        snapshot = self.folder / "bayes.snapshot"
        start = len(self.gateway.log())
        spoilt = self.folder / "spoilt"
        spoilt.write_bytes(b"spoilt" * 100)
        owner = snapshot.stat()
        os.chown(spoilt, owner.st_uid, owner.st_gid)
        spoilt.rename(snapshot)
        self.judged(mail(SPAM_WORDS))  # A worker looks.
        self.gateway.wait_for_log(r"learn\.snapshot-broken: .*bayes\.snapshot", start=start)
        wait_for(lambda: snapshot.read_bytes()[:8] == b"PMGSNAP\n", 40, "a new snapshot", 0.3)
        self.wait_judged(SPAM_WORDS, "BAYES_99")

    def test_8_nodes_of_a_cluster_learn_together(self):
        spam, ham = self.status()
        # What replication would bring from another node.
        triggers = "ALTER TABLE bayes_total {0} TRIGGER bayes_total_own;"
        self.gateway.sql(triggers.format("DISABLE")
                         + "INSERT INTO bayes_total (cid, spam, ham, generation) VALUES (9, 5, 7, 1);"
                         + triggers.format("ENABLE"))
        self.assertEqual(self.status(), (spam + 5, ham + 7))

        def totals():
            return struct.unpack_from("<2q", (self.folder / "bayes.snapshot").read_bytes(), 40)
        wait_for(lambda: totals() == (spam + 5, ham + 7), 40, "the filters to know", 0.5)
        self.gateway.sql(triggers.format("DISABLE") + "DELETE FROM bayes_total WHERE cid = 9;"
                         + triggers.format("ENABLE"))

    def test_9_reputation_follows_its_switch_and_moves_scores(self):
        self.gateway.configure("spam", use_bayes=0)
        wait_for(lambda: not self.gateway.pids("learn"), 30, "the learning process to end")
        self.assertNotIn("BAYES_99", self.judged(mail(SPAM_WORDS)))
        self.gateway.configure("spam", use_awl=1)
        wait_for(lambda: self.gateway.pids("learn"), 30, "the learning process to start")
        bad = "bad@spammer.test"
        self.judged(mail(HAM_WORDS, "ten points", sender=bad))
        wait_for(lambda: "AWL" in self.judged(mail(HAM_WORDS, sender=bad)), 40, "AWL to hit", 0.5)
        self.assertGreater(self.judged(mail(HAM_WORDS, sender=bad))["AWL"], 0)
        self.gateway.configure("spam", use_awl=0, use_txrep=1)
        worse = "worse@spammer.test"
        wait_for(lambda: "TXREP" in self.judged(mail(HAM_WORDS, "ten points", sender=worse))
                 or "TXREP" in self.judged(mail(HAM_WORDS, sender=worse)), 60, "TXREP to hit", 0.5)


    def test_a_rules_are_taken_when_they_are_whole_and_bring_no_new_errors(self):
        custom = self.site / "custom.cf"
        custom.write_text("body   MINE  /agenda|minutes|meeting|budget|report/\nscore  MINE  1.5\n")
        wait_for(lambda: "MINE" in self.judged(mail(HAM_WORDS)), 20, "the site's rule to hit", 0.3)
        start = len(self.gateway.log())
        custom.write_text("body   BROKEN  /(/\nbody OTHER /office/\n")
        self.gateway.wait_for_log(rf"spam\.rules-not-updated: .*{custom}:1: BROKEN: ", start=start)
        self.assertIn("MINE", self.judged(mail(HAM_WORDS)))
        lint = self.gateway.run("pmg-spam", "lint", check=False)
        self.assertEqual(lint.returncode, 1)
        self.assertIn(f"{custom}:1: error: BROKEN: ", lint.stdout)
        custom.write_text("body   YOURS  /agenda|minutes|meeting|budget|report/\n")
        wait_for(lambda: "YOURS" in self.judged(mail(HAM_WORDS)), 20, "the mended rule to hit", 0.3)

    def test_b_the_stock_rules_lint_without_errors(self):
        stock = Path("/usr/share/spamassassin")
        if not stock.is_dir():
            self.skipTest("SpamAssassin's rules are not installed")
        done = self.gateway.run("pmg-spam", "lint", "--rules", stock, "--site", self.gateway.root / "rules", check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""))


if __name__ == "__main__":
    harness.require_programs("pmg-spam", "pmgqm")
    harness.main()
