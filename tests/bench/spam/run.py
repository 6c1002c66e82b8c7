#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures the spam engines side by side: ours, Debian's spamd and Debian's rspamd, local tests only.

  run.py --ours BUILD/bin/bench_spam [--sample N] [--rounds N] [--json FILE] DIR|FILE ...

The same messages for all, one after the other, in turns: other work on the machine then hits all alike.
Processor time is that of all processes of a peer, from /proc, and of our scan in process. Times by the
clock are for the peers with their protocol and waiting for the processor. Ends with 77 where a peer is missing.
"""
import argparse
import concurrent.futures
import json
import pathlib
import random
import re
import subprocess
import sys
import time

import daemons

OURS = 'portcullis'


def messages(paths, count, largest, seed):
    files = []
    for path in map(pathlib.Path, paths):
        files += sorted(each for each in path.rglob('*') if each.is_file()) if path.is_dir() else [path]
    files = [each for each in files if 0 < each.stat().st_size <= largest]
    return random.Random(seed).sample(files, min(count, len(files)))


def with_crlf(content):
    return re.sub(rb'\r?\n', b'\r\n', content)


class Result:
    def __init__(self):
        self.processor = []  # Milliseconds a message, by round.
        self.walls = []      # Milliseconds.
        self.memory = 0.0    # MB

    def line(self, name, base):
        walls = sorted(self.walls)
        cost = sum(self.processor) / len(self.processor)
        return (f'| {name:12} | {cost:8.3f} | {1000 / cost:8.0f} | {walls[len(walls) // 2]:8.2f} '
                f'| {walls[len(walls) * 99 // 100]:8.2f} | {self.memory:6.0f} | {cost / base:7.1f} |')

    def as_dict(self):
        walls = sorted(self.walls)
        return {'cpu_ms': self.processor, 'p50_ms': walls[len(walls) // 2],
                'p99_ms': walls[len(walls) * 99 // 100], 'memory_mb': self.memory}


def measure_ours(program, files, result):
    output = subprocess.run([program, '--time', '--repeat', '1', '--walls'], check=True, text=True,
                            stdout=subprocess.PIPE, input=''.join(f'{each}\n' for each in files)).stdout
    result.processor.append(float(re.search(r'^cpu per message ([\d.]+) ms', output, re.M).group(1)))
    result.memory = max(result.memory, float(re.search(r'^memory (\d+) MB', output, re.M).group(1)))
    result.walls += [float(each) for each in re.findall(r'^wall ([\d.]+)$', output, re.M)]


def measure_peer(peer, contents, result):
    session = peer.process.pid
    before = daemons.seconds(session)

    def ask(content):
        begin = time.monotonic()
        peer.check(content)
        return (time.monotonic() - begin) * 1000

    with concurrent.futures.ThreadPoolExecutor(peer.connections) as pool:
        result.walls += pool.map(ask, contents)
    result.processor.append((daemons.seconds(session) - before) / len(contents) * 1000)
    result.memory = max(result.memory, daemons.memory(session))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--ours', required=True)
    parser.add_argument('--sample', type=int, default=300, help='so many messages')
    parser.add_argument('--spamd', type=int, default=60, help='so many of them for spamd, which is slow')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--largest', type=int, default=256 * 1024, help='octets of a message')
    parser.add_argument('--seed', type=int, default=4)
    parser.add_argument('--json')
    parser.add_argument('paths', nargs='+')
    arguments = parser.parse_args()
    for kind in (daemons.Spamd, daemons.Rspamd):
        if kind.program() is None:
            print(f'{kind.name} is not installed')
            return 77
    files = messages(arguments.paths, arguments.sample, arguments.largest, arguments.seed)
    if not files:
        print('no messages')
        return 77
    contents = [with_crlf(each.read_bytes()) for each in files]
    few = contents[:arguments.spamd]
    ours, slow, fast, own_few = Result(), Result(), Result(), Result()
    with daemons.Spamd() as spamd, daemons.Rspamd() as rspamd:
        for peer in (spamd, rspamd):
            for content in contents[:3] if peer is spamd else contents:
                peer.check(content)  # Warms up.
            daemons.wait_until_idle(peer.process.pid)
        for _ in range(arguments.rounds):
            measure_ours(arguments.ours, files, ours)
            measure_peer(rspamd, contents, fast)
            measure_ours(arguments.ours, files[:len(few)], own_few)
            measure_peer(spamd, few, slow)
    mean = sum(map(len, contents)) / len(contents) / 1024
    print(f'{len(files)} messages, {mean:.1f} KB in the mean, {len(few)} of them for spamd; {arguments.rounds} rounds')
    print('| engine       | CPU ms   | per core | p50 ms   | p99 ms   | MB     | ours x  |')
    print('| ------------ | -------: | -------: | -------: | -------: | -----: | ------: |')
    base = sum(ours.processor) / len(ours.processor)
    base_few = sum(own_few.processor) / len(own_few.processor)
    print(ours.line(OURS, base))
    print(fast.line(daemons.Rspamd.name, base))
    print(own_few.line(f'{OURS}, few', base_few))
    print(slow.line(daemons.Spamd.name, base_few))
    if arguments.json:
        report = {'messages': len(files), 'mean_kb': mean, OURS: ours.as_dict(), 'rspamd': fast.as_dict(),
                  f'{OURS}_few': own_few.as_dict(), 'spamd': slow.as_dict()}
        pathlib.Path(arguments.json).write_text(json.dumps(report, indent=1))
    return 0


if __name__ == '__main__':
    sys.exit(main())
