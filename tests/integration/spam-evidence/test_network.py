#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests that ask others, through a whole gateway: SPF of HELO, ADSP, Razor's own agents."""

import os
import shutil
import unittest

from spamcase import SpamCase
import harness
from catalogue import Catalogue
from messages import message, unique_id
from peers import STRANGER, NameServer

RULES = """
header HELO_PASS    eval:check_for_spf_helo_pass()
tflags HELO_PASS    net
score  HELO_PASS    0.1
header HELO_FAIL    eval:check_for_spf_helo_fail()
tflags HELO_FAIL    net
score  HELO_FAIL    0.2
header FROM_PASS    eval:check_for_spf_pass()
tflags FROM_PASS    net
score  FROM_PASS    0.1
header ADSP_ALL     eval:check_dkim_adsp('A')
tflags ADSP_ALL     net
score  ADSP_ALL     0.3
header ADSP_NX      eval:check_dkim_adsp('N')
tflags ADSP_NX      net
score  ADSP_NX      0.4
full   RAZOR        eval:check_razor2()
tflags RAZOR        net
score  RAZOR        0.7
full   RAZOR_SURE   eval:check_razor2_range('', '51', '100')
tflags RAZOR_SURE   net
score  RAZOR_SURE   0.6
meta   RAZOR_ADSP   RAZOR && ADSP_ALL
score  RAZOR_ADSP   0.1
razor_timeout 5
"""


@unittest.skipUnless(NameServer.is_installed(), "nsd is not installed")
class SenderTest(SpamCase):
    rules = RULES
    spam = {"rbl_checks": 1, "use_razor": 0}
    mail = {"spf": 1}

    @classmethod
    def prepare(cls) -> None:
        names = NameServer({
            "outside.test": f'@ TXT "v=spf1 ip4:{STRANGER} -all"\n@ A 203.0.113.1\n@ MX 10 mx\n',
            "good.test": f'mx TXT "v=spf1 ip4:{STRANGER} -all"\nmx A {STRANGER}\n',
            "bad.test": 'mx TXT "v=spf1 ip4:198.51.100.99 -all"\nmx A 198.51.100.99\n',
            "signs.test": '@ A 203.0.113.1\n@ MX 10 mx\n_adsp._domainkey TXT "dkim=all"\n'})
        cls.addClassCleanup(names.stop)
        names.start()
        cls.gateway.configure("mail", dns_servers=names.server)

    def judge(self, author: str = "sender@outside.test", helo: str = "client.test") -> dict:
        return self.hits(self.submit(message(unique_id("net"), sender=author), helo=helo))

    def test_helo_is_checked_beside_the_reverse_path(self) -> None:
        self.assertEqual(set(self.judge(helo="mx.good.test")), {"HELO_PASS", "FROM_PASS"})
        self.assertEqual(set(self.judge(helo="mx.bad.test")), {"HELO_FAIL", "FROM_PASS"})
        self.assertEqual(set(self.judge(helo="[203.0.113.1]")), {"FROM_PASS"})

    def test_a_bad_helo_refuses_nobody(self) -> None:
        queue_id = self.submit(message(unique_id("helo")), helo="mx.bad.test")
        self.assertEqual(self.tracked(queue_id)["rule"], "default-accept")

    def test_adsp_of_the_author(self) -> None:
        self.assertIn("ADSP_ALL", self.judge(author="anna@signs.test"))
        self.assertIn("ADSP_NX", self.judge(author="anna@nowhere.outside.test"))
        self.assertFalse({"ADSP_ALL", "ADSP_NX"} & set(self.judge()))

    def test_pmg_spam_check_asks_the_same(self) -> None:
        ident = unique_id("tried")
        self.submit(message(ident, sender="anna@signs.test"), helo="mx.good.test")
        file = self.gateway.scratch_folder / "tried.eml"
        file.write_bytes(self.sink.wait_for(ident)[0].raw)
        check = ("check", "--json", "--rules", self.gateway.root / "rules", "--site", self.site)
        tried = self.gateway.run_json("pmg-spam", *check, "--ip", STRANGER, "--helo", "mx.good.test",
                                      "--from", "sender@outside.test", file)
        self.assertEqual(tried["score_set"], 1)
        self.assertIn("ADSP_ALL", [test["test"] for test in tried["tests"]])
        local = self.gateway.run_json("pmg-spam", *check, "--local", file)
        self.assertEqual((local["score_set"], local["tests"]), (0, []))

    def test_adsp_override_needs_no_question(self) -> None:
        self.reload(lambda: self.write_rules(RULES + "adsp_override outside.test all\n"))
        self.addCleanup(self.reload, lambda: self.write_rules(RULES))
        self.assertIn("ADSP_ALL", self.judge())


