#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares our spam engine with Debian's SpamAssassin on the same messages with the same configuration.

  run.py --ours BUILD/bin/bench_parity [--sample N] [--each N] [--set N] [--site DIR] [--cache DIR]
         [--sub-rules] [--json FILE] DIR|FILE ...

Prints, by corpus, the share of messages with the same verdict at 5.0, with exactly the same tests, and
the mean difference of the scores; then the tests that differ by frequency. Answers of SpamAssassin are
kept in the cache: it takes some 80 ms a message. Ends with 77 where SpamAssassin is missing.
"""
import argparse
import json
import sys

import parity


def with_sub_rules(answer):
    return set(answer['hits']) | {name for name, hits in answer['subhits'].items() if hits}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--ours', required=True)
    parser.add_argument('--sample', type=int, default=0, help='so many messages in all')
    parser.add_argument('--each', type=int, default=0, help='so many messages of each folder')
    parser.add_argument('--seed', type=int, default=4)
    parser.add_argument('--set', type=int, default=0)
    parser.add_argument('--site', help='site directory for both engines')
    parser.add_argument('--sub-rules', action='store_true', help='compare sub-rules, too; runs all of them')
    parser.add_argument('--cache')
    parser.add_argument('--json')
    parser.add_argument('paths', nargs='+')
    arguments = parser.parse_args()
    if parity.oracle_is_missing():
        return 77
    files = parity.messages(arguments.paths, arguments.sample, arguments.each, arguments.seed)
    options = ['--set', str(arguments.set)] + (['--site', arguments.site] if arguments.site else [])
    theirs = parity.ask_oracle(files, options, arguments.cache)
    ours = parity.ask([arguments.ours] + options
                      + (['--complete'] if arguments.sub_rules else []), files)
    parity.print_by_corpus(files, theirs, ours)
    comparison = parity.Comparison(files, theirs, ours,
                                   with_sub_rules if arguments.sub_rules else parity.tests_of)
    comparison.print_summary()
    if arguments.json:
        with open(arguments.json, 'w', encoding='utf-8') as report:
            json.dump({'total': comparison.total, 'lacking': comparison.lacking,
                       'extra': comparison.extra, 'examples': comparison.examples,
                       'difference': comparison.mean_difference()}, report, indent=1)
    return 0


if __name__ == '__main__':
    sys.exit(main())
