#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`pmg-spam lint` on what administrators get wrong: each mistake is named with file, line, reason and a hint."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

BINARIES = Path(os.environ.get("PORTCULLIS_BIN")
                or Path(__file__).resolve().parents[3] / "build/release/bin")

#: (what, text of custom.cf, line that is named, kind, words of the reason)
MISTAKES = [
    ("misspelt directive", "body A /a b/\ndescribee A text\n", 2, "error",
     r"describee: there is no such directive; did you mean 'describe'\?"),
    ("unknown directive", "body A /a b/\nfrobnicate_everything 1\n", 2, "error",
     r"frobnicate_everything: there is no such directive$"),
    ("unclosed regex", "body A /a b\n", 1, "error", r"A: .*(does not end|not closed)"),
    ("broken regex", "body A /a(b/\n", 1, "error", r"A: .*parenthes"),
    ("a comment sign in a regex", "body A /item #5/\n", 1, "error", r"A: .*end"),
    ("a regex that matches everything", "body A /foo||bar/\n", 1, "warning", r"A: .*"),
    ("Perl code in a regex", "body A /(?{ die })x/\n", 1, "error", r"A: "),
    ("unclosed parenthesis in a meta", "body A /a b/\nmeta B (A && !A\n", 2, "error",
     r"B: invalid expression"),
    ("an operator that is none", "body A /a b/\nmeta B A and A\n", 2, "error", r"B: invalid expression"),
    ("a meta of nothing", "body LOCAL_PILLS /a b/\nmeta B LOCAL_PILS && LOCAL_PILLS\n", 2, "warning",
     r"B: needs 'LOCAL_PILS', which is no test, and counts as 0; did you mean 'LOCAL_PILLS'\?"),
    ("a score of nothing", "body LOCAL_PILLS /a b/\nscore LOCAL_PILS 2\n", 2, "warning",
     r"LOCAL_PILS: 'score' without effect: .*did you mean 'LOCAL_PILLS'\?"),
    ("metas in a circle", "body T /a b/\nmeta A B && T\nmeta B A || T\n", 2, "error",
     r"A: needs itself, through other meta tests"),
    ("a score that is none", "body A /a b/\nscore A two\n", 2, "error", r"A: 'two' is not a score"),
    ("two scores", "body A /a b/\nscore A 1 2\n", 2, "error", r"score: expected a test and one or four"),
    ("a name that is none", "body 1A /a b/\n", 1, "error", r"1A: a name of a test has letters"),
    ("an eval function that nobody has", "body A eval:check_the_moon()\n", 1, "warning",
     r"check_the_moon: eval function is not supported"),
    ("an eval without quotes", "body A eval:check_rbl(x y)\n", 1, "error", r"A: .*not a call"),
    ("a header that is none", "header A =~ /x/\n", 1, "error", r"A: "),
    ("a header modifier that is none", "header A Subject:ray =~ /x/\n", 1, "error",
     r"A: .*modifier is unknown"),
    ("a forgotten =~", "header A Subject /x/\n", 1, "error", r"A: "),
    ("an if without endif", "if (version >= 4)\nbody A /a b/\n", 1, "error",
     r"if: is not closed by 'endif'"),
    ("an endif without if", "body A /a b/\nendif\n", 2, "error", r"endif: there is no 'if' before it"),
    ("a condition that is none", "if (verzion >= 4)\nbody B /x/\nendif\nbody A /a b/\n", 1, "error",
     r"if: broken condition: unknown word 'verzion'"),
    ("a plugin of others", "loadplugin My::Own /etc/own.pm\nbody A /a b/\n", 1, "warning", r"My::Own: "),
    ("a directive of a plugin that is not loaded", "body A /a b/\nuse_dcc 1\n", 2, "warning",
     r"use_dcc: the plugin DCC is not loaded"),
    ("a number that is none", "body A /a b/\nrequired_score five\n", 2, "error", r"required_score: "),
    ("a fixed form", "body A /a b/\nhashbl_email_regex \\S+@\\S+\n", 2, "warning",
     r"hashbl_email_regex: has no effect"),
]


class LintTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.site = self.root / "site"
        self.site.mkdir()
        self.stock = self.root / "stock"
        self.stock.mkdir()
        (self.stock / "10_base.cf").write_text("body STOCK_TEST /something/\nscore STOCK_TEST 1\n")

    def lint(self, text: str, *arguments: str) -> subprocess.CompletedProcess:
        (self.site / "custom.cf").write_text(text)
        return subprocess.run([BINARIES / "pmg-spam", "--root", self.root, "lint", "--rules", self.stock,
                               "--site", self.site, *arguments], capture_output=True, text=True, timeout=60,
                              check=False)

    def test_mistakes_are_named(self) -> None:
        for what, text, line, kind, reason in MISTAKES:
            with self.subTest(what):
                done = self.lint(text)
                found = [each for each in done.stdout.splitlines()
                         if each.startswith(f"{self.site}/custom.cf:{line}: {kind}: ")]
                self.assertTrue(any(re.search(reason, each) for each in found), done.stdout + done.stderr)
                self.assertEqual(done.returncode, 1 if kind == "error" else 0)

    def test_a_right_file_is_silent(self) -> None:
        done = self.lint("body A /a b/\ndescribe A text\nscore A 1.5\nmeta B A && STOCK_TEST\nscore B 1\n")
        self.assertEqual((done.stdout, done.returncode), ("", 0))

    def test_stock_rules_are_silent(self) -> None:
        self.stock = Path("/usr/share/spamassassin")
        if not (self.stock / "20_head_tests.cf").exists():
            self.skipTest("SpamAssassin's rules are not installed")
        done = self.lint("score URIBL_BLACK 0\n")
        self.assertEqual((done.stdout, done.returncode), ("", 0))

    def test_every_mistake_of_a_file_is_named_at_once(self) -> None:
        done = self.lint("bodi A /a/\nscore A x\nmeta B (A\nendif\n")
        lines = {int(each.split(":")[1]) for each in done.stdout.splitlines() if "custom.cf" in each}
        self.assertEqual(lines, {1, 2, 3, 4})
        self.assertRegex(done.stdout, r"(?m)^4 errors, \d+ warnings$")


if __name__ == "__main__":
    if not (BINARIES / "pmg-spam").exists():
        print(f"skipped: pmg-spam not found in {BINARIES}")
        raise SystemExit(77)
    unittest.main(verbosity=2)
