#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""F7 and F6: DNS is away, slow or lies; the database is away. Mail flows, nothing is refused for good, all heals."""

import contextlib
import signal
import time

import defence
from defence import DefenceCase, DnsStub, reverse4, stranger, wait_for
from messages import unique_id

LISTED = "203.0.113.90"
MAIL = {"use_rbl": 1, "dnsbl_sites": "bl.test bl6.test", "spf": 1, "dns_timeout": 3, "spf_timeout": 3}


class DnsDownTest(DefenceCase):
    """The name server is not there when the gateway starts; it comes, goes and comes again."""

    zones = {"bl.test": f"2.0.0.127 A 127.0.0.2\n{reverse4(LISTED)} A 127.0.0.2\n", "bl6.test": "2.0.0.127 A 127.0.0.2\n",
             "strict.test": '@ TXT "v=spf1 -all"\n', "outside.test": "@ A 192.0.2.25\n"}
    mail = MAIL

    @classmethod
    def make_gateway(cls):
        cls.names.halt()
        return super().make_gateway()

    def setUp(self) -> None:
        self.names.halt()

    def restart(self) -> None:
        """Without what resolver and lists remember."""
        self.assertEqual(self.gateway.stop(), 0)
        self.gateway.start()

    def heal(self) -> None:
        self.names.start()

    def test_F7_gateway_starts_without_dns_and_takes_mail(self):
        self.restart()
        attempt = self.attempt(LISTED, "a@strict.test")
        raw = self.assert_taken(attempt)
        self.assertRegex(raw, rb"(?i)Received-SPF: temperror")

    def test_F7_checks_work_again_when_dns_is_back(self):
        self.restart()
        self.assert_taken(self.attempt(LISTED, "a@strict.test"))
        self.heal()
        wait_for(lambda: self.attempt(stranger(), "a@strict.test").last.startswith("550 5.7.23"), 60,
                 "SPF to work again", 1)
        wait_for(lambda: self.attempt(LISTED).last.startswith("554 5.7.1"), 120, "the list to be asked again", 1)

    def test_F7_dns_that_goes_away_later_lets_mail_through(self):
        self.heal()
        self.restart()
        self.assert_refused(self.attempt(LISTED), "554 5.7.1 ")
        self.names.halt()
        self.assert_taken(self.attempt(stranger(), f"a@{unique_id('new')}.test"))

    def test_F7_without_dns_the_strict_settings_defer_and_refuse_nothing_for_good(self):
        self.restart()
        self.configured(rejectunknown=1)
        self.assert_refused(self.attempt(stranger()), "450 4.7.25 ")
        self._configure({"rejectunknown": 0, "rejectunknownsender": 1})
        self.addCleanup(self._configure, {"rejectunknownsender": None})
        self.assert_refused(self.attempt(stranger(), "a@gone.test"), "450 4.1.8 ")


