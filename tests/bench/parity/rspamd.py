# SPDX-License-Identifier: GPL-2.0-or-later
"""A private rspamd (Debian's) on loopback, from `with` to its end: no DNS, no Redis, nothing kept."""
import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

# Modules that would ask others, or remember.
OFF = ('rbl', 'surbl', 'fuzzy_check', 'rspamd_update', 'asn', 'greylist', 'ratelimit', 'replies', 'mx_check',
       'dkim', 'dkim_signing', 'spf', 'dmarc', 'arc', 'history_redis', 'neural', 'reputation', 'url_redirector', 'clickhouse',
       'external_services', 'antivirus', 'p0f')


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Rspamd:
    """Its answers are dictionaries as of /checkv2: score, action, symbols."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='parity-rspamd-')
        self.scan_port = free_port()
        self.control_port = free_port()
        self.process = None

    @staticmethod
    def program():
        return shutil.which('rspamd')

    def __enter__(self):
        local = os.path.join(self.folder, 'conf', 'local.d')
        os.makedirs(local)
        os.makedirs(os.path.join(self.folder, 'conf', 'override.d'))
        os.chmod(self.folder, 0o700)
        files = {f'{module}.conf': 'enabled = false;\n' for module in OFF}
        files['worker-normal.inc'] = f'bind_socket = "127.0.0.1:{self.scan_port}";\ncount = 1;\n'
        files['worker-controller.inc'] = (f'bind_socket = "127.0.0.1:{self.control_port}";\ncount = 1;\n'
                                          'secure_ip = "127.0.0.1";\n')
        files['worker-proxy.inc'] = 'enabled = false;\n'
        files['worker-fuzzy.inc'] = 'enabled = false;\n'
        # A name server that nobody is: every lookup fails at once.
        files['options.inc'] = ('dns { nameserver = ["127.0.0.1:1"]; timeout = 0.05s; retransmits = 1; }\n'
                                'filters = "chartable,dkim,regexp";\n')
        files['logging.inc'] = f'type = "file";\nfilename = "{self.folder}/log";\nlevel = "error";\n'
        files['classifier-bayes.conf'] = (
            'backend = "sqlite3";\n'
            f'cache {{ type = "sqlite3"; path = "{self.folder}/learn_cache.sqlite"; }}\n'
            f'statfile {{ symbol = "BAYES_HAM"; path = "{self.folder}/ham.sqlite"; spam = false; }}\n'
            f'statfile {{ symbol = "BAYES_SPAM"; path = "{self.folder}/spam.sqlite"; spam = true; }}\n'
            'new_schema = true;\nlearn_condition = "return function() return true end";\n')
        for name, text in files.items():
            with open(os.path.join(local, name), 'w', encoding='ascii') as file:
                file.write(text)
        variables = [f'--var={name}={self.folder}' for name in ('DBDIR', 'RUNDIR', 'LOGDIR')]
        self.process = subprocess.Popen(
            [self.program(), '-f', '-i', '-c', '/etc/rspamd/rspamd.conf',
             f'--var=LOCAL_CONFDIR={self.folder}/conf'] + variables,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait(self):
        for _ in range(600):
            try:
                if self.check(b'Subject: ready?\r\n\r\nyes\r\n'):
                    return
            except (OSError, http.client.HTTPException):
                time.sleep(0.2)
        raise SystemExit('rspamd does not answer')

    def _post(self, port, path, message):
        connection = http.client.HTTPConnection('127.0.0.1', port, timeout=60)
        try:
            connection.request('POST', path, message)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def check(self, message):
        status, body = self._post(self.scan_port, '/checkv2', message)
        return json.loads(body) if status == 200 else None

    def learn(self, message, label):
        """True: learnt. rspamd refuses messages with too few tokens."""
        return self._post(self.control_port, f'/learn{label}', message)[0] == 200

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
