#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Greylist checks with a million triplets known, beside Debian's postgrey in the same run.

Both answer Postfix's policy protocol on a unix socket; the same client asks both for random known triplets. postgrey's
database is filled beforehand with the same triplets, in its own format. Our service keeps its rows in memory only
(what it writes to PostgreSQL is written behind and measured apart by `bench_greylist measure`). postgrey commits each
answer to disk before it gives it, which is part of its cost; ours are stored a second later.
"""

import argparse
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FILL = r"""
use BerkeleyDB; my ($dir, $count) = @ARGV;
my $env = BerkeleyDB::Env->new(-Home => $dir, -Flags => DB_CREATE|DB_RECOVER|DB_INIT_TXN|DB_INIT_MPOOL|DB_INIT_LOG)
    or die "$BerkeleyDB::Error";
tie(my %db, 'BerkeleyDB::Btree', -Filename => 'postgrey.db', -Flags => DB_CREATE, -Env => $env) or die;
my $now = time; my ($first, $last) = ($now - 7200, $now - 3600);
for my $i (0 .. $count - 1) {
    my ($name, $rest) = ('', $i);
    do { $name .= chr(ord('a') + $rest % 26); $rest = int($rest / 26) } while $rest > 0;
    my $net = $i % 60000;
    my $key = sprintf('11.%d.%d.0/%s@d%d.example/user%s@example.net', int($net / 250), $net % 250, $name, $i % 5000,
                      substr($name, 0, 2));
    $db{$key} = "$first,$last";
}
"""


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure(name: str, bench: str, pid: int, socket: str, options) -> float:
    best = 0.0
    for connections in options.connections:
        before = cpu_seconds(pid)
        out = subprocess.run([bench, "ask", socket, str(options.triplets), str(connections), str(options.seconds)],
                             check=True, capture_output=True, text=True).stdout.split()
        rate, deferred = float(out[0]), int(out[1])
        used = (cpu_seconds(pid) - before) / (rate * options.seconds) * 1e6
        print(f"| {name:10} | {connections:11} | {rate:12,.0f} | {used:13.1f} | {resident_mb(pid):7.0f} | {deferred:8} |",
              flush=True)
        best = max(best, rate)
    return best


def wait_for(path: str, process: subprocess.Popen) -> None:
    for _ in range(600):
        if Path(path).exists():
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit(f"nobody listens on {path}")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench", default="build/release/bench/bench_greylist")
    parser.add_argument("--triplets", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8])
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="greylist-"))
    folder.chmod(0o755)
    processes = []
    try:
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors, {options.triplets:,} triplets known")
        print("| service    | connections |   requests/s | CPU us/answer | RSS, MB | deferred |")
        print("| ---        |         --- |          --- |           --- |     --- |      --- |")
        ours = str(folder / "ours")
        with subprocess.Popen([options.bench, "serve", ours, str(options.triplets)], stdout=subprocess.PIPE,
                              text=True) as server:
            processes.append(server)
            server.stdout.readline()
            our_best = measure("portcullis", options.bench, server.pid, ours, options)
            server.kill()
        if not shutil.which("postgrey"):
            print("postgrey is not installed: nothing to compare with")
            return 0
        database = folder / "db"
        database.mkdir()
        subprocess.run(["perl", "-e", FILL, str(database), str(options.triplets)], check=True)
        user = "postgrey" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", "postgrey", str(folder)], check=True)
        theirs = str(folder / "theirs")
        with subprocess.Popen(["postgrey", f"--unix={theirs}", f"--dbdir={database}", f"--user={user}",
                               f"--pidfile={folder}/pid", "--auto-whitelist-clients=0", "--delay=180"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            processes.append(server)
            wait_for(theirs, server)
            their_best = measure("postgrey", options.bench, server.pid, theirs, options)
            server.terminate()
        print(f"\nratio of the best rates: {our_best / their_best:.1f}")
        return 0
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
        shutil.rmtree(folder, ignore_errors=True)


sys.exit(main())
