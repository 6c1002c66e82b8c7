# SPDX-License-Identifier: GPL-2.0-or-later
"""A DNS zone made up for messages, and the server (Debian's nsd, on loopback) that answers from it.

What the lists of the stock rules say of the hosts and domains of a message is drawn from a hash of the name,
so that a zone is the same every time. A third of the names is listed somewhere.
"""
import hashlib
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import time

# list: (share listed in percent, answers)
HOST_LISTS = {
    'zen.spamhaus.org': (25, ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.10', '127.0.0.11',
                              '127.0.0.2 127.0.0.10', '127.0.0.3 127.0.0.4']),
    'list.dnswl.org': (20, ['127.0.5.0', '127.0.10.1', '127.0.15.2', '127.0.9.3']),
    'psbl.surriel.com': (10, ['127.0.0.2']),
    'bl.spamcop.net': (10, ['127.0.0.2']),
    'iadb.isipp.com': (8, ['127.0.0.1 127.2.255.1', '127.0.0.2 127.3.100.7', '127.2.255.3 127.0.1.255']),
    'bl.mailspike.net': (15, ['127.0.0.2', '127.0.0.10', '127.0.0.11', '127.0.0.12', '127.0.0.13']),
    'wl.mailspike.net': (15, ['127.0.0.17', '127.0.0.18', '127.0.0.19', '127.0.0.20']),
    'sa-trusted.bondedsender.org': (5, ['127.0.0.10']),
    'sa-accredit.habeas.com': (5, ['127.0.0.10']),
    'bl.score.senderscore.com': (8, ['127.0.0.4']),
    'ip.parity.test': (30, ['127.0.0.2', '127.0.0.4', '127.0.0.6', '127.0.0.2 127.0.0.4']),
}
DOMAIN_LISTS = {
    'multi.uribl.com': (15, ['127.0.0.2', '127.0.0.4', '127.0.0.8', '127.0.0.6']),
    'multi.surbl.org': (15, ['127.0.0.8', '127.0.0.16', '127.0.0.64', '127.0.0.128', '127.0.0.80']),
    'dbl.spamhaus.org': (15, ['127.0.1.2', '127.0.1.4', '127.0.1.5', '127.0.1.6', '127.0.1.102',
                              '127.0.1.103', '127.0.1.104']),
    'dob.sibl.support-intelligence.net': (8, ['127.0.0.2']),
    'domain.parity.test': (30, ['127.0.0.2', '127.0.0.4', '127.0.0.6', '127.0.0.2 127.0.0.4']),
}
WEB_HOST_LISTS = {'host.parity.test': (30, ['127.0.0.2'])}
SERVER_LISTS = {'server.parity.test': (30, ['127.0.0.2', '127.0.0.4'])}
SENDER_LISTS = {
    'domain.parity.test': (30, ['127.0.0.2', '127.0.0.4', '127.0.0.6', '127.0.0.2 127.0.0.4']),
    'fresh.fmb.la': (15, ['127.2.0.2', '127.2.0.14', '127.2.0.28']),
    'lookup.dkimwl.org': (30, ['127.0.2.0', '127.0.3.3', '127.0.5.4', '127.0.5.5', '127.0.5.0']),
}
NAME = re.compile(r'^(?=.{1,200}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)+$')


