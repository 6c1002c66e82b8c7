#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""F8, F9, F10, F11, F23: what scans mail crashes, hangs, runs out of memory or gets broken signatures."""

import os
import shutil
import signal
import subprocess

import harness
from harness import Gateway, GatewayCase, REPOSITORY, Sink, wait_for
from messages import EICAR, Load, is_whole, message, sealed, send, unique_id

#: A custom check that does to its caller what the message asks for; its parent is the filter worker.
HOOK = """#!/bin/sh
case "$(grep -a -m1 -o 'HOOK-[A-Z]*' "$2")" in
HOOK-CRASH) kill -SEGV $PPID; sleep 5 ;;
HOOK-STOP) kill -STOP $PPID; sleep 30 ;;
HOOK-STUCK) trap '' TERM; while :; do sleep 1; done ;;
HOOK-NOISE) yes 0123456789abcdef0123456789abcdef ;;
HOOK-COMPLAIN) yes complaint >&2 ;;
HOOK-FORKS) i=0; while [ $i -lt 150 ]; do setsid sleep MARK & i=$((i+1)); done; sleep MARK ;;
HOOK-MEMORY) prlimit --pid $PPID --as=1000000:1000000 ;;
esac
echo v1
echo OK
"""
SLEEP = "7654.321"  # told apart from everybody else's sleep


class FilterFaultCase(GatewayCase):
    """A gateway with HOOK as its custom check."""

    gateway_options: dict = {}
    mail_options: dict = {}
    admin_options: dict = {}

    @classmethod
    def setUpClass(cls) -> None:
        cls.sink = Sink()
        cls.addClassCleanup(cls.sink.__exit__)
        cls.sink.start()
        cls.gateway = Gateway(relay_port=cls.sink.port, mail={"max_filters": 4, **cls.mail_options})
        cls.addClassCleanup(cls.gateway.close)
        hook = cls.gateway.scratch_folder / "hook"
        hook.write_text(HOOK.replace("MARK", SLEEP))
        hook.chmod(0o755)
        cls.gateway.configure("admin", custom_check=1, custom_check_path=hook, **cls.admin_options)
        cls.gateway.start()

    def hooked(self, ident: str, what: str) -> bytes:
        return message(ident, f"HOOK-{what}\n")

    def in_quarantine(self, ident: str) -> dict:
        return wait_for(lambda: next((entry for entry in self.gateway.quarantine()
                                      if ident in entry["message_id"]), None),
                        30, f"{ident} in the quarantine", 0.2)

    def others_flow(self) -> None:
        ident = unique_id("other")
        self.assertEqual(send(self.gateway.external, sealed(ident))[0], 250)
        self.assertTrue(is_whole(self.sink.wait_for(ident)[0].raw))


class BeforeQueueTest(FilterFaultCase):
    mail_options = {"filter-timeout": 4}
    admin_options = {"custom_check_timeout": 2}

    def test_F9_message_that_crashes_the_filter_twice_is_quarantined_and_others_flow(self):
        ident = unique_id("poison")
        start = self.gateway.log().count("filter.worker-died")
        with Load(self.gateway, clients=3, prefix=unique_id("beside")) as load:
            load.wait_accepted(5, timeout=60)
            code, text = send(self.gateway.external, self.hooked(ident, "CRASH"))
            self.assertEqual(code, 250, text)
            load.wait_accepted(10, timeout=60)
        self.assertEqual((load.refused, load.unknown), ({}, set()))
        entry = self.in_quarantine(ident)
        self.assertEqual((entry["kind"], entry["rule"]), ("failure", "filter-failure"))
        self.assertIn("HOOK-CRASH", self.gateway.run("pmgqm", "get", entry["id"]).stdout)
        self.assertEqual(self.gateway.log().count("filter.worker-died") - start, 2)
        self.assertEqual(self.sink.find(ident), [])
        self.assertEqual(len(self.gateway.pids("filter-worker")), 4)

    def test_F11_worker_that_stops_is_killed_at_the_time_limit_and_replaced(self):
        ident = unique_id("stopped")
        start = len(self.gateway.log())
        before = set(self.gateway.pids("filter-worker"))
        with Load(self.gateway, clients=2, prefix=unique_id("beside")) as load:
            code, text = send(self.gateway.external, self.hooked(ident, "STOP"), timeout=60)
            load.wait_accepted(10, timeout=60)
        self.assertEqual((load.refused, load.unknown), ({}, set()))
        self.assertIn(code, (250, 451), text)
        self.assertIn("filter.worker-overdue", self.gateway.log()[start:])
        wait_for(lambda: len(self.gateway.pids("filter-worker")) == 4, 20, "workers to be replaced")
        self.assertNotEqual(before, set(self.gateway.pids("filter-worker")))
        self.assertEqual(self.in_quarantine(ident)["kind"], "failure")

    # ---- F23 ----
    def passes(self, what: str, event: str) -> None:
        """The check is ended, which is logged with the queue id, and counts as OK."""
        ident = unique_id("hook")
        start = len(self.gateway.log())
        code, text = send(self.gateway.external, self.hooked(ident, what), timeout=60)
        self.assertEqual(code, 250, text)
        self.sink.wait_for(ident)
        logged = self.gateway.wait_for_log(rf".*{event}.*", start=start)
        self.assertIn(text[text.index("(") + 1:text.index(")")], logged)
        self.others_flow()

    def test_F23_stuck_custom_check_is_ended_at_its_deadline(self):
        self.passes("STUCK", r"custom-check\.failed")

    def test_F23_custom_check_with_endless_output_is_ended(self):
        self.passes("NOISE", r"custom-check\.failed")

    def test_F23_custom_check_with_endless_complaints_is_ended_and_they_are_logged(self):
        self.passes("COMPLAIN", r"custom-check\.stderr")

    def test_F23_fork_bomb_leaves_no_process_behind(self):
        self.passes("FORKS", r"custom-check\.failed")
        def left() -> list[str]:
            found = subprocess.run(["pgrep", "-f", f"sleep {SLEEP}"], capture_output=True, text=True, check=False)
            return found.stdout.split()
        wait_for(lambda: not left(), 10, "the children of the custom check to be gone")

    # ---- F10 ----
    def test_F10_worker_that_runs_out_of_memory_dies_alone(self):
        """The address space of the worker is closed while it holds the message: allocations fail."""
        ident = unique_id("memory")
        with Load(self.gateway, clients=2, prefix=unique_id("beside")) as load:
            content = self.hooked(ident, "MEMORY") + b"0123456789abcdef" * 4 * 100_000
            code, text = send(self.gateway.external, content.replace(b"f0", b"f\r\n0"), timeout=60)
            load.wait_accepted(10, timeout=60)
        self.assertEqual((load.refused, load.unknown), ({}, set()))
        self.assertIn(code, (250, 451), text)
        if code == 250:
            self.assertEqual(self.in_quarantine(ident)["kind"], "failure")
        self.assertEqual(self.sink.find(ident), [], "delivered without having been judged")
        print(f"reply {code} {text}", flush=True)
        for pid in self.gateway.pids("filter-worker"):
            os.kill(pid, signal.SIGUSR1)  # none keeps its limit


