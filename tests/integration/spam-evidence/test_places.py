#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Score, threshold and tests with their points and descriptions: in every place that tells of a mail."""

import json
import unittest

from spamcase import SpamCase
import harness
from messages import message, unique_id

RULES = """
body     LOCAL_PILLS  /\\bcheap pills\\b/i
describe LOCAL_PILLS  Offers pills, and cheap ones
score    LOCAL_PILLS  2.2
header   LOCAL_ORDER  Subject =~ /order/i
describe LOCAL_ORDER  Subject names an order
score    LOCAL_ORDER  2.5
meta     LOCAL_BOTH   LOCAL_PILLS && LOCAL_ORDER
describe LOCAL_BOTH   An order of pills
score    LOCAL_BOTH   1.25
body     LOCAL_NICE   /\\bthank you\\b/i
tflags   LOCAL_NICE   nice
score    LOCAL_NICE   -9
"""


class PlacesTest(SpamCase):
    rules = RULES

    def test_a_mail_below_the_threshold(self) -> None:
        ident = unique_id("low")
        queue_id = self.submit(message(ident, "Cheap pills here.\n"))
        header = self.delivered(ident)["X-SPAM-LEVEL"]
        self.assertRegex(header, r"Spam detection results:\s+2\b")
        self.assertRegex(header, r"LOCAL_PILLS\s+2\.2\s+Offers pills, and cheap ones")
        line = self.log_line(queue_id)
        self.assertEqual(line["SA score"], "2/5")
        self.assertEqual(line["hits"], "LOCAL_PILLS(2.2)")
        self.assertEqual(line["bayes"], "undefined")
        self.assertIn("time", line)
        self.assertIn("autolearn", line)
        self.assertEqual(self.tracked(queue_id)["level"], 2)

    def test_a_mail_in_the_quarantine(self) -> None:
        ident = unique_id("high")
        queue_id = self.submit(message(ident, "Cheap pills here.\n", subject="your order"))
        entry = self.quarantined(queue_id)
        self.assertEqual(entry["spam_level"], 5)
        self.assertEqual(entry["rule"], "Quarantine/Mark Spam (Level 3)")
        spam = entry["evidence"]["spam"]
        self.assertEqual((spam["level"], spam["threshold"]), (5, 5))
        self.assertAlmostEqual(spam["score"], 5.95)
        self.assertEqual({hit["rule"]: (hit["score"], hit["description"]) for hit in spam["hits"]},
                         {"LOCAL_PILLS": (2.2, "Offers pills, and cheap ones"),
                          "LOCAL_ORDER": (2.5, "Subject names an order"),
                          "LOCAL_BOTH": (1.25, "An order of pills")})
        tracked = self.tracked(queue_id)
        self.assertEqual((tracked["level"], tracked["rule"]), (5, "Quarantine/Mark Spam (Level 3)"))
        self.assertEqual(self.log_line(queue_id)["SA score"], "5/5")

    def test_the_tracking_centre_shows_the_tests(self) -> None:
        queue_id = self.submit(message(unique_id("track"), "Cheap pills here.\n", subject="order"))
        self.tracked(queue_id)
        shown = self.gateway.run("pmgtrack", "--queue-id", queue_id).stdout
        for expected in ("LOCAL_BOTH", "1.25", "An order of pills", "threshold"):
            self.assertIn(expected, shown)
        steps = self.gateway.run_json("pmgtrack", "--json", "--queue-id", queue_id)
        self.assertIn("LOCAL_ORDER", json.dumps(steps))

    def test_people_can_read_it_in_the_quarantine(self) -> None:
        queue_id = self.submit(message(unique_id("read"), "Cheap pills here.\n", subject="order"))
        entry = self.quarantined(queue_id)
        shown = self.gateway.run("pmgqm", "show", entry["id"]).stdout
        for expected in ("LOCAL_PILLS", "2.2", "Offers pills, and cheap ones", "5.95 points, 5 required; level 5"):
            self.assertIn(expected, shown)

    def test_good_points_count(self) -> None:
        ident = unique_id("nice")
        queue_id = self.submit(message(ident, "Cheap pills, thank you.\n", subject="order"))
        self.assertRegex(self.delivered(ident)["X-SPAM-LEVEL"], r"results:\s+0\b")
        self.assertEqual(self.log_line(queue_id)["SA score"], "0/5")
        self.assertEqual(self.tracked(queue_id)["level"], 0)

    def test_the_level_is_a_whole_number(self) -> None:
        ident = unique_id("whole")
        queue_id = self.submit(message(ident, "nothing\n", subject="order"))
        self.assertEqual(self.log_line(queue_id)["SA score"], "2/5")  # 2.5, cut off
        self.assertEqual(self.tracked(queue_id)["rule"], "default-accept")

    def test_pmg_spam_check_says_the_same(self) -> None:
        ident = unique_id("check")
        self.submit(message(ident, "Cheap pills here.\n"))
        file = self.gateway.scratch_folder / "check.eml"
        file.write_bytes(self.sink.wait_for(ident)[0].raw)
        found = self.gateway.run_json("pmg-spam", "check", "--json", "--rules",
                                      self.gateway.root / "rules", "--site", self.site,
                                      "--explain", "LOCAL_PILLS", file)
        self.assertEqual([test["test"] for test in found["tests"]], ["LOCAL_PILLS"])
        self.assertAlmostEqual(found["score"], 2.2)
        (match,) = found["explained"]["LOCAL_PILLS"]
        self.assertEqual((match["view"], match["text"]), ("body", "Cheap pills"))


if __name__ == "__main__":
    harness.require_programs("pmgqm", "pmgtrack", "pmg-spam")
    unittest.main(verbosity=2)
