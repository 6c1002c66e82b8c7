#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares our spam engine with Debian's SpamAssassin on the same messages with the same configuration.

  run.py --ours BUILD/bin/bench_spam [--sample N] [--set N] [--cache FILE] [--json FILE] DIR|FILE ...

Prints the share of messages with the same verdict at 5.0, with exactly the same tests, the mean
difference of the scores, and the tests that differ by frequency. Answers of SpamAssassin are kept in
the cache: it takes some 80 ms a message. Ends with 77 where SpamAssassin is missing.
"""
import argparse
import collections
import json
import os
import random
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
THRESHOLD = 5.0


def messages(paths, count):
    """Files below the paths; a sample that is the same every time."""
    found = []
    for path in paths:
        if os.path.isfile(path):
            found.append(path)
        for folder, _, names in os.walk(path):
            found += [os.path.join(folder, name) for name in names if not name.endswith('.tsv')]
    found.sort()
    if count and len(found) > count:
        found = sorted(random.Random(4).sample(found, count))
    return found


def ask(command, files):
    """One JSON object a message, by file."""
    result = subprocess.run(command, input='\n'.join(files) + '\n', stdout=subprocess.PIPE, text=True,
                            encoding='latin-1', check=True)
    answers = {}
    for line in result.stdout.splitlines():
        if line.startswith('{'):
            answer = json.loads(line)
            answers[answer['file']] = answer
    return answers


def oracle(files, arguments):
    cache = {}
    if arguments.cache and os.path.exists(arguments.cache):
        with open(arguments.cache, encoding='utf-8') as stored:
            cache = json.load(stored)
    missing = [name for name in files if name not in cache]
    if missing:
        command = ['perl', os.path.join(HERE, 'oracle.pl'), '--sections', 'score,hits']
        if arguments.set:
            command += ['--set', str(arguments.set)]
        cache.update(ask(command, missing))
        if arguments.cache:
            with open(arguments.cache, 'w', encoding='utf-8') as stored:
                json.dump(cache, stored)
    return cache


def scored(answer):
    hits = answer['hits']
    names = hits if isinstance(hits, dict) else {hit['name']: hit.get('score', 0) for hit in hits}
    return {name: points for name, points in names.items() if not name.startswith('__')}


def compare(files, theirs, ours):
    total = collections.Counter()
    lacking = collections.Counter()
    extra = collections.Counter()
    examples = {}
    difference = 0.0
    for name in files:
        if name not in theirs or name not in ours:
            total['missing'] += 1
            continue
        expected, found = theirs[name], ours[name]
        total['messages'] += 1
        total['verdict'] += (expected['score'] >= THRESHOLD) == (found['score'] >= THRESHOLD)
        difference += abs(expected['score'] - found['score'])
        wanted, got = set(scored(expected)), set(scored(found))
        total['tests'] += wanted == got
        for test in wanted - got:
            lacking[test] += 1
            examples.setdefault(test, name)
        for test in got - wanted:
            extra[test] += 1
            examples.setdefault(test, name)
    return total, lacking, extra, examples, difference


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--ours', required=True)
    parser.add_argument('--sample', type=int, default=0)
    parser.add_argument('--set', type=int, default=0)
    parser.add_argument('--cache')
    parser.add_argument('--json')
    parser.add_argument('paths', nargs='+')
    arguments = parser.parse_args()
    if shutil.which('spamassassin') is None:
        print('skipped: SpamAssassin is not installed')
        return 77
    files = messages(arguments.paths, arguments.sample)
    theirs = oracle(files, arguments)
    ours = ask([arguments.ours, '--json', '--set', str(arguments.set)], files)
    total, lacking, extra, examples, difference = compare(files, theirs, ours)
    count = max(total['messages'], 1)
    print(f"messages {total['messages']}, not answered {total['missing']}")
    print(f"same verdict at {THRESHOLD}: {100 * total['verdict'] / count:.2f} %")
    print(f"same tests: {100 * total['tests'] / count:.2f} %")
    print(f"mean difference of scores: {difference / count:.4f}")
    for title, counter in (('lacking', lacking), ('extra', extra)):
        for test, times in counter.most_common(60):
            print(f'{title:8} {times:5}  {test:36} {examples[test]}')
    if arguments.json:
        with open(arguments.json, 'w', encoding='utf-8') as report:
            json.dump({'total': total, 'lacking': lacking, 'extra': extra, 'examples': examples,
                       'difference': difference / count}, report, indent=1)
    return 0


if __name__ == '__main__':
    sys.exit(main())
