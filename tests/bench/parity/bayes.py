#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Trains both engines' Bayes with the same messages and compares them on others.

  bayes.py --ours BUILD/bin/bench_parity [--learn N] [--ask N] [--set 2|3] [--work DIR] DIR ...

The folders that are called ham and spam (or phish) say what to learn: N messages of each. Prints the share
of messages in the same BAYES_* bucket besides what run.py prints. What SpamAssassin has learnt and answered
is kept in the work folder. Ends with 77 where SpamAssassin is missing.
"""
import argparse
import os
import random
import subprocess
import sys
import tempfile

import parity


def label_of(name):
    """ "ham" or "spam", by the folder; None: the folders do not tell."""
    parts = os.path.dirname(name).split('/')
    if 'ham' in parts:
        return 'ham'
    return 'spam' if 'spam' in parts or 'phish' in parts else None


def split(files, learn, ask, seed=7):
    """Messages to learn, as many of each label, and others to ask about."""
    dice = random.Random(seed)
    files = sorted(files)
    dice.shuffle(files)
    lessons = []
    for label in ('spam', 'ham'):
        lessons += [name for name in files if label_of(name) == label][:learn]
    learnt = set(lessons)
    return lessons, [name for name in files if name not in learnt and label_of(name)][:ask]


def train_oracle(lessons, home):
    """sa-learn, on copies with LF as oracle.pl has them."""
    done = os.path.join(home, 'learnt')
    if os.path.exists(done):
        return
    os.makedirs(home, exist_ok=True)
    for label in ('spam', 'ham'):
        with tempfile.TemporaryDirectory() as folder:
            for number, name in enumerate(lessons):
                if label_of(name) == label:
                    with open(name, 'rb') as source, open(os.path.join(folder, str(number)), 'wb') as copy:
                        copy.write(source.read().replace(b'\r\n', b'\n'))
            subprocess.run(['nice', 'sa-learn', '-L', f'--{label}', '--no-sync', '--prefspath=/dev/null',
                            f'--cf=bayes_path {home}/bayes', '--cf=lock_method flock',
                            '--cf=bayes_auto_expire 0', folder], check=True)
    subprocess.run(['sa-learn', '-L', '--sync', '--prefspath=/dev/null', f'--cf=bayes_path {home}/bayes'],
                   check=True)
    with open(done, 'w', encoding='ascii'):
        pass


def write_lessons(lessons, path):
    with open(path, 'w', encoding='utf-8') as file:
        for name in lessons:
            file.write(f'{label_of(name)} {name}\n')


def bucket_of(answer):
    return sorted(name for name in answer['hits'] if name.startswith('BAYES_'))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--ours', required=True)
    parser.add_argument('--learn', type=int, default=300)
    parser.add_argument('--ask', type=int, default=300)
    parser.add_argument('--set', type=int, default=2)
    parser.add_argument('--work')
    parser.add_argument('paths', nargs='+')
    arguments = parser.parse_args()
    if parity.oracle_is_missing():
        return 77
    lessons, files = split(parity.messages(arguments.paths), arguments.learn, arguments.ask)
    with tempfile.TemporaryDirectory() as temporary:
        work = os.path.abspath(arguments.work or temporary)
        home = os.path.join(work, 'bayes-home')
        train_oracle(lessons, home)
        listed = os.path.join(work, 'lessons')
        write_lessons(lessons, listed)
        theirs = parity.ask_oracle(files, ['--set', str(arguments.set), '--bayes', '--home', home,
                                           '--config', 'bayes_auto_expire 0'], work)
        ours = parity.ask([arguments.ours, '--set', str(arguments.set), '--learn', listed], files)
    both = [name for name in files if name in theirs and name in ours]
    same = [name for name in both if bucket_of(theirs[name]) == bucket_of(ours[name])]
    parity.print_by_corpus(files, theirs, ours)
    parity.Comparison(files, theirs, ours).print_summary()
    print(f'learnt {len(lessons)}, asked {len(both)}; same BAYES bucket: {100 * len(same) / max(len(both), 1):.2f} %')
    for name in both:
        if bucket_of(theirs[name]) != bucket_of(ours[name]):
            print(f'  {bucket_of(theirs[name])} and ours {bucket_of(ours[name])}: {name}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
