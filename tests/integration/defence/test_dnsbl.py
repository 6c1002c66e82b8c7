#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""DNS block lists at the gateway: filters, weights, lists of the good, IPv6, lists that lie (F7)."""

import defence
from defence import DefenceCase, reverse4, reverse6, stranger

LISTED = "203.0.113.10"
OTHER_CODE = "203.0.113.11"
TOP_OF_RANGE = "203.0.113.12"
FORGIVEN = "203.0.113.13"
HALF = "203.0.113.14"
TWICE_HALF = "203.0.113.15"
TRUSTED = "203.0.113.16"
WORST = "203.0.113.17"
LISTED6 = "2001:db8:5::10"
CLEAN6 = "2001:db8:5::11"
#: What RFC 5782 §5 wants of every list: 127.0.0.2 is on it, 127.0.0.1 is not.
TEST_POINT = "2.0.0.127 A 127.0.0.2\n"


def listing(client: str, answer: str, text: str = "") -> str:
    name = reverse6(client) if ":" in client else reverse4(client)
    return f"{name} A {answer}\n" + (f'{name} TXT "{text}"\n' if text else "")


class DnsblTest(DefenceCase):
    zones = {
        "bl.test": TEST_POINT + listing(LISTED, "127.0.0.2", "ask https://bl.test/?10 why") + listing(OTHER_CODE, "127.0.0.9")
        + listing(TOP_OF_RANGE, "127.0.0.4") + listing(FORGIVEN, "127.0.0.3") + listing(TRUSTED, "127.0.0.2")
        + listing(LISTED6, "127.0.0.2") + listing(WORST, "127.0.0.2"),
        "half.test": TEST_POINT + listing(HALF, "127.0.0.2") + listing(TWICE_HALF, "127.0.0.2")
        + listing(WORST, "127.0.0.2"),
        "other.test": TEST_POINT + listing(TWICE_HALF, "127.0.0.200"),
        "good.test": TEST_POINT + listing(FORGIVEN, "127.0.10.3"),
        # A list that closed down and lists the world, and one that does not serve this resolver (F7).
        "everybody.test": "* A 127.0.0.2\n",
        "refusing.test": "* A 127.255.255.254\n",
        "elsewhere.test": TEST_POINT + "* A 192.0.2.80\n",
    }
    mail = {"use_rbl": 1, "dnsbl_threshold": 2,
            "dnsbl_sites": "bl.test=127.0.0.[2..4]*2, half.test, other.test=127.0.0.200 good.test=127.0.10.[0..3]*-2"
                           " everybody.test*5 refusing.test*5 elsewhere.test*5"}

    def test_listed_client_is_refused_by_the_list_that_names_it(self):
        attempt = self.attempt(LISTED)
        self.assert_refused(attempt, "554 5.7.1 ", f"[{LISTED}]", "bl.test", "ask https://bl.test/?10 why")
        detail = self.assert_tracked(attempt, "dnsbl")
        self.assertEqual(detail["score"], 2)
        self.assertEqual(detail["lists"], [{"list": "bl.test", "answer": "127.0.0.2", "weight": 2}])
        self.assertEqual(self.evidence(LISTED)["recipients"], ["user@example.com"])

    def test_answers_outside_the_filter_count_nothing_and_its_last_number_counts(self):
        self.assert_taken(self.attempt(OTHER_CODE))
        self.assert_refused(self.attempt(TOP_OF_RANGE), "554 5.7.1 ", "bl.test")

    def test_weights_add_up_to_the_threshold(self):
        self.assert_taken(self.attempt(HALF))
        attempt = self.attempt(TWICE_HALF)
        self.assert_refused(attempt, "554 5.7.1 ", "half.test", "other.test")
        lists = self.assert_tracked(attempt, "dnsbl")["lists"]
        self.assertEqual({each["list"]: each["answer"] for each in lists},
                         {"half.test": "127.0.0.2", "other.test": "127.0.0.200"})

    def test_a_list_of_the_good_outweighs_a_block_list(self):
        self.assert_taken(self.attempt(FORGIVEN))

    def test_ipv6_clients_are_asked_for_by_nibbles(self):
        attempt = self.attempt(LISTED6)
        self.assert_refused(attempt, "554 5.7.1 ", LISTED6, "bl.test")
        self.assert_tracked(attempt, "dnsbl")
        self.assert_taken(self.attempt(CLEAN6))

    def test_F7_lists_that_list_everybody_or_refuse_us_refuse_nobody(self):
        self.assert_taken(self.attempt(stranger()))
        self.gateway.wait_for_log(r"dnsbl\.lists-everybody[^\n]*everybody\.test")
        self.gateway.wait_for_log(r"dnsbl\.refuses-us[^\n]*refusing\.test")
        # What still works goes on working.
        self.assert_refused(self.attempt(WORST), "554 5.7.1 ", "bl.test")

    def test_every_recipient_is_refused(self):
        attempt = self.attempt(LISTED, to=["a@example.com", "b@example.com"])
        self.assertEqual([reply[:10] for reply in attempt.rcpt], ["554 5.7.1 "] * 2)

    def test_trusted_network_is_not_asked_for(self):
        self.assert_refused(self.attempt(TRUSTED), "554 5.7.1 ")
        self.trust(TRUSTED + "/32")
        self.assert_taken(self.attempt(TRUSTED))

    def test_use_rbl_0_asks_nobody(self):
        self.configured(use_rbl=0)
        self.assert_taken(self.attempt(LISTED))

    def test_threshold_changes_what_is_enough_for_clients_already_known(self):
        self.assert_taken(self.attempt(HALF))
        self.configured(dnsbl_threshold=1)
        self.assert_refused(self.attempt(HALF), "554 5.7.1 ", "half.test")

    def test_wrong_dnsbl_sites_in_a_changed_file_keep_the_old_ones(self):
        start = len(self.gateway.log())
        self.addCleanup(self._configure, {"dnsbl_sites": self.mail["dnsbl_sites"]})
        self.gateway.configure("mail", dnsbl_sites="bl.test=127.0.0.[4..2]")
        self.gateway.wait_for_log(r"dnsbl[._](sites|syntax)", start=start)
        self.assert_refused(self.attempt(LISTED), "554 5.7.1 ", "bl.test")


if __name__ == "__main__":
    defence.main()
