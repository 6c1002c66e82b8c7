# SPDX-License-Identifier: GPL-2.0-or-later
"""The systems that are compared. Each listens on loopback below a folder of its own, relays everything to
one sink, and is gone after stop()."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from accounting import CpuGroup

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "integration/gateway"))
import harness  # noqa: E402  (the gateway of the integration tests)

POSTFIX_FILES = Path("/etc/postfix")
RSPAMD_OFFLINE = ("rbl", "fuzzy_check", "asn", "spf", "dkim", "dmarc", "arc", "mx_check", "url_redirector",
                  "dkim_signing")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port: int, seconds: float = 60) -> None:
    def answers():
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False
    harness.wait_for(answers, seconds, f"port {port}")


def make_certificate(folder: Path) -> Path:
    """One key and certificate for all: P-256, self-signed."""
    file = folder / "bench.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=bench.example.com", "-keyout", folder / "key.pem",
                    "-out", folder / "cert.pem"], check=True, capture_output=True)
    file.write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())
    file.chmod(0o644)
    return file


class System:
    """What all have in common: a name, a port, a control group."""

    name = ""

    def __init__(self, folder: Path, sink_port: int, certificate: Path) -> None:
        self.folder = folder / self.name.replace(" ", "-").replace("+", "and")
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o755)
        self.sink_port = sink_port
        self.certificate = certificate
        self.group = CpuGroup(self.name.replace(" ", "-").replace("+", "and"))
        self.database: CpuGroup | None = None
        self.port = 0

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        """Ends what still runs in the group: only our own children can be in it."""
        deadline = time.monotonic() + 20
        while (pids := self.group.pids()) and time.monotonic() < deadline:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)
        self.group.remove()


class Portcullis(System):
    """Our gateway as `portcullis run` starts it, PostgreSQL included."""

    mail: dict = {}

    def start(self) -> None:
        settings = {"content_filter": 0, "tls": 1, "conn_count_limit": 0, "conn_rate_limit": 0,
                    "message_rate_limit": 0, "smtpd_threads": 0, "minimal_backoff": 300,
                    "maximal_backoff": 4000, "max_smtpd_in": 100, **self.mail}
        os.environ["TMPDIR"] = str(self.folder)
        harness.tempfile.tempdir = None
        self.gateway = harness.Gateway(relay_port=self.sink_port, mail=settings)
        for key, value in self.mail.items():
            if value is None:
                del self.gateway.sections["mail"][key]
        self.gateway.write_conf()
        shutil.copy(self.certificate, self.gateway.etc / "pmg-tls.pem")
        with self.group.inside():
            self.gateway.start()
        self.database = CpuGroup("postgresql", self.group)
        for name in ("postgres", "postgres-backend"):
            for pid in self.gateway.pids(name):
                self.database.add(pid)
        self.port = self.gateway.external

    def stop(self) -> None:
        with contextlib.suppress(Exception):
            self.gateway.close()
        super().stop()


class PortcullisRelay(Portcullis):
    name = "portcullis relay"
    mail = {"content_filter": 0}


class PortcullisFilter(Portcullis):
    name = "portcullis filter"
    mail = {"content_filter": 1, "max_filters": None}


class Postfix(System):
    """An instance of its own. Every message is in a queue file that was flushed before 250, as always."""

    name = "postfix"
    more: dict = {}

    def start(self) -> None:
        self.port = free_port()
        self.etc = self.folder / "etc"
        for name in ("etc", "queue", "data"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        (self.etc / "main.cf").write_text("".join(f"{k} = {v}\n" for k, v in self._main().items()))
        (self.etc / "master.cf").write_text(self._master())
        for name in ("postfix-files", "dynamicmaps.cf"):
            if (POSTFIX_FILES / name).exists():
                shutil.copy(POSTFIX_FILES / name, self.etc)
        with self.group.inside():
            self._control("start")
        wait_for_port(self.port)

    def stop(self) -> None:
        with contextlib.suppress(Exception):
            self._control("stop")
        super().stop()

    def _control(self, word: str) -> None:
        done = subprocess.run(["postfix", "-c", self.etc, word], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise harness.HarnessError(f"postfix {word}: {done.stdout}{done.stderr}")

    def _main(self) -> dict:
        return {
            "compatibility_level": "3.6", "queue_directory": self.folder / "queue",
            "data_directory": self.folder / "data", "command_directory": "/usr/sbin",
            "daemon_directory": "/usr/lib/postfix/sbin", "mail_owner": "postfix",
            "setgid_group": "postdrop", "myhostname": "gateway.example.com", "mydestination": "",
            "inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4", "mynetworks": "127.0.0.0/8",
            "relayhost": f"[127.0.0.1]:{self.sink_port}", "disable_dns_lookups": "yes",
            "smtp_host_lookup": "native", "smtpd_peername_lookup": "no", "alias_maps": "",
            "local_recipient_maps": "", "maillog_file": self.folder / "mail.log",
            "maillog_file_prefixes": self.folder, "default_process_limit": 100,
            "smtpd_client_connection_count_limit": 0, "in_flow_delay": "0s",
            "qmgr_message_active_limit": 20000, "smtpd_tls_security_level": "may",
            "smtpd_tls_cert_file": self.certificate, "smtpd_tls_key_file": self.certificate,
            "smtpd_tls_session_cache_database": "", "message_size_limit": 104857600, **self.more,
        }

    def _master(self) -> str:
        lines = [f"127.0.0.1:{self.port} inet n - n - 110 smtpd"]
        for line in ("cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr",
                     "tlsmgr unix - - n 1000? 1 tlsmgr", "rewrite unix - - n - - trivial-rewrite",
                     "bounce unix - - n - 0 bounce", "defer unix - - n - 0 bounce",
                     "trace unix - - n - 0 bounce", "verify unix - - n - 1 verify",
                     "flush unix n - n 1000? 0 flush", "proxymap unix - - n - - proxymap",
                     "smtp unix - - n - - smtp", "relay unix - - n - - smtp",
                     "showq unix n - n - - showq", "error unix - - n - - error",
                     "retry unix - - n - - error", "discard unix - - n - - discard",
                     "anvil unix - - n - 1 anvil", "scache unix - - n - 1 scache",
                     "postlog unix-dgram n - n - 1 postlogd"):
            lines.append(line)
        return "\n".join(lines) + "\n"


class PostfixRspamd(Postfix):
    """Postfix with Debian's rspamd behind its milter worker: no network, no Redis, no DNS."""

    name = "postfix + rspamd"

    def start(self) -> None:
        port = free_port()
        self.more = {"smtpd_milters": f"inet:127.0.0.1:{port}", "milter_protocol": 6,
                     "milter_default_action": "tempfail", "milter_connect_timeout": "30s"}
        self._start_rspamd(port)
        super().start()

    def _start_rspamd(self, port: int) -> None:
        home = self.folder / "rspamd"
        for name in ("local.d", "override.d", "run", "data", "log"):
            (home / name).mkdir(parents=True)
        normal, controller = free_port(), free_port()
        override = {
            "options.inc": 'dns { nameserver = ["127.0.0.1:9"]; timeout = 0.1s; retransmits = 1; }\n'
                           "disable_monitoring = true;\n",
            "worker-normal.inc": f'bind_socket = "127.0.0.1:{normal}";\ncount = {os.cpu_count()};\n',
            "worker-controller.inc": f'bind_socket = "127.0.0.1:{controller}";\n',
            "worker-proxy.inc": f'bind_socket = "127.0.0.1:{port}";\n'
                                f'upstream "local" {{ default = yes; hosts = "127.0.0.1:{normal}"; }}\n',
            **{f"{module}.conf": "enabled = false;\n" for module in RSPAMD_OFFLINE},
        }
        for name, text in override.items():
            (home / "override.d" / name).write_text(text)
        for folder in (home, *home.iterdir()):
            shutil.chown(folder, "_rspamd", "_rspamd")
        variables = [f"--var={key}={value}" for key, value in
                     {"LOCAL_CONFDIR": home, "RUNDIR": home / "run", "DBDIR": home / "data",
                      "LOGDIR": home / "log"}.items()]
        with self.group.inside():
            subprocess.Popen(["rspamd", "-f", "-u", "_rspamd", "-g", "_rspamd", *variables],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=(home / "stderr").open("w"), start_new_session=True)
        wait_for_port(port, 120)


ALL = {kind.name: kind for kind in (PortcullisRelay, PortcullisFilter, Postfix, PostfixRspamd)}
