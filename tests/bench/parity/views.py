#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares the texts that rules see with SpamAssassin's, message by message and line by line.

  views.py --ours BUILD/bench/pmg-viewdump [--sample N] [--seed N] [--show N] [--cache DIR] DIR|FILE ...

Prints, for each view, the share of messages in which all of it is equal, and the first differences. Answers of
SpamAssassin are kept in the cache directory. Ends with 77 where SpamAssassin is missing.
"""
import argparse
import collections
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
QUERIES = ('Subject,From,From:addr,From:name,From:addr:host,From:addr:domain,To,To:addr,To:name,ToCc,ToCc:addr,'
           'Cc:addr,Reply-To:addr,MESSAGEID,MESSAGEID:host,Received,EnvelopeFrom,EnvelopeFrom:addr,'
           'X-SenderDomain,X-AuthorDomain,Content-Type,Content-Type:raw,Subject:raw,From:raw,Received:ip,'
           'From:first:name,To:last,X-Mailer,Date,ALL,ALL:raw,ALL-TRUSTED,ALL-INTERNAL,ALL-UNTRUSTED,'
           'ALL-EXTERNAL')
SECTIONS = 'body,visible,invisible,rawbody,full,headers,flags,relays,parts,uris'


def messages(paths, count, seed):
    found = []
    for path in paths:
        if os.path.isfile(path):
            found.append(path)
        for folder, _, names in os.walk(path):
            found += [os.path.join(folder, name) for name in names if not name.endswith('.tsv')]
    found.sort()
    if count and len(found) > count:
        found = sorted(random.Random(seed).sample(found, count))
    return found


def answers(command, files):
    result = subprocess.run(command, input='\n'.join(files) + '\n', stdout=subprocess.PIPE, text=True,
                            check=False)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return {line['file']: line for line in lines}


def oracle(files, cache):
    command = ['perl', os.path.join(HERE, 'oracle.pl'), '--sections', SECTIONS, '--headers', QUERIES]
    if not cache:
        return answers(command, files)
    os.makedirs(cache, exist_ok=True)
    known = {}
    missing = []
    for name in files:
        key = os.path.join(cache, hashlib.sha1((QUERIES + SECTIONS + name).encode()).hexdigest())
        if os.path.exists(key):
            with open(key, encoding='ascii') as stored:
                known[name] = json.load(stored)
        else:
            missing.append(name)
    for name, answer in answers(command, missing).items() if missing else []:
        known[name] = answer
        key = os.path.join(cache, hashlib.sha1((QUERIES + SECTIONS + name).encode()).hexdigest())
        with open(key, 'w', encoding='ascii') as stored:
            json.dump(answer, stored)
    return known


def views(answer):
    """View by view what is compared."""
    yield from ((name, answer[name]) for name in ('body', 'visible', 'invisible', 'rawbody', 'full', 'flags'))
    for query in sorted(answer['headers']):
        yield 'header ' + query, answer['headers'][query]
    for name in ('trusted', 'untrusted', 'internal', 'external'):
        yield 'relays ' + name, answer['relays'][name]
    parts = answer['parts']
    yield 'parts', [(part['type'], part['leaf']) for part in parts]
    yield 'parts decoded', [part.get('sha1') for part in parts if part['leaf']]
    yield 'parts charset and name', [(part['charset'], part['name'] or '') for part in parts if part['leaf']]
    yield 'parts headers', [part['headers'] for part in parts]
    uris = sorted(answer['uris'], key=lambda uri: uri['raw'])
    yield 'uris', [uri['raw'] for uri in uris]
    yield 'uris cleaned', [sorted(uri['cleaned']) for uri in uris]
    yield 'uris types', [sorted(uri['types']) for uri in uris]


def difference(theirs, ours):
    if isinstance(theirs, list) and isinstance(ours, list):
        for index, (a, b) in enumerate(zip(theirs, ours)):
            if a != b:
                return f'[{index}] {difference(a, b)}'
        return f'{len(theirs)} / {len(ours)} items: {(theirs + ours)[min(len(theirs), len(ours)):][:1]}'
    if isinstance(theirs, str) and isinstance(ours, str):
        at = next((i for i, (a, b) in enumerate(zip(theirs, ours)) if a != b), min(len(theirs), len(ours)))
        begin = max(0, at - 40)
        return f'at {at}:\n      SA   {theirs[begin:at + 60]!r}\n      ours {ours[begin:at + 60]!r}'
    return f'\n      SA   {theirs!r}\n      ours {ours!r}'


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--ours', required=True)
    parser.add_argument('--sample', type=int, default=0)
    parser.add_argument('--seed', type=int, default=4)
    parser.add_argument('--show', type=int, default=2)
    parser.add_argument('--only', default='')
    parser.add_argument('--cache', default='')
    parser.add_argument('paths', nargs='+')
    options = parser.parse_args()
    if not os.path.exists('/usr/share/perl5/Mail/SpamAssassin.pm') or not shutil.which('perl'):
        print('SpamAssassin is not installed')
        return 77
    files = messages(options.paths, options.sample, options.seed)
    theirs = oracle(files, options.cache)
    ours = answers([options.ours, '--headers', QUERIES], files)
    total = collections.Counter()
    equal = collections.Counter()
    shown = collections.defaultdict(list)
    both = [name for name in files if name in theirs and name in ours]
    for name in both:
        for (view, a), (_, b) in zip(views(theirs[name]), views(ours[name])):
            total[view] += 1
            if a == b:
                equal[view] += 1
            elif len(shown[view]) < options.show:
                shown[view].append((name, difference(a, b)))
    print(f'{len(both)} of {len(files)} messages answered by both')
    for view in total:
        print(f'{100 * equal[view] / total[view]:7.2f} %  {view}')
        for name, text in shown[view] if options.only in view else []:
            print(f'    {name}\n      {text}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