class DnsLiesTest(DefenceCase):
    """A resolver that is silent, slow, or answers every question with an address."""

    mail = MAIL

    @classmethod
    def dns_server(cls) -> str:
        cls.stub = DnsStub()
        cls.addClassCleanup(cls.stub.stop)
        return cls.stub.server

    def start_with(self, answer, delay: float = 0.0) -> None:
        self.stub.answer, self.stub.delay = answer, delay
        self.assertEqual(self.gateway.stop(), 0)
        self.gateway.start()

    def test_F7_silent_resolver_holds_up_no_mail_for_good(self):
        self.start_with(lambda name, kind: None)
        self.assert_taken(self.attempt(stranger()))

    def test_F7_slow_resolver_holds_up_no_mail_for_good(self):
        self.start_with(lambda name, kind: [], delay=10)
        self.assert_taken(self.attempt(stranger()))

    def test_F7_slow_resolver_blocks_no_other_session(self):
        self.start_with(lambda name, kind: [], delay=10)
        self.trust("198.51.100.250")
        with contextlib.ExitStack() as stack:
            waiting = [stack.enter_context(defence.Dialogue(self.gateway.external, as_client=stranger()))
                       for _ in range(20)]
            for session in waiting:
                session.ehlo()
                session.ask("MAIL FROM:<a@outside.test>")
                session.send(b"RCPT TO:<user@example.com>\r\n")
            for _ in range(3):
                self.assert_taken(self.attempt("198.51.100.250"))
            self.assertEqual({session.reply()[:3] for session in waiting}, {"250"})

    def test_F7_lying_resolver_lists_nobody(self):
        for lie in ("127.0.0.2", "127.255.255.254", "192.0.2.66"):
            with self.subTest(lie=lie):
                self.start_with(lambda name, kind, lie=lie: [lie])
                for _ in range(3):
                    self.assert_taken(self.attempt(stranger()))

    def test_F7_resolver_that_begins_to_lie_is_found_out(self):
        lists = {reverse4(LISTED) + ".bl.test": ["127.0.0.2"], "2.0.0.127.bl.test": ["127.0.0.2"],
                 "2.0.0.127.bl6.test": ["127.0.0.2"]}
        self.start_with(lambda name, kind: lists.get(name, []))
        self.assert_refused(self.attempt(LISTED), "554 5.7.1 ")
        self.assert_taken(self.attempt(stranger()))
        self.stub.answer = lambda name, kind: ["127.255.255.254"]
        for _ in range(3):
            self.assert_taken(self.attempt(stranger()))
        self.gateway.wait_for_log(r"dnsbl\.refuses-us")


class DatabaseTest(DefenceCase):
    """PostgreSQL away: greylisting and the allow list go on from memory and from the rules cache."""

    DELAY = 2
    mail = {"greylist": 1, "greylist_delay": DELAY}

    @property
    def override(self):
        return self.gateway.root / "var/lib/pmg/postgres/postgresql.auto.conf"

    def break_database(self) -> None:
        self.addCleanup(self.repair)
        self.override.write_text("no_such_setting = 'on'\n")
        self.gateway.kill("postgres", signal.SIGINT)
        wait_for(lambda: not self.gateway.pids("postgres-backend"), 30, "PostgreSQL to end")

    def repair(self) -> None:
        self.override.write_text("")
        wait_for(lambda: self.gateway.sql("SELECT 1", check=False), 90, "PostgreSQL to be back", 0.5)

    def wait_for_greylisting(self, stranger_address: str) -> None:
        """Until what the database knows is in memory, everybody passes."""
        def is_deferred() -> bool:
            sender = f"a@{unique_id('known')}.outside.test"
            return self.attempt(stranger_address, sender).last.startswith("450 4.7.1 ")
        wait_for(is_deferred, 60, "greylisting to begin", 0.5)

    def test_F6_greylisting_goes_on_from_memory_and_is_written_later(self):
        sender, client = f"a@{unique_id('db')}.outside.test", "198.18.20.1"
        self.wait_for_greylisting("198.18.19.1")
        self.break_database()
        self.assert_refused(self.attempt(client, sender), "450 4.7.1 ")
        time.sleep(self.DELAY + 1.1)
        self.assert_taken(self.attempt(client, sender))
        self.repair()
        wait_for(lambda: self.gateway.sql(f"SELECT 1 FROM greylist_triplet WHERE sender LIKE '%{sender}'",
                                          check=False), 60, "the triplet in the database", 0.5)

    def test_F6_without_database_at_the_start_nobody_is_deferred_until_it_is_there(self):
        self.assertEqual(self.gateway.stop(), 0)
        self.override.write_text("no_such_setting = 'on'\n")
        self.addCleanup(self.repair)
        self.gateway.start()
        self.assert_taken(self.attempt("198.18.21.1"))
        self.repair()
        self.wait_for_greylisting("198.18.22.1")

    def test_F6_allow_list_holds_without_database(self):
        client = "198.18.23.1"
        self.allow("ip", client)
        wait_for(lambda: self.attempt(client).is_taken, 20, "the allow list to be read")
        self.break_database()
        self.assert_taken(self.attempt(client))
        self.assertEqual(self.gateway.stop(), 0)
        self.gateway.start()
        self.assert_taken(self.attempt(client))
        self.repair()  # before the clean-up that needs it


if __name__ == "__main__":
    defence.main()
