# SPDX-License-Identifier: GPL-2.0-or-later
"""What the parity and quality benches share: samples of corpora, both engines' answers, the comparison."""
import collections
import hashlib
import json
import os
import random
import shutil
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ORACLE = os.path.join(HERE, 'oracle.pl')
THRESHOLD = 5.0


def oracle_is_missing():
    """Says so where it is, for the caller to end with 77."""
    if shutil.which('spamassassin') is None or shutil.which('perl') is None:
        print('skipped: SpamAssassin is not installed')
        return True
    return False


def messages(paths, count=0, each=0, seed=4):
    """Files below the paths, by name; the same sample every time. `each`: that many of every folder."""
    folders = collections.defaultdict(list)
    for path in paths:
        if os.path.isfile(path):
            folders[path].append(path)
        for folder, _, names in os.walk(path):
            folders[folder] += [os.path.join(folder, name) for name in names if not name.endswith('.tsv')]
    dice = random.Random(seed)
    found = []
    for folder in sorted(folders):
        names = sorted(folders[folder])
        found += dice.sample(names, each) if each and len(names) > each else names
    found.sort()
    if count and len(found) > count:
        found = sorted(dice.sample(found, count))
    return found


def listed(file, names):
    file.write('\n'.join(names) + '\n')
    file.flush()
    file.seek(0)
    return file


def ask(command, files, cache=None):
    """One JSON object a message, by file, from a program that reads a list of files. What is in `cache`,
    a file of one answer a line, is not asked again; it grows while answers arrive."""
    answers = {}
    if cache and os.path.exists(cache):
        with open(cache, encoding='latin-1') as stored:
            for line in stored:
                if line.endswith('}\n'):
                    answer = json.loads(line)
                    answers[answer['file']] = answer
    missing = [name for name in files if name not in answers]
    if missing:
        keeper = open(cache, 'a', encoding='latin-1') if cache else None
        # Two pipes of one program would wait for each other: the list comes from a file.
        with tempfile.TemporaryFile('w+') as names, \
                subprocess.Popen(command, stdin=listed(names, missing), stdout=subprocess.PIPE, text=True,
                                 encoding='latin-1') as program:
            for line in program.stdout:
                if line.startswith('{'):
                    answer = json.loads(line)
                    answers[answer['file']] = answer
                    if keeper:
                        keeper.write(line)
                        keeper.flush()
        if keeper:
            keeper.close()
        if program.returncode:
            raise SystemExit(f'{command[0]} ended with {program.returncode}')
    return {name: answers[name] for name in files if name in answers}


def ask_oracle(files, options, cache_folder=None):
    """SpamAssassin's answers; `options` of oracle.pl. Answers to other options are kept apart."""
    cache = None
    if cache_folder:
        os.makedirs(cache_folder, exist_ok=True)
        key = hashlib.sha256('\0'.join(options).encode()).hexdigest()[:16]
        cache = os.path.join(cache_folder, f'oracle-{key}.jsonl')
    return ask(['nice', 'perl', ORACLE, '--sections', 'score,hits'] + options, files, cache)


def tests_of(answer):
    """Names of tests that a report shows."""
    return {name for name in answer['hits'] if not name.startswith('__')}


class Comparison:
    """Two engines' answers to the same messages."""

    def __init__(self, files, theirs, ours, show=tests_of):
        self.total = collections.Counter()
        self.lacking = collections.Counter()
        self.extra = collections.Counter()
        self.examples = collections.defaultdict(list)
        self.flips = []
        self.difference = 0.0
        for name in files:
            if name in theirs and name in ours:
                self._add(name, theirs[name], ours[name], show)
            else:
                self.total['missing'] += 1

    def _add(self, name, expected, found, show):
        self.total['messages'] += 1
        agrees = (expected['score'] >= THRESHOLD) == (found['score'] >= THRESHOLD)
        self.total['verdict'] += agrees
        if not agrees:
            self.flips.append((name, expected['score'], found['score']))
        self.difference += abs(expected['score'] - found['score'])
        wanted, got = show(expected), show(found)
        self.total['tests'] += wanted == got
        for counter, names in ((self.lacking, wanted - got), (self.extra, got - wanted)):
            counter.update(names)
            for test in names:
                self.examples[test].append(name)

    def share(self, what):
        return 100.0 * self.total[what] / max(self.total['messages'], 1)

    def mean_difference(self):
        return self.difference / max(self.total['messages'], 1)

    def line(self):
        return (f"{self.total['messages']:6} {self.share('verdict'):8.2f} {self.share('tests'):8.2f}"
                f" {self.mean_difference():10.4f}")

    def print_summary(self, shown=60):
        print(f"messages {self.total['messages']}, not answered {self.total['missing']}")
        print(f"same verdict at {THRESHOLD}: {self.share('verdict'):.2f} %")
        print(f"same tests: {self.share('tests'):.2f} %")
        print(f"mean difference of scores: {self.mean_difference():.4f}")
        for title, counter in (('lacking', self.lacking), ('extra', self.extra)):
            for test, times in counter.most_common(shown):
                print(f'{title:8} {times:5}  {test:36} {self.examples[test][0]}')
        for name, expected, found in self.flips[:shown]:
            print(f'verdict  {expected:.3f} and ours {found:.3f}: {name}')


def print_by_corpus(files, theirs, ours):
    groups = collections.defaultdict(list)
    base = os.path.commonpath([os.path.dirname(name) for name in files])
    for name in files:
        groups[os.path.relpath(os.path.dirname(name), base)].append(name)
    print(f"{'folder':28} {'count':>6} {'verdict%':>8} {'tests%':>8} {'difference':>10}")
    for group in sorted(groups):
        print(f'{group:28} {Comparison(groups[group], theirs, ours).line()}')
    print(f"{'all':28} {Comparison(files, theirs, ours).line()}")
