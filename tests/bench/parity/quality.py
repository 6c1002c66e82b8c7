#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How much ham is taken for spam and how much spam for ham: ours, SpamAssassin and rspamd (Debian's both) on
the same labelled mails, with and without Bayes, nobody asking the network.

  quality.py --ours BUILD/bin/bench_parity [--learn N] [--each N] [--work DIR] DIR ...

Folders called ham and spam are the labels. Bayes learns N messages of each label; of each folder N others are
asked about. Ends with 77 where SpamAssassin is missing; without rspamd its rows are left out.
"""
import argparse
import collections
import os
import sys
import tempfile

import bayes
import parity
from rspamd import Rspamd

# What rspamd's stock actions.conf calls "add header" and "reject".
RSPAMD_HEADER = 6.0
RSPAMD_REJECT = 15.0


def sample(paths, learn, each):
    """Lessons from all corpora alike, and other messages of every folder to ask about."""
    folders = collections.defaultdict(list)
    for name in parity.messages(paths):
        if bayes.label_of(name):
            folders[corpus_of(name)].append(name)
    asked = []
    rest = []
    for folder in sorted(folders):
        chosen = set(parity.messages(folders[folder], each, seed=8))
        asked += sorted(chosen)
        rest += [name for name in folders[folder] if name not in chosen]
    lessons, _ = bayes.split(rest, learn, 0)
    return lessons, asked


def corpus_of(name):
    """"…/corpora/trec07p/ham/x.eml" → "trec07p ham"."""
    parts = os.path.abspath(name).split('/')
    at = max(parts.index(label) for label in ('ham', 'spam') if label in parts)
    return f'{parts[at - 1]} {parts[at]}'


def content_of(name):
    with open(name, 'rb') as file:
        return file.read().replace(b'\r\n', b'\n').replace(b'\n', b'\r\n')


def ask_rspamd(files, lessons):
    with Rspamd() as engine:
        learnt = collections.Counter()
        for name in lessons:
            learnt[bayes.label_of(name)] += engine.learn(content_of(name), bayes.label_of(name))
        if lessons:
            print(f'rspamd learnt {dict(learnt)}', flush=True)
        return {name: engine.check(content_of(name)) for name in files}


class Table:
    def __init__(self, files):
        self.files = files
        self.corpora = sorted({corpus_of(name).split(' ')[0] for name in files})

    def head(self):
        print(f"{'':34}" + ''.join(f'{name:>26}' for name in self.corpora + ['all']))
        print(f"{'':34}" + f"{'ham flagged':>14}{'spam missed':>12}" * (len(self.corpora) + 1))

    def row(self, title, answers, threshold):
        cells = []
        for corpus in self.corpora + ['']:
            for label in ('ham', 'spam'):
                names = [name for name in self.files if answers.get(name) and bayes.label_of(name) == label
                         and corpus_of(name).startswith(corpus)]
                wrong = sum((answers[name]['score'] >= threshold) != (label == 'spam') for name in names)
                cells.append(f'{wrong}/{len(names)}')
        print(f'{title:34}' + ''.join(f'{cell:>{14 - 2 * (i % 2)}}' for i, cell in enumerate(cells)), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--ours', required=True)
    parser.add_argument('--learn', type=int, default=300)
    parser.add_argument('--each', type=int, default=150)
    parser.add_argument('--work')
    parser.add_argument('paths', nargs='+')
    arguments = parser.parse_args()
    if parity.oracle_is_missing():
        return 77
    lessons, files = sample(arguments.paths, arguments.learn, arguments.each)
    table = Table(files)
    with tempfile.TemporaryDirectory() as temporary:
        work = os.path.abspath(arguments.work or temporary)
        home = os.path.join(work, 'bayes-home')
        bayes.train_oracle(lessons, home)
        listed = os.path.join(work, 'lessons')
        bayes.write_lessons(lessons, listed)
        print(f'{len(lessons)} learnt, {len(files)} asked')
        table.head()
        table.row('ours, 5', parity.ask([arguments.ours], files), 5)
        table.row('SpamAssassin, 5', parity.ask_oracle(files, ['--set', '0'], work), 5)
        table.row('ours with Bayes, 5', parity.ask([arguments.ours, '--set', '2', '--learn', listed], files), 5)
        table.row('SpamAssassin with Bayes, 5',
                  parity.ask_oracle(files, ['--set', '2', '--bayes', '--home', home, '--config',
                                            'bayes_auto_expire 0'], work), 5)
    if Rspamd.program():
        for title, taught in (('rspamd', []), ('rspamd with Bayes', lessons)):
            answers = ask_rspamd(files, taught)
            table.row(f'{title}, add header at {RSPAMD_HEADER:g}', answers, RSPAMD_HEADER)
            table.row(f'{title}, reject at {RSPAMD_REJECT:g}', answers, RSPAMD_REJECT)
    return 0


if __name__ == '__main__':
    sys.exit(main())