@unittest.skipUnless(shutil.which("razor-check"), "razor is not installed")
class RazorTest(SpamCase):
    rules = RULES
    spam = {"rbl_checks": 1}
    mail = {"dns_servers": "127.0.0.1:9", "dns_timeout": 1}
    text = "A text that is long enough for a fingerprint, with some words more than one would need.\n" * 4

    @classmethod
    def prepare(cls) -> None:
        cls.catalogue = Catalogue()
        cls.addClassCleanup(cls.catalogue.close)
        home = cls.gateway.root / "var/lib/pmg/razor"
        cls.catalogue.write_home(home)
        if os.geteuid() == 0:
            for path in (home.parent, home, *home.iterdir()):  # The filter's user writes there.
                path.chmod(0o777 if path.is_dir() else 0o666)

    def setUp(self) -> None:
        self.catalogue.confidence = 95
        harness.wait_for(lambda: self.gateway.pids("fingerprints"), 20, "the service that asks Razor")

    def judge(self) -> dict:
        return self.hits(self.submit(message(unique_id("razor"), self.text)))

    def test_listed_mail_hits(self) -> None:
        self.assertEqual(self.judge(), {"RAZOR": 0.7, "RAZOR_SURE": 0.6})
        self.assertGreater(self.catalogue.asked, 0)

    def test_unknown_mail_does_not(self) -> None:
        self.catalogue.confidence = None
        before = self.catalogue.asked
        self.assertEqual(self.judge(), {})
        self.assertGreater(self.catalogue.asked, before)

    def test_little_confidence_is_none(self) -> None:
        self.catalogue.confidence = 5
        self.assertEqual(self.judge(), {})

    def test_use_razor_off_asks_nothing(self) -> None:
        self.use("spam", use_razor=0)
        before = self.catalogue.asked
        self.assertEqual(self.judge(), {})
        self.assertEqual(self.catalogue.asked, before)


@unittest.skipUnless(shutil.which("razor-check"), "razor is not installed")
class RazorWithoutNetworkTest(SpamCase):
    """No server can be found: mail goes on without, and the log says so once."""

    rules = RULES
    spam = {"rbl_checks": 1}
    mail = {"dns_servers": "127.0.0.1:9", "dns_timeout": 1}

    @classmethod
    def prepare(cls) -> None:
        home = cls.gateway.root / "var/lib/pmg/razor"
        home.mkdir(parents=True)
        home.chmod(0o777)
        settings = home / "razor-agent.conf"
        settings.write_text("debuglevel = 0\nlogfile = /dev/null\nturn_off_discovery = 1\n")
        for kind in ("catalogue", "nomination", "discovery"):
            (home / f"servers.{kind}.lst").write_text("127.0.0.1:9\n")

    def test_mail_is_delivered_and_the_failure_told_once(self) -> None:
        for _ in range(4):
            ident = unique_id("lonely")
            queue_id = self.submit(message(ident, RazorTest.text))
            self.assertEqual(self.hits(queue_id), {})
            self.sink.wait_for(ident)
        self.gateway.wait_for_log(r"fingerprints\.failed: .*network=razor")
        self.assertEqual(self.gateway.log().count("fingerprints.failed"), 1)


if __name__ == "__main__":
    harness.require_programs("pmgqm", "pmg-spam")
    os.umask(0o022)
    unittest.main(verbosity=2)
