#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""F3, F13, F16, F20, R3: the disk, the next hops, the configuration, the log and another gateway misbehave."""

import os
import shutil
import socket
import subprocess
import time
import unittest

import harness
from harness import Gateway, GatewayCase, Sink, wait_for
from messages import SENDER, Load, RawClient, is_whole, sealed, send, unique_id


class DiskFullTest(unittest.TestCase):
    """F3: the queue lies on a small file system of its own."""

    MEGABYTE = 1024 * 1024

    def setUp(self) -> None:
        if os.geteuid() != 0:
            self.skipTest("mounting a small file system needs root")
        self.sink = Sink()
        self.addCleanup(self.sink.__exit__)
        self.sink.start()
        self.gateway = Gateway(relay_port=self.sink.port, mail={
            "min_free_space": self.MEGABYTE, "maxsize": 4 * self.MEGABYTE})
        self.addCleanup(shutil.rmtree, self.gateway.scratch_folder, True)
        self.gateway.spool.mkdir(parents=True)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m,mode=755", "portcullis-test",
                                  str(self.gateway.spool)], capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            self.gateway.close()
            self.skipTest(f"mount: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.gateway.spool)], check=False)
        self.addCleanup(self.gateway.close)
        self.gateway.start()

    def fill(self) -> None:
        """All that is left but 3 MB, which is less than 1.5 times the largest message."""
        free = os.statvfs(self.gateway.spool)
        size = free.f_bavail * free.f_frsize - 3 * self.MEGABYTE
        with open(self.gateway.spool / "filler", "wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)

    def test_F3_full_disk_is_answered_452_before_the_data_and_recovers_by_itself(self):
        self.sink.stop()
        accepted, refused = [], ""
        for number in range(200):
            if number == 3:
                self.fill()
            ident = unique_id("full")
            with RawClient(self.gateway.external) as client:
                client.reply()
                client.ask("EHLO client.test")
                reply = client.ask(f"MAIL FROM:<{SENDER}>")
                if not reply.startswith("250"):
                    refused = reply
                    break
                client.ask("RCPT TO:<user@example.com>")
                client.ask("DATA")
                client.send(sealed(ident, 2 * self.MEGABYTE) + b".\r\n")
                reply = client.reply()
                self.assertIn(reply[:3], ("250", "452"))
                if reply.startswith("250"):
                    accepted.append(ident)
        self.assertTrue(refused.startswith("452 4.3.1"), refused)
        self.assertGreater(len(accepted), 0)
        # What was there before is still worked on, and the room it takes is given back.
        (self.gateway.spool / "filler").unlink()
        self.sink.start()
        def is_taken() -> bool:
            with RawClient(self.gateway.external) as client:
                client.reply()
                client.ask("EHLO client.test")
                return client.ask(f"MAIL FROM:<{SENDER}>").startswith("250")
        wait_for(is_taken, 30, "mail to be taken again", 0.3)
        last = unique_id("after")
        self.assertEqual(send(self.gateway.external, sealed(last))[0], 250)
        self.gateway.drain(60)
        for ident in [*accepted, last]:
            self.assertTrue(is_whole(self.sink.wait_for(f"<{ident}@")[0].raw))

    def test_F3_disk_that_fills_up_under_load_loses_nothing(self):
        prefix = unique_id("filling")
        with Load(self.gateway, clients=4, prefix=prefix, make=lambda ident: sealed(ident, 300_000)) as load:
            load.wait_accepted(10, timeout=60)
            self.sink.stop()
            self.fill()
            wait_for(lambda: any("452" in reply for reply in load.refused.values()), 60, "a 452")
            (self.gateway.spool / "filler").unlink()
            self.sink.start()
            load.wait_accepted(5, timeout=60)
        self.assertEqual({reply[:4] for reply in load.refused.values()} - {"452 ", "(452"}, set())
        self.gateway.drain(90)
        for ident in load.accepted:
            self.assertTrue(is_whole(self.sink.wait_for(f"<{ident}@")[0].raw))


class NextHopTest(unittest.TestCase):
    """F13: next hops that are down, that hang up, that are slow."""

    def test_F13_bad_next_hops_delay_nobody_else_and_get_their_mail_in_the_end(self):
        sinks = {"good": Sink(), "down": Sink(), "flaky": Sink(drop_after=2), "slow": Sink(delay=1500),
                 "busy": Sink(reject_connect=421)}
        for sink in sinks.values():
            self.addCleanup(sink.__exit__)
            sink.start()
        sinks["down"].stop()
        transport = "".join(f"{name}.test smtp:[127.0.0.1]:{sink.port}\n" for name, sink in sinks.items())
        gateway = Gateway(domains=[f"{name}.test" for name in sinks], files={"transport": transport},
                          mail={"destination_concurrency": 2, "delivery_concurrency": 8})
        self.addCleanup(gateway.close)
        gateway.start()
        idents = {name: [unique_id(name) for _ in range(12)] for name in sinks}
        for row in zip(*idents.values()):
            for name, ident in zip(idents, row):
                self.assertEqual(send(gateway.external, sealed(ident), to=f"user@{name}.test")[0], 250)
        wait_for(lambda: len(sinks["good"].messages()) == 12, 30, "the good next hop to get its mail")
        self.assertLess(len(sinks["slow"].messages()), 12, "slow was not slow: nothing was tested")
        self.assertEqual(len(sinks["flaky"].messages()), 2)
        self.assertEqual(sinks["down"].messages() + sinks["busy"].messages(), [])
        for name, options in (("down", {}), ("flaky", {"drop_after": None}), ("busy", {"reject_connect": None})):
            sinks[name].stop()
            sinks[name].start(**options)
        gateway.drain(90)
        for name, sink in sinks.items():
            for ident in idents[name]:
                found = sink.find(f"<{ident}@")
                self.assertEqual(len(found), 1, f"{ident}: {len(found)} copies")
                self.assertTrue(is_whole(found[0].raw))
            self.assertEqual(len(sink.messages()), 12, "bounces or strays")


class ConfigurationLoadTest(GatewayCase):
    """F16: pmg.conf is rewritten under load, well, badly and half."""

    def test_F16_rewriting_the_configuration_under_load_drops_no_session(self):
        good = self.gateway.conf_text()
        target = self.gateway.etc / "pmg.conf"
        with Load(self.gateway, clients=6, per_session=50, prefix=unique_id("conf")) as load:
            load.wait_accepted(20, timeout=60)
            for number in range(12):
                if number % 3 == 0:
                    self.gateway.configure("mail", banner=f"banner {number}", max_smtpd_in=20 + number)
                elif number % 3 == 1:
                    self.gateway.write("pmg.conf", good.replace("relaynomx 1", "relaynomx perhaps"))
                else:
                    with open(target, "r+", encoding="utf-8") as file:  # as a poor editor: not atomically
                        file.truncate(len(good) // 2)
                load.wait_accepted(10, timeout=60)
            self.gateway.configure("mail", banner="the last banner")
            load.wait_accepted(10, timeout=60)
        self.assertEqual((load.refused, load.unknown, load.failed_connects), ({}, set(), 0))
        self.gateway.drain(60)
        for ident in load.accepted:
            self.assertEqual(len(self.sink.find(f"<{ident}@")), 1)
        def banner() -> str:
            with RawClient(self.gateway.external) as client:
                return client.reply()
        wait_for(lambda: "the last banner" in banner(), 20, "the last banner")


class LogTest(unittest.TestCase):
    """F20: nobody reads the pipe that the log goes to."""

    def test_F20_full_log_pipe_does_not_stop_mail(self):
        with Sink() as sink:
            gateway = Gateway(relay_port=sink.port)
            self.addCleanup(gateway.close)
            log = gateway.root / "var/log/pmg/mail.log"
            log.parent.mkdir(parents=True)
            os.mkfifo(log)
            reader = os.open(log, os.O_RDWR | os.O_NONBLOCK)
            self.addCleanup(os.close, reader)
            with self.assertRaises(BlockingIOError):
                while True:
                    os.write(reader, b"x" * 4096)
            gateway.start()
            prefix = unique_id("log")
            with Load(gateway, clients=4, prefix=prefix, pause=0) as load:
                load.wait_accepted(100, timeout=60)
            self.assertEqual((load.refused, load.unknown), ({}, set()))
            gateway.drain(60)
            for ident in load.accepted:
                self.assertEqual(len(sink.find(f"<{ident}@")), 1)
            # Once somebody reads again, lines come again and tell what was lost.
            seen = bytearray()
            def read_on() -> bool:
                try:
                    while block := os.read(reader, 65536):
                        seen.extend(block.replace(b"x", b""))
                except BlockingIOError:
                    pass
                send(gateway.external, sealed(unique_id("read")))
                return b"tracking.delivered" in seen and b"lines-dropped=" in seen
            wait_for(read_on, 30, "the log to come back and tell of lost lines", 0.3)
            self.assertEqual(gateway.stop(), 0)


class LoopTest(unittest.TestCase):
    """R3: two gateways that take each other for the next hop."""

    def test_R3_loop_of_two_gateways_ends_with_one_bounce(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with Sink() as sink:
            first = Gateway(relay_port=port, mail={"smarthostport": sink.port})
            self.addCleanup(first.close)
            first.start()
            second = Gateway(relay_port=first.external, mail={"smarthostport": sink.port},
                             arguments=["--ext-port", str(port)])
            self.addCleanup(second.close)
            second.start()
            ident = unique_id("loop")
            self.assertEqual(send(first.external, sealed(ident))[0], 250)
            bounce = wait_for(lambda: [mail for mail in sink.messages() if mail.recipients == [SENDER]], 60,
                              "the bounce")
            first.drain(30)
            second.drain(30)
            time.sleep(1)
            self.assertEqual(len(sink.messages()), 1)
            self.assertEqual(bounce[0].sender, "")
            self.assertIn(b"5.4.6", bounce[0].raw)
            hops = bounce[0].raw.count(b"with ESMTP id")
            self.assertGreater(hops, 10, "it did not loop at all")
            self.assertLessEqual(hops, 55)
            # RFC 5321 §4.5.5: nobody is told about mail with a null reverse-path.
            null = unique_id("nullloop")
            code, text = send(first.external, sealed(null), sender="")
            self.assertEqual(code, 250, text)
            for gateway in (first, second):
                gateway.drain(30)
            time.sleep(1)
            self.assertEqual(len(sink.messages()), 1)


if __name__ == "__main__":
    harness.main()
