#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""F6: PostgreSQL is away, hangs or is locked. Mail flows, and what belongs into the database gets there later."""

import contextlib
import os
import signal
import subprocess
import time

import harness
from harness import GatewayCase, wait_for
from messages import GTUBE, Load, is_whole, sealed, send, unique_id


def with_spam(ident: str) -> bytes:
    """Every third message goes to the quarantine."""
    content = sealed(ident)
    return content if int(ident.rsplit("-", 1)[1]) % 3 else content + GTUBE.encode() + b"\r\n"


class DatabaseTest(GatewayCase):
    def tearDown(self) -> None:
        self.repair()

    # ---- faults ----
    @property
    def override(self):
        return self.gateway.root / "var/lib/pmg/postgres/postgresql.auto.conf"

    def break_database(self) -> None:
        """It ends, and every new start of it fails."""
        self.override.write_text("no_such_setting = 'on'\n")
        self.gateway.kill("postgres", signal.SIGINT)
        wait_for(lambda: not self.gateway.pids("postgres-backend"), 30, "PostgreSQL to end")

    def repair(self) -> None:
        for pid in self.gateway.pids("postgres") + self.gateway.pids("postgres-backend"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self.override.write_text("")
        wait_for(lambda: self.gateway.sql("SELECT 1", check=False), 90, "PostgreSQL to be back", 0.5)

    @contextlib.contextmanager
    def locked(self, tables: str):
        """Another session holds an exclusive lock, as a clumsy maintenance job would."""
        session = subprocess.Popen(["psql", "-d", self.gateway.dsn, "-XAtq"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        try:
            session.stdin.write(f"BEGIN; LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE; SELECT 'locked';\n")
            session.stdin.flush()
            self.assertEqual(session.stdout.readline(), "locked\n")
            yield
        finally:
            session.stdin.close()
            session.wait(30)
            session.stdout.close()

    # ---- what has to hold ----
    def flow(self, during, count: int = 40) -> tuple[Load, set[str]]:
        """Mail flows while `during()` lasts. Gives the load and the ids that are spam."""
        prefix = unique_id("db")
        with Load(self.gateway, clients=4, prefix=prefix, make=with_spam) as load:
            load.wait_accepted(10, timeout=60)
            during()
            load.wait_accepted(count, timeout=60)
        self.assertEqual(load.refused, {}, "refused because of the database")
        self.assertEqual(load.unknown, set())
        spam = {ident for ident in load.accepted if int(ident.rsplit("-", 1)[1]) % 3 == 0}
        for ident in set(load.accepted) - spam:
            self.assertTrue(is_whole(self.sink.wait_for(f"<{ident}@")[0].raw))
        return load, spam

    def in_quarantine(self) -> set[str]:
        return {entry["message_id"].strip("<>").split("@")[0] for entry in self.gateway.quarantine("all")}

    def assert_stored(self, load: Load, spam: set[str], before: int) -> None:
        """All of it is in the database at last, each once, and the spool has let go of it."""
        self.gateway.drain(60)
        self.assertEqual(spam - self.in_quarantine(), set())
        wanted = before + len(load.accepted)
        wait_for(lambda: self.rows() >= wanted, 60, f"{wanted} tracking rows", 0.3)
        self.assertEqual(self.rows(), wanted)
        mails = self.gateway.sql("SELECT count(*), count(DISTINCT message_id) FROM quarantine_mail")[0]
        self.assertEqual(mails[0], mails[1], "stored twice")

    def rows(self) -> int:
        return int(self.gateway.sql("SELECT count(*) FROM tracking_mail WHERE recipient = 'user@example.com'")[0][0])

    def waiting_in_spool(self) -> int:
        return sum(1 for entry in self.gateway.queue() if entry["stage"] == "quarantine")

    # ---- tests ----
    def test_F6_mail_flows_while_the_database_is_down_and_is_stored_after(self):
        before = self.rows()
        load, spam = self.flow(self.break_database)
        self.assertGreater(self.waiting_in_spool(), 0)
        failed = self.gateway.run("pmgqm", "list", check=False)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("connection", failed.stderr)
        self.repair()
        self.assert_stored(load, spam, before)

    def test_F6_mail_flows_while_the_database_hangs(self):
        before = self.rows()

        def freeze():
            self.gateway.kill("postgres-backend", signal.SIGSTOP)
            self.gateway.kill("postgres", signal.SIGSTOP)
        load, spam = self.flow(freeze)
        self.repair()
        self.assert_stored(load, spam, before)

    def test_F6_mail_flows_while_tables_are_locked(self):
        before = self.rows()
        with self.locked("quarantine_mail, tracking_mail, tracking_event, rule_document"):
            load, spam = self.flow(lambda: time.sleep(1))
            self.assertGreater(self.waiting_in_spool(), 0, "the lock did not lock")
        self.assert_stored(load, spam, before)

    def test_F6_connections_cut_under_load(self):
        before = self.rows()

        def cut():
            for _ in range(5):
                self.gateway.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                 " WHERE pid <> pg_backend_pid() AND usename = 'pmg'")
                time.sleep(0.3)
        load, spam = self.flow(cut)
        self.assert_stored(load, spam, before)

    def test_F6_gateway_starts_without_its_database_by_the_rules_of_last_time(self):
        self.assertEqual(self.gateway.stop(), 0)
        self.override.write_text("no_such_setting = 'on'\n")
        self.gateway.start()
        ident, spam = unique_id("start"), unique_id("start")
        self.assertEqual(send(self.gateway.external, sealed(ident))[0], 250)
        self.assertEqual(send(self.gateway.external, sealed(spam) + GTUBE.encode() + b"\r\n")[0], 250)
        self.sink.wait_for(ident)
        self.assertGreater(self.waiting_in_spool(), 0)
        self.repair()
        self.gateway.drain(90)
        self.assertIn(spam, self.in_quarantine())
        self.assertEqual(self.sink.find(spam), [])


if __name__ == "__main__":
    harness.main()
