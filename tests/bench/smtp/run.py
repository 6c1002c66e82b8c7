#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures Portcullis, Postfix and Postfix with rspamd side by side, on loopback, in one run.

  run.py                    the whole matrix (about half an hour)
  run.py --quick            a small one (about a minute)
  run.py --systems 'portcullis relay,postfix' --size 4096 --connections 20

For each row every system gets the same messages from pmg-loadclient and passes them on to pmg-loadsink; the
processor time of these two is not counted. Needs root (control groups, Postfix), Postfix and, for that
system, rspamd. See docs/developer/performance.md.
"""

import argparse
import contextlib
import json
import mmap
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import systems
from accounting import CpuGroup, PeakMemory
from systems import harness

SKIPPED = 77
QUIET = 0.04      # share of a processor below which a system has nothing left to do
SETTLE = 15.0     # seconds after which it is not waited for any longer


class Sink:
    """pmg-loadsink, and how many messages it has."""

    def __init__(self, folder: Path) -> None:
        file = folder / "sink-count"
        self._process = subprocess.Popen([harness.programs_folder() / "pmg-loadsink", file],
                                         stdout=subprocess.PIPE, text=True)
        self.port = int(self._process.stdout.readline())
        with file.open("r+b") as stream:
            self._map = mmap.mmap(stream.fileno(), 8)

    def count(self) -> int:
        return int.from_bytes(self._map[:8], sys.byteorder)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


class Shape:
    """One row of the matrix."""

    def __init__(self, size: int, connections: int, per_connection: int, tls: bool, messages: int) -> None:
        self.size, self.connections, self.per_connection = size, connections, per_connection
        self.tls, self.messages = tls, messages

    def __str__(self) -> str:
        kind = "a connection each" if self.per_connection == 1 else f"{self.connections} connections"
        return f"{self.size // 1024} KB, {kind}{', STARTTLS' if self.tls else ''}"

    def command(self, port: int, messages: int, eml: str | None) -> list[str]:
        command = [str(harness.programs_folder() / "pmg-loadclient"), "--port", str(port), "--messages",
                   str(messages), "--size", str(self.size), "--connections", str(self.connections),
                   "--messages-per-connection", str(self.per_connection)]
        return command + (["--starttls"] if self.tls else []) + (["--eml", eml] if eml else [])


def matrix(quick: bool, messages: int) -> list[Shape]:
    if quick:
        return [Shape(4096, 20, 0, False, messages or 2000)]
    rows = []
    for tls in (False, True):
        for size in (4096, 51200):
            for connections, per in ((20, 0), (100, 0), (20, 1)):
                rows.append(Shape(size, connections, per, tls, messages or (5000 if size < 10000 else 2500)))
    return rows


def settle(group: CpuGroup) -> None:
    """Until the system rests: what it does afterwards (logs, tracking, removal) is part of the price."""
    deadline = time.monotonic() + SETTLE
    before = group.seconds()
    while time.monotonic() < deadline:
        time.sleep(1)
        now = group.seconds()
        if now - before < QUIET:
            return
        before = now


def await_delivery(sink: Sink, wanted: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while sink.count() < wanted and time.monotonic() < deadline:
        time.sleep(0.005)


@contextlib.contextmanager
def profile(system, file: str | None):
    """`perf record` over all processes of the system, where wanted."""
    if file is None:
        yield
        return
    pids = ",".join(map(str, system.group.pids()))
    recorder = subprocess.Popen(["perf", "record", "-q", "-F", "997", "-e", "cpu-clock", "-g", "-o", file,
                                 "-p", pids], stderr=subprocess.DEVNULL)
    time.sleep(1)
    try:
        yield
    finally:
        recorder.send_signal(signal.SIGINT)
        recorder.wait()


def measure(system, sink: Sink, shape: Shape, eml: str | None) -> dict:
    delivered = sink.count()
    cpu = system.group.seconds()
    database = system.database.seconds() if system.database else 0.0
    with PeakMemory(system.group) as memory:
        start = time.monotonic()
        done = subprocess.run(shape.command(system.port, shape.messages, eml), capture_output=True, text=True,
                              check=False, timeout=600)
        accepted = time.monotonic()
        client = json.loads(done.stdout)
        await_delivery(sink, delivered + client["accepted"], 120)
        end = time.monotonic()
        settle(system.group)
    count = max(client["accepted"], 1)
    cpu = system.group.seconds() - cpu
    database = (system.database.seconds() if system.database else 0.0) - database
    return {
        "system": system.name, "row": str(shape), "messages": client["accepted"],
        "delivered": sink.count() - delivered, "failures": client["failures"],
        "accepted_per_second": count / (accepted - start), "delivered_per_second": count / (end - start),
        "cpu_us": (cpu - database) * 1e6 / count, "database_us": database * 1e6 / count,
        "p50_ms": client["p50_ms"], "p99_ms": client["p99_ms"], "peak_bytes": memory.peak,
        "client_cpu_us": client["client_cpu_us_per_message"], "load": os.getloadavg()[0],
    }


def print_row(row: dict, reference: dict | None) -> None:
    ratios = ""
    if reference and reference is not row:
        speed = row["delivered_per_second"] / reference["delivered_per_second"]
        cost = (row["cpu_us"] + row["database_us"]) / (reference["cpu_us"] + reference["database_us"])
        ratios = f"{speed:.2f}x speed, {cost:.2f}x CPU"
    failed = f" FAILED {row['failures']}" if row["failures"] or row["delivered"] != row["messages"] else ""
    print(f"| {row['row']:32} | {row['system']:17} | {row['accepted_per_second']:8.0f} "
          f"| {row['delivered_per_second']:9.0f} | {row['cpu_us']:8.0f} | {row['database_us']:10.0f} "
          f"| {row['p50_ms']:6.1f} / {row['p99_ms']:6.1f} | {row['peak_bytes'] / 2**20:6.0f} "
          f"| {ratios}{failed} |", flush=True)


def print_head() -> None:
    print("| load | system | accepted/s | delivered/s | CPU us/msg | PostgreSQL us/msg | p50 / p99 ms | "
          "PSS MiB | against postfix |\n|---|---|---|---|---|---|---|---|---|", flush=True)


def run(options, folder: Path) -> list[dict]:
    rows = matrix(options.quick, options.messages)
    rows = [each for each in rows
            if (not options.size or each.size == options.size)
            and (not options.connections or each.connections == options.connections)
            and (not options.plain or not each.tls)]
    names = [name.strip() for name in options.systems.split(",")]
    sink = Sink(folder)
    certificate = systems.make_certificate(folder)
    running, results = [], []
    try:
        for name in names:
            system = systems.ALL[name](folder, sink.port, certificate)
            running.append(system)
            system.start()
            warm = Shape(4096, 20, 0, False, 300)
            measure(system, sink, warm, options.eml)
        print_head()
        for shape in rows:
            found = []
            for system in running:
                with profile(system, options.perf and f"{options.perf}-{len(results) + len(found)}.data"):
                    found.append(measure(system, sink, shape, options.eml))
            reference = next((row for row in found if row["system"] == "postfix"), None)
            for row in found:
                print_row(row, reference)
            results += found
    finally:
        for system in running:
            system.stop()
        sink.stop()
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one row")
    parser.add_argument("--systems", default=",".join(systems.ALL), help="names, with commas (all)")
    parser.add_argument("--messages", type=int, default=0, help="of each row")
    parser.add_argument("--size", type=int, default=0, help="only rows with this size")
    parser.add_argument("--connections", type=int, default=0, help="only rows with so many")
    parser.add_argument("--plain", action="store_true", help="only rows without STARTTLS")
    parser.add_argument("--eml", help="send the *.eml files of this folder instead of generated mail")
    parser.add_argument("--folder", default="/tmp", help="where queues lie; all on one file system")
    parser.add_argument("--perf", metavar="PREFIX", help="also record each row into PREFIX-N.data")
    parser.add_argument("--json", help="write all results to this file")
    options = parser.parse_args()
    unknown = set(name.strip() for name in options.systems.split(",")) - set(systems.ALL)
    if unknown:
        parser.error(f"no such system: {', '.join(sorted(unknown))}; there are {', '.join(systems.ALL)}")
    harness.require_programs("pmg-loadclient", "pmg-loadsink")
    for program in ("postfix", "rspamd"):
        if program in options.systems and shutil.which(program) is None:
            harness.skip_whole_file(f"{program} is not installed")
    if not CpuGroup.is_available():
        harness.skip_whole_file("needs root and a writable control group for processor time")
    folder = Path(tempfile.mkdtemp(prefix="portcullis-bench-", dir=options.folder))
    folder.chmod(0o755)
    try:
        results = run(options, folder)
    finally:
        if not os.environ.get("PORTCULLIS_KEEP"):
            shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