class AfterQueueTest(FilterFaultCase):
    mail_options = {"before_queue_filtering": 0, "filter-timeout": 4}

    def test_F9_attempts_are_persisted_before_the_filter_is_asked(self):
        poison, good = unique_id("poison"), unique_id("good")
        self.assertEqual(send(self.gateway.external, self.hooked(poison, "CRASH"))[0], 250)
        self.assertEqual(send(self.gateway.external, sealed(good))[0], 250)
        self.sink.wait_for(good)
        self.assertEqual(self.in_quarantine(poison)["kind"], "failure")
        self.assertEqual(self.sink.find(poison), [])
        self.others_flow()

    def test_F9_crash_of_the_whole_gateway_with_the_message_counts_as_well(self):
        """The worker hangs over the message, and everything is killed: that attempt is not forgotten."""
        slow = unique_id("slow")
        self.gateway.configure("mail", **{"filter-timeout": 600})
        self.assertEqual(send(self.gateway.external, self.hooked(slow, "STOP"))[0], 250)
        for _ in range(2):
            wait_for(lambda: any(self.stopped(pid) for pid in self.gateway.pids("filter-worker")), 30,
                     "a worker to hang over the message")
            self.gateway.kill_all()
            self.gateway.start()
        self.assertEqual(self.in_quarantine(slow)["kind"], "failure")
        self.others_flow()

    @staticmethod
    def stopped(pid: int) -> bool:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                return file.read().rpartition(")")[2].split()[0] == "T"
        except FileNotFoundError:
            return False

    def test_mail_waits_unfiltered_while_the_filter_is_away(self):
        ident = unique_id("away")
        master = self.gateway.pids("pmg-smtp-filter")
        os.kill(master[0], signal.SIGKILL)
        self.assertEqual(send(self.gateway.external, sealed(ident))[0], 250)
        self.assertTrue(is_whole(self.sink.wait_for(ident, timeout=60)[0].raw))


class SignaturesTest(GatewayCase):
    """F8: signature files are replaced by broken ones under load."""

    def virus_is_found(self) -> None:
        ident = unique_id("virus")
        code, text = send(self.gateway.internal, message(ident, EICAR + "\n"), "a@example.com", "b@outside.test")
        self.assertEqual(code, 554, text)

    def replace(self, name: str, content: bytes) -> None:
        fresh = self.gateway.scratch_folder / name
        fresh.write_bytes(content)
        fresh.chmod(0o644)
        shutil.move(fresh, self.gateway.signatures / name)

    def test_F8_broken_signatures_change_nothing_and_good_ones_take_effect(self):
        good = (REPOSITORY / "resources/signatures/portcullis.ndb").read_bytes()
        self.virus_is_found()
        with Load(self.gateway, clients=3, prefix=unique_id("reload")) as load:
            load.wait_accepted(5, timeout=60)
            for broken in (good[:len(good) // 2 - 3], b"not:a:signature\n", b"", os.urandom(3000)):
                start = len(self.gateway.log())
                self.replace("portcullis.ndb", broken)
                self.gateway.wait_for_log(r"filter\.reload-failed.*", start=start, timeout=30)
                self.virus_is_found()
                load.wait_accepted(3, timeout=60)
            # A new signature among the old ones finds what nobody knew before.
            start = len(self.gateway.log())
            word = "PORTCULLIS-NEW-VIRUS-" + unique_id("sig")
            fresh = unique_id("new")
            self.assertEqual(send(self.gateway.internal, message(fresh, word + "\n"), "a@example.com",
                                  "b@outside.test")[0], 250)
            self.replace("portcullis.ndb", good + f"Test-New-Virus:0:*:{word.encode().hex()}\n".encode())
            self.gateway.wait_for_log(r"clamav\.loaded", start=start)
            wait_for(lambda: send(self.gateway.internal, message(unique_id("new"), word + "\n"), "a@example.com",
                                  "b@outside.test")[0] == 554, 20, "the new signature to find its virus", 0.3)
            load.wait_accepted(3, timeout=60)
        self.assertEqual((load.refused, load.unknown), ({}, set()))
        self.virus_is_found()


if __name__ == "__main__":
    harness.main()
