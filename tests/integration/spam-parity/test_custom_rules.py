#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's SpamAssassin and our engine read the same custom.cf, with the stock rules, and are asked about
the same made-up messages in each score set: the same tests must hit, as often, for the same points.

  test_custom_rules.py BENCH_PARITY      ends with 77 where SpamAssassin is missing
"""
import glob
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', '..', 'bench', 'parity'))
import make_mails  # noqa: E402
import parity  # noqa: E402

DEBIAN = '/etc/spamassassin'


def make_site(folder):
    site = os.path.join(folder, 'site')
    os.mkdir(site)
    for name in glob.glob(os.path.join(DEBIAN, '*.pre')) + glob.glob(os.path.join(HERE, 'site', '*.cf')):
        shutil.copy(name, site)
    return site


def counts_of(answer):
    """How often our tests hit, sub-rules included."""
    return {name: hits for name, hits in answer['subhits'].items() if hits and 'PC_' in name}


def has_points(answer, name, points):
    """SpamAssassin names the points of one hit, and adds them once a hit; we name the sum."""
    one = answer['hits'][name]
    return min(abs(points - one), abs(points - one * answer['subhits'][name])) < 0.0005


def differences(expected, found):
    theirs, ours = expected['hits'], found['hits']
    for name in sorted(set(theirs) | set(ours)):
        if name not in ours:
            yield f'{name} lacks ({theirs[name]})'
        elif name not in theirs:
            yield f'{name} is extra ({ours[name]})'
        elif not has_points(expected, name, ours[name]):
            yield f'{name} has {ours[name]} points, not {theirs[name]}'
    counts, our_counts = counts_of(expected), counts_of(found)
    for name in sorted(set(counts) | set(our_counts)):
        if abs(counts.get(name, 0) - our_counts.get(name, 0)) > 0.0005:
            yield f'{name} hits {our_counts.get(name, 0)} times, not {counts.get(name, 0)}'
    if abs(expected['score'] - found['score']) > 0.005:
        yield f"score {found['score']}, not {expected['score']}"


def main():
    if parity.oracle_is_missing():
        return 77
    failures = 0
    tests = set()
    with tempfile.TemporaryDirectory() as folder:
        site = make_site(folder)
        files = make_mails.write(folder)
        for score_set in range(4):
            options = ['--set', str(score_set), '--site', site]
            theirs = parity.ask_oracle(files, options)
            ours = parity.ask([sys.argv[1], '--complete'] + options, files)
            for name in files:
                tests |= {test for test in theirs[name]['hits'] if test.startswith('PC_')}
                for difference in differences(theirs[name], ours[name]):
                    print(f'set {score_set}, {os.path.basename(name)}: {difference}')
                    failures += 1
    print(f'{len(tests)} of our tests hit, {failures} differences')
    return 1 if failures or len(tests) < 150 else 0


if __name__ == '__main__':
    sys.exit(main())
