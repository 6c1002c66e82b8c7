#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""F1, F2, F21: whatever was answered with 250 is found again, whole, whoever was killed and when.

Clients send numbered messages without a pause while the programs of the gateway are killed at random
moments, one, several or all of them with the supervisor. `--rounds 1000` makes it long, `--seed N` repeats
the choices of a run (not its timing).
"""

import argparse
import collections
import contextlib
import os
import random
import signal
import sys
import time
import unittest

import harness
from harness import Gateway, Sink
from messages import GTUBE, SENDER, Load, is_whole, sealed, unique_id

ROUNDS = 30
SEED = int.from_bytes(os.urandom(3))
DELIVERIES_AT_ONCE = 5

#: What is killed, with its weight; one process where there are several of a name.
VICTIMS = {"pmg-smtpd": 6, "filter-worker": 3, "pmg-smtp-filter": 2, "postgres": 2, "postgres-backend": 1,
           "rule-watch": 1, "resolver": 1}


def numbered(ident: str) -> bytes:
    """Of many sizes; every tenth is spam and goes to the quarantine."""
    number = int(ident.rsplit("-", 1)[1])
    size = (500, 4_000, 4_000, 20_000, 120_000)[number % 5]
    content = sealed(ident, size)
    return content if number % 10 else content + GTUBE.encode() + b"\r\n"


class Audit:
    """Where each accepted message is at the end, and which copies are not whole."""

    def __init__(self, gateway: Gateway, sink: Sink, prefix: str) -> None:
        self.copies: collections.Counter = collections.Counter()
        self.kept: set[str] = set()
        self.broken: list[str] = []
        self.bounced = [mail for mail in sink.messages() if SENDER in mail.recipients]
        for mail in sink.messages():
            self._count(mail.raw, prefix, self.copies)
        for entry in gateway.quarantine("all"):
            ident = entry["message_id"].strip("<>").split("@")[0]
            if ident.startswith(prefix):
                self.kept.add(ident)
        in_queue: collections.Counter = collections.Counter()
        for entry in gateway.queue():
            raw = gateway.run("pmgqueue", "show", entry["id"], "--message").stdout
            self._count(raw.encode(errors="surrogateescape"), prefix, in_queue)
        self.queued = set(in_queue)

    def _count(self, raw: bytes, prefix: str, where: collections.Counter) -> None:
        start = raw.find(b"\r\nMessage-ID: <" + prefix.encode())
        if start < 0:
            return
        ident = raw[start + 15:raw.index(b"@", start)].decode()
        where[ident] += 1
        if not is_whole(raw):
            self.broken.append(ident)

    def missing(self, accepted) -> list[str]:
        return sorted(set(accepted) - set(self.copies) - self.kept - self.queued)

    def duplicates(self) -> int:
        return sum(count - 1 for count in self.copies.values())


class CrashTest(unittest.TestCase):
    def setUp(self) -> None:
        self.sink = Sink()
        self.addCleanup(self.sink.__exit__)
        self.sink.start()
        self.gateway = Gateway(relay_port=self.sink.port,
                               mail={"destination_concurrency": DELIVERIES_AT_ONCE, "max_filters": 4})
        self.addCleanup(self.gateway.close)
        self.gateway.start()

    def audit(self, load: Load, prefix: str) -> Audit:
        self.gateway.drain(120)
        found = Audit(self.gateway, self.sink, prefix)
        print(f"{len(load.accepted)} accepted, {len(load.refused)} refused, {len(load.unknown)} without an "
              f"answer, {len(found.copies)} delivered, {len(found.kept)} in quarantine, {len(found.queued)} "
              f"in the queue, {found.duplicates()} duplicates", flush=True)
        missing = found.missing(load.accepted)
        self.assertEqual(missing, [], f"{len(missing)} accepted messages are lost")
        self.assertEqual(found.broken, [], "messages that are not whole")
        self.assertEqual(found.bounced, [], "bounces of mail that could be delivered")
        # Not one whole body a quarantine entry: each costs a process; a sample tells of the format.
        for entry in random.sample(entries := self.gateway.quarantine("all"), min(10, len(entries))):
            body = self.gateway.run("pmgqm", "get", entry["id"]).stdout.replace("\n", "\r\n")
            self.assertTrue(is_whole(body.encode()), entry["id"])
        return found

    # ---- F1, F2 ----
    def test_F1_F2_kill_at_any_moment_loses_nothing_and_doubles_only_what_was_on_its_way(self):
        chance = random.Random(SEED)
        print(f"{ROUNDS} rounds, --seed {SEED}", flush=True)
        prefix = unique_id("crash")
        killed: collections.Counter = collections.Counter()
        with Load(self.gateway, clients=8, prefix=prefix, make=numbered) as load:
            load.wait_accepted(50)
            lives = 0
            while sum(killed.values()) < ROUNDS:
                lives += 1
                # With the next hop away the queue holds hundreds of messages when it happens.
                if chance.random() < 0.5:
                    self.sink.stop()
                    killed["next hop"] += 1
                # A supervisor waits longer and longer before it starts a child again: some kills, then a new one.
                for _ in range(chance.randint(1, 4)):
                    time.sleep(chance.uniform(0, 1.5))
                    self.kill_one(chance, killed)
                    if chance.random() < 0.7:
                        load.wait_accepted(5, timeout=60)
                time.sleep(chance.uniform(0, 0.7))
                self.kill_supervisor(chance, killed)
                # One start in three is cut short as well.
                if chance.random() < 0.33:
                    self.gateway.launch()
                    time.sleep(chance.uniform(0, 1.5))
                    self.gateway.kill_supervisor()
                    killed["starting supervisor"] += 1
                self.gateway.start()
                if not self.sink.is_running:
                    self.sink.start()
                load.wait_accepted(5, timeout=60)
        print(f"killed: {dict(killed)}", flush=True)
        found = self.audit(load, prefix)
        deaths = sum(killed[who] for who in ("pmg-smtpd", "everything", "supervisor", "starting supervisor",
                                             "next hop"))
        self.assertLessEqual(found.duplicates(), deaths * DELIVERIES_AT_ONCE)
        self.assertGreater(len(load.accepted), 20 * lives, "the load was too small to prove anything")
        self.assertEqual(self.gateway.stop(), 0)

    def kill_one(self, chance: random.Random, killed: collections.Counter) -> None:
        name = chance.choices(list(VICTIMS), VICTIMS.values())[0]
        pids = self.gateway.pids(name)
        if pids:  # else it is just being started again
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(pids), signal.SIGKILL)
                killed[name] += 1

    def kill_supervisor(self, chance: random.Random, killed: collections.Counter) -> None:
        if chance.random() < 0.5:
            self.gateway.kill_all()
            killed["everything"] += 1
        else:
            self.gateway.kill_supervisor()
            killed["supervisor"] += 1

    # ---- F21 ----
    def test_F21_sigterm_under_load_ends_in_order_and_loses_nothing(self):
        prefix = unique_id("term")
        with Load(self.gateway, clients=8, prefix=prefix, make=numbered) as load:
            for _ in range(3):
                load.wait_accepted(30, timeout=60)
                self.assertEqual(self.gateway.stop(), 0)
                self.assertEqual(self.gateway.all_pids(), [])
                self.gateway.start()
            load.wait_accepted(30, timeout=60)
        found = self.audit(load, prefix)
        self.assertEqual(found.duplicates(), 0, "an orderly end delivers nothing twice")
        self.assertEqual(sorted(load.unknown), [], "sessions that were cut in the middle of a message")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seed", type=int, default=SEED)
    options, sys.argv[1:] = parser.parse_known_args()
    ROUNDS, SEED = options.rounds, options.seed
    harness.main()
