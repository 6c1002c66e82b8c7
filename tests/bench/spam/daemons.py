# SPDX-License-Identifier: GPL-2.0-or-later
"""The peers, private and on loopback: processor time, memory and answers of Debian's spamd and rspamd."""
import http.client
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'parity'))
import rspamd  # noqa: E402

TICKS = os.sysconf('SC_CLK_TCK')


def processes(session):
    """(pid, seconds of processor time with those of reaped children) of a session."""
    for entry in os.listdir('/proc'):
        try:
            text = pathlib.Path('/proc', entry, 'stat').read_text() if entry.isdigit() else ''
        except OSError:
            continue
        fields = text.rpartition(')')[2].split()
        if fields and int(fields[3]) == session:
            yield int(entry), sum(map(int, fields[11:15])) / TICKS


def seconds(session):
    return sum(used for _, used in processes(session))


def memory(session):
    """Proportional set size, MB."""
    total = 0
    for pid, _ in processes(session):
        try:
            text = pathlib.Path('/proc', str(pid), 'smaps_rollup').read_text()
            total += int(re.search(r'^Pss:\s+(\d+)', text, re.M).group(1))
        except (OSError, AttributeError):
            continue
    return total / 1024


def wait_until_idle(session, quiet=3.0, longest=120.0):
    """Until it has compiled and cached what it wants to: that is not part of a message's price."""
    end = time.monotonic() + longest
    while time.monotonic() < end:
        before = seconds(session)
        time.sleep(quiet)
        if seconds(session) - before < 0.05:
            return


def end(process, folder):
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
    shutil.rmtree(folder, ignore_errors=True)


class Spamd:
    """Local tests only, one child, no Bayes."""

    name = 'spamd -L'
    connections = 1

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='bench-spamd-')
        self.port = rspamd.free_port()
        self.process = None

    @staticmethod
    def program():
        return shutil.which('spamd') or shutil.which('spamd', path='/usr/sbin:/sbin')

    def __enter__(self):
        os.chmod(self.folder, 0o755)
        command = [self.program(), '-L', '-m', '1', '--min-children=1', '-i', '127.0.0.1', '-p', str(self.port), '-x',
                   '-s', 'null', '-H', self.folder, '-r', f'{self.folder}/pid', '--cf=use_bayes 0',
                   '--cf=bayes_auto_learn 0', '--cf=lock_method flock']
        if os.getuid() == 0:
            command += ['-u', 'nobody']
            shutil.chown(self.folder, 'nobody')
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        for _ in range(300):
            try:
                self.check(b'Subject: ready?\r\n\r\nyes\r\n')
                return self
            except OSError:
                time.sleep(0.2)
        self.__exit__()
        raise SystemExit('spamd does not answer')

    def check(self, message):
        with socket.create_connection(('127.0.0.1', self.port), timeout=120) as link:
            link.sendall(b'CHECK SPAMC/1.5\r\nContent-length: %d\r\n\r\n' % len(message) + message)
            link.shutdown(socket.SHUT_WR)
            answer = b''
            while part := link.recv(65536):
                answer += part
        if b'EX_OK' not in answer:
            raise OSError(f'spamd says {answer[:80]!r}')

    def __exit__(self, *_):
        end(self.process, self.folder)


class Rspamd:
    """Local tests only: no lookups, no Redis and thus no Bayes; one worker. Four connections: its processor
    time is less when it finds work than when it wakes up for each message."""

    name = 'rspamd'
    connections = 4
    off = rspamd.OFF + ('once_received',)  # It would wait for the name of the client.

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='bench-rspamd-')
        self.port = rspamd.free_port()
        self.process = None
        self.own = threading.local()

    @staticmethod
    def program():
        return shutil.which('rspamd')

    def __enter__(self):
        local = pathlib.Path(self.folder, 'conf', 'local.d')
        local.mkdir(parents=True)
        (local.parent / 'override.d').mkdir()
        files = {f'{module}.conf': 'enabled = false;\n' for module in self.off}
        files['worker-normal.inc'] = f'bind_socket = "127.0.0.1:{self.port}";\ncount = 1;\n'
        files['worker-controller.inc'] = f'bind_socket = "127.0.0.1:{rspamd.free_port()}";\n'
        files['worker-proxy.inc'] = files['worker-fuzzy.inc'] = 'enabled = false;\n'
        files['options.inc'] = ('dns { nameserver = ["127.0.0.1:1"]; timeout = 0.05s; retransmits = 1; }\n'
                                'disable_monitoring = true;\nfilters = "chartable,regexp";\n')
        files['logging.inc'] = f'type = "file";\nfilename = "{self.folder}/log";\nlevel = "error";\n'
        for name, text in files.items():
            (local / name).write_text(text)
        variables = [f'--var={name}={self.folder}' for name in ('DBDIR', 'RUNDIR', 'LOGDIR')]
        self.process = subprocess.Popen(
            [self.program(), '-f', '-i', '-c', '/etc/rspamd/rspamd.conf', f'--var=LOCAL_CONFDIR={local.parent}',
             *variables], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        for _ in range(300):
            try:
                self.check(b'Subject: ready?\r\n\r\nyes\r\n')
                return self
            except (OSError, http.client.HTTPException):
                time.sleep(0.2)
        self.__exit__()
        raise SystemExit('rspamd does not answer')

    def check(self, message):
        link = getattr(self.own, 'link', None)
        if link is None:
            link = self.own.link = http.client.HTTPConnection('127.0.0.1', self.port, timeout=60)
        try:
            link.request('POST', '/checkv2', message, {'Connection': 'keep-alive'})
            response = link.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            self.own.link = None
            raise
        if response.status != 200:
            raise OSError(f'rspamd says {response.status}')

    def __exit__(self, *_):
        end(self.process, self.folder)
