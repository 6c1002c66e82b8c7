#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares both engines with network tests: RBLs, URI lists, askdns, SPF and DKIM. Both ask the same name
server on loopback, whose zone zone.py makes up for the messages: nothing leaves the machine.

  network.py --ours BUILD/bin/bench_parity [--sample N] [--each N] [--set 1|3] [--zone FILE] DIR|FILE ...

Razor and Pyzor are off, and DMARC, for which Debian's SpamAssassin needs a library that Debian lacks. Ends
with 77 where SpamAssassin or nsd is missing.
"""
import argparse
import glob
import os
import re
import shutil
import sys
import tempfile

import parity
import zone

NOT_HERE = re.compile(r'^loadplugin\s+Mail::SpamAssassin::Plugin::(DMARC|Razor2|Pyzor|SpamCop)\b', re.M)


def make_site(folder):
    """Debian's site without the plugins that would ask elsewhere, and our network.cf."""
    site = os.path.join(folder, 'site')
    os.mkdir(site)
    for name in glob.glob('/etc/spamassassin/*.pre') + glob.glob('/etc/spamassassin/*.cf'):
        target = shutil.copy(name, site)
        with open(target, encoding='utf-8') as file:
            text = file.read()
        with open(target, 'w', encoding='utf-8') as file:
            file.write(NOT_HERE.sub(r'# \g<0>', text))
    shutil.copy(os.path.join(parity.HERE, 'network.cf'), site)
    return site


def addresses(answer):
    return re.findall(r'\bip=(\S+) ', answer['relays']['trusted'] + answer['relays']['untrusted'])


def domain_of(address):
    return address.rsplit('@', 1)[-1].strip('<>. \n').lower() if address and '@' in address else ''


def make_zone(files, site):
    """From what SpamAssassin reads out of the messages, without running a rule."""
    made = zone.Zone()
    answers = parity.ask(['nice', 'perl', parity.ORACLE, '--sections', 'uris,relays,headers,body', '--site', site,
                          '--headers', 'From:addr,EnvelopeFrom,DKIM-Signature'], files)
    for answer in answers.values():
        for address in addresses(answer):
            made.add_host(address)
        for word in re.findall(r'\b\d{4,9}\b', '\n'.join(answer['body'])):
            made.add_hashes(word, 'md5', 'word.parity.test')
        for uri in answer['uris']:
            made.add_hashes(uri['raw'], 'sha1', 'uri.parity.test')
            for domain in uri['domains']:
                made.add_web_domain(domain, [host for host, name in uri['hosts'].items() if name == domain])
        external = re.findall(r'\bip=(\S+) ', answer['relays']['external'])
        for field in ('From:addr', 'EnvelopeFrom'):
            for value in answer['headers'][field] or []:
                made.add_hashes(value.strip(), 'sha1', 'mail.parity.test')
                made.add_sender_domain(domain_of(value), external[0] if external else '192.0.2.9')
        for value in answer['headers']['DKIM-Signature'] or []:
            for domain in re.findall(r'\bd=([^;\s]+)', value):
                made.list_in(zone.SENDER_LISTS, domain.lower(), domain.lower())
        for helo in re.findall(r'\bhelo=(\S+) ', answer['relays']['external'])[:1]:
            made.add_sender_domain(helo, external[0])
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--ours', required=True)
    parser.add_argument('--sample', type=int, default=300)
    parser.add_argument('--each', type=int, default=0)
    parser.add_argument('--seed', type=int, default=5)
    parser.add_argument('--set', type=int, default=1)
    parser.add_argument('--cache')
    parser.add_argument('paths', nargs='+')
    arguments = parser.parse_args()
    if parity.oracle_is_missing():
        return 77
    if not zone.NameServer.program():
        print('skipped: nsd is not installed')
        return 77
    files = parity.messages(arguments.paths, arguments.sample, arguments.each, arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        site = make_site(folder)
        made = make_zone(files, site)
        with zone.NameServer(made) as server:
            print(f'{len(made.records)} records; asking SpamAssassin', flush=True)
            options = ['--set', str(arguments.set), '--site', site, '--dns', f'127.0.0.1:{server.port}']
            theirs = parity.ask(['nice', 'perl', parity.ORACLE, '--sections', 'score,hits'] + options, files,
                                arguments.cache)
            ours = parity.ask([arguments.ours] + options, files)
    parity.print_by_corpus(files, theirs, ours)
    parity.Comparison(files, theirs, ours).print_summary()
    return 0


if __name__ == '__main__':
    sys.exit(main())