def draw(text, count):
    """0 … count - 1, always the same for the same text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], 'big') % count


class Zone:
    def __init__(self):
        self.records = set()

    def add(self, name, kind, data):
        name = name.lower().rstrip('.')
        if NAME.match(name):
            self.records.add((name, kind, data))

    def list_in(self, lists, key, plain):
        """`key` is what is put before the list's name: an address backwards, or a domain."""
        for name, (share, answers) in lists.items():
            if draw(name + plain, 100) < share:
                for address in answers[draw(plain + name, len(answers))].split():
                    self.add(f'{key}.{name}', 'A', address)
                self.add(f'{key}.{name}', 'TXT', f'"listed, see https://{name}/{plain}; spamcop.net"')

    def add_host(self, address):
        """An IPv4 address of a relay or a web server."""
        if re.match(r'^\d+\.\d+\.\d+\.\d+$', address):
            self.list_in(HOST_LISTS, '.'.join(reversed(address.split('.'))), address)

    def add_web_domain(self, domain, hosts):
        domain = domain.lower()
        self.list_in(DOMAIN_LISTS, domain, domain)
        server = f'198.51.{draw(domain, 100)}.{draw(domain + "x", 250)}'
        self.add(domain, 'NS', f'ns{draw(domain, 3)}.{domain}.')
        self.add(f'ns{draw(domain, 3)}.{domain}', 'A', server)
        self.list_in(SERVER_LISTS, f'ns{draw(domain, 3)}.{domain}', domain)
        self.add_host(server)
        for host in hosts:
            address = f'203.0.{draw(host, 100)}.{draw(host + "x", 250)}'
            self.add(host, 'A', address)
            self.list_in(WEB_HOST_LISTS, host, host)
            self.add_host(address)

    def add_hashes(self, text, algorithm, name):
        """Lists a half of the texts by their digests."""
        if draw(name + text, 2):
            self.add(f'{hashlib.new(algorithm, text.lower().encode("latin-1")).hexdigest()}.{name}', 'A', '127.0.0.2')

    def add_sender_domain(self, domain, address):
        """`address`: of the host that brought mail of this domain."""
        domain = domain.lower()
        self.list_in(SENDER_LISTS, domain, domain)
        records = [f'"v=spf1 ip4:{address} -all"', '"v=spf1 a mx -all"', '"v=spf1 ip4:192.0.2.1 ~all"',
                   '"v=spf1 ?all"', '"v=spf1 +all"', None, None, None]
        record = records[draw('spf' + domain, len(records))]
        if record and ':None' not in record and ('ip4:' not in record or '.' in record.split(' ')[1]):
            self.add(domain, 'TXT', record)
        if draw('mx' + domain, 2):
            self.add(domain, 'MX', f'10 mx.{domain}.')
            self.add(f'mx.{domain}', 'A', f'192.0.2.{draw(domain, 250)}')
        if draw('a' + domain, 2):
            self.add(domain, 'A', f'192.0.2.{draw("a" + domain, 250)}')



def without_cuts(zone):
    """NS records below the root are delegations, which nsd refers to instead of answering: each domain that
    has one becomes a zone of its own."""
    cuts = {name for name, kind, _ in zone.records if kind == 'NS'}

    def owner(name):
        labels = name.split('.')
        for i in range(len(labels)):
            if '.'.join(labels[i:]) in cuts:
                return '.'.join(labels[i:])
        return ''
    zones = {}
    for name, kind, data in sorted(zone.records):
        zones.setdefault(owner(name), []).append(f'{name}. {kind} {data}')
    return zones


class NameServer:
    """nsd on a free port of 127.0.0.1, from `with` to its end."""

    def __init__(self, zone):
        self.zone = zone
        self.folder = tempfile.mkdtemp(prefix='parity-dns-')
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(('127.0.0.1', 0))
            self.port = probe.getsockname()[1]
        self.process = None

    @staticmethod
    def program():
        return shutil.which('nsd') or shutil.which('nsd', path='/usr/sbin')

    def __enter__(self):
        config = (f'server:\n  ip-address: 127.0.0.1@{self.port}\n  username: ""\n  chroot: ""\n  database: ""\n'
                  f'  zonesdir: "{self.folder}"\n  pidfile: "{self.folder}/nsd.pid"\n'
                  f'  xfrdfile: "{self.folder}/xfrd.state"\n  zonelistfile: "{self.folder}/zone.list"\n'
                  f'  xfrdir: "{self.folder}"\n  server-count: 1\n  rrl-ratelimit: 0\n'
                  'remote-control:\n  control-enable: no\n')
        for number, (name, records) in enumerate(sorted(without_cuts(self.zone).items())):
            apex = (name or '') + '.'
            text = f'$TTL 300\n{apex} SOA ns.parity.test. host.parity.test. 1 3600 600 86400 300\n'
            if not name:
                text += '. NS ns.parity.test.\nns.parity.test. A 127.0.0.1\n'
            self._write(f'zone{number}', text + '\n'.join(records) + '\n')
            config += f'zone:\n  name: "{apex}"\n  zonefile: "zone{number}"\n'
        self._write('nsd.conf', config)
        self.process = subprocess.Popen([self.program(), '-d', '-c', os.path.join(self.folder, 'nsd.conf')],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _write(self, name, text):
        with open(os.path.join(self.folder, name), 'w', encoding='utf-8') as file:
            file.write(text)

    def _wait(self):
        question = struct.pack('>HHHHHH', 7, 0, 1, 0, 0, 0) + b'\2ns\6parity\4test\0' + struct.pack('>HH', 1, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.3)
            for _ in range(100):
                try:
                    client.sendto(question, ('127.0.0.1', self.port))
                    if client.recv(512)[3] & 15 == 0:
                        return
                except OSError:
                    time.sleep(0.1)
        raise SystemExit('nsd does not answer')

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
