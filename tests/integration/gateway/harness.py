# SPDX-License-Identifier: GPL-2.0-or-later
"""A whole gateway, a mail server behind it and mail clients before it, for tests. Nothing survives the test.

The programs come from the folder PORTCULLIS_BIN, or from build/release/bin. Everything listens on loopback
only, below a temporary folder. As root the gateway drops to its own users (installer/create-users.sh).
"""

import atexit
import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
SKIPPED = 77  # ctest's SKIP_RETURN_CODE
DOMAIN = "example.com"

#: Retries soon, so that a test sees them. The checks before DATA that would hold strangers up are off, but
#: where they are what is tested (tests/integration/defence); everything else as an administrator gets it.
MAIL_DEFAULTS = {
    "greet_wait": 0,
    "greylist": 0,
    "spf": 0,
    "relaynomx": 1,
    "relay": "127.0.0.1",
    "smarthost": "127.0.0.1",
    "myhostname": "gateway.example.com",
    "minimal_backoff": 1,
    "maximal_backoff": 60,
    "conn_count_limit": 0,
    "max_filters": 4,
    "smtpd_threads": 2,
}


class HarnessError(Exception):
    """The gateway did not do what every test needs; the message says what."""


def programs_folder() -> Path:
    return Path(os.environ.get("PORTCULLIS_BIN") or REPOSITORY / "build/release/bin")


def skip_whole_file(reason: str) -> None:
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def require_programs(*names: str) -> None:
    """Ends the test file as skipped if something it needs is not installed or not built."""
    folder = programs_folder()
    needed = ("portcullis", "pmg-smtpd", "pmg-smtp-filter", "pmg-archive-inspector", "pmgdb",
              "pmg-testsink", *names)
    missing = [name for name in needed if not (folder / name).exists()]
    if missing:
        skip_whole_file(f"{', '.join(missing)} not found in {folder}")
    if shutil.which("psql") is None:
        skip_whole_file("PostgreSQL is not installed (apt-get install postgresql)")


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG: nothing survives a killed test


def wait_for(condition, timeout: float = 30, what: str = "a condition", interval: float = 0.05):
    """The first true value of `condition()`. Raises HarnessError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise HarnessError(f"waited {timeout} s in vain for {what}")
        time.sleep(interval)


class _Lines:
    """Reads the lines of a pipe for ever, so that the writer never blocks on it."""

    def __init__(self, stream) -> None:
        self.lines: list[str] = []
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream) -> None:
        with stream:
            for line in stream:
                self.lines.append(line.rstrip("\n"))

    def events(self) -> list[dict]:
        found = []
        for line in list(self.lines):
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return found


def await_ready(process: subprocess.Popen, output: _Lines, name: str, timeout: float) -> dict:
    def look():
        for event in output.events():
            if event.get("event") in ("ready", "failed"):
                return event
        return {"event": "ended"} if process.poll() is not None else None
    event = wait_for(look, timeout, f"{name} to be ready")
    if event["event"] != "ready":
        raise HarnessError(f"{name} did not start: {event}")
    return event


class Folder:
    """A temporary folder that other users may pass through, removed at the end."""

    def __init__(self, prefix: str = "portcullis-test-") -> None:
        self.path = Path(tempfile.mkdtemp(prefix=prefix))
        self.path.chmod(0o755)
        atexit.register(self.remove)

    def remove(self) -> None:
        if not os.environ.get("PORTCULLIS_KEEP"):
            shutil.rmtree(self.path, ignore_errors=True)


class Sink:
    """The mail server behind the gateway (pmg-testsink). Options as on its command line, without dashes:
    `Sink(delay=200, reject_rcpt="nobody@*=550")`. Stopped and started again it keeps its port."""

    def __init__(self, port: int = 0, **options) -> None:
        self._folder = Folder("portcullis-sink-")
        self._options = options
        self._process = None
        self._generation = 0
        self._known: dict[Path, "SunkMail"] = {}
        self.port = port

    def __enter__(self) -> "Sink":
        return self.start()

    def __exit__(self, *_) -> None:
        self.stop()
        self._folder.remove()

    def start(self, **options) -> "Sink":
        self._options.update(options)
        self._generation += 1
        folder = self._folder.path / f"{self._generation:04}"
        command = [str(programs_folder() / "pmg-testsink"), "--port", str(self.port), "--dir", str(folder)]
        for name, value in self._options.items():
            if value is None or value is False:
                continue
            for each in value if isinstance(value, (list, tuple)) else [value]:
                command.append("--" + name.replace("_", "-"))
                if each is not True:
                    command.append(str(each))
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                                         start_new_session=True, preexec_fn=_end_with_parent)
        output = _Lines(self._process.stdout)
        self.port = await_ready(self._process, output, "pmg-testsink", 20)["port"]
        return self

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def stop(self) -> None:
        """At once, as a server that is cut off: what it has just taken it may not have confirmed."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def messages(self) -> list["SunkMail"]:
        """All messages taken so far, over all starts."""
        for file in sorted(self._folder.path.glob("*/*.json")):
            if file not in self._known:
                self._known[file] = SunkMail(file)
        return list(self._known.values())

    def find(self, marker: str | bytes) -> list["SunkMail"]:
        """The messages that contain the marker (a message id, a subject …)."""
        wanted = marker.encode() if isinstance(marker, str) else marker
        return [mail for mail in self.messages() if wanted in mail.raw]

    def wait_for(self, marker: str | bytes, count: int = 1, timeout: float = 30) -> list["SunkMail"]:
        return wait_for(lambda: len(found := self.find(marker)) >= count and found, timeout,
                        f"{count} message(s) with {marker!r} at the next hop")


class SunkMail:
    """One message as the next hop got it."""

    def __init__(self, file: Path) -> None:
        envelope = json.loads(file.read_text())
        self.envelope = envelope
        self.sender: str = envelope["sender"]
        self.recipients: list[str] = [each["address"] for each in envelope["recipients"]]
        self.raw = file.with_suffix(".eml").read_bytes()


class Gateway:
    """One `portcullis run`. Use it in a `with` statement, or call start() and close().

    `mail`, `admin`, … are keys of the sections of pmg.conf; `files` are further files below etc/pmg
    (name to text); `relay_port` is the next hop for both directions.
    """

    def __init__(self, relay_port: int = 0, domains=(DOMAIN,), files: dict[str, str] | None = None,
                 arguments=(), **sections: dict) -> None:
        self._folder = Folder()
        self.root = self._folder.path / "root"
        # Messages of tests are short and lack what real mail has: SpamAssassin's rules would judge them by
        # that, so that there are only our own few.
        spam = {"rules_folder": self.root / "rules", "rbl_checks": 0}
        self.sections: dict[str, dict] = {"spam": spam, "mail": dict(MAIL_DEFAULTS)}
        if relay_port:
            self.sections["mail"].update(relayport=relay_port, smarthostport=relay_port)
        for name, keys in sections.items():
            self.sections.setdefault(name, {}).update(keys)
        self.arguments = list(arguments)
        self.process: subprocess.Popen | None = None
        self._output: _Lines | None = None
        self._errors: _Lines | None = None
        self.external = self.internal = 0
        self._binaries = self._reachable_programs()
        self.etc.mkdir(parents=True)
        self.signatures.mkdir(parents=True)
        self.write_conf()
        self.write("domains", "#relay domains\n" + "".join(f"{domain} 1\n" for domain in domains))
        for name, text in (files or {}).items():
            self.write(name, text)
        for file in (REPOSITORY / "resources/signatures").glob("*.[hn]db"):
            shutil.copy(file, self.signatures)
        shutil.copytree(REPOSITORY / "tests/support/spam-rules", self.root / "rules")

    # ---- places ----
    @property
    def etc(self) -> Path:
        return self.root / "etc/pmg"

    @property
    def signatures(self) -> Path:
        return self.root / "var/lib/clamav"

    @property
    def spool(self) -> Path:
        return self.root / "var/spool/pmg"

    @property
    def scratch_folder(self) -> Path:
        """A folder of the test's that the gateway's users can read."""
        return self._folder.path

    def program(self, name: str) -> str:
        return str(self._binaries / name)

    def _reachable_programs(self) -> Path:
        """As root the children are other users, who may not be able to enter a home directory."""
        folder = programs_folder().resolve()
        if os.geteuid() != 0 or all(parent.stat().st_mode & 0o001 for parent in (folder, *folder.parents)):
            return folder
        copy = self._folder.path / "bin"
        copy.mkdir()
        for program in folder.iterdir():
            if program.is_file() and os.access(program, os.X_OK):
                shutil.copy(program, copy)
        return copy

    # ---- configuration ----
    def conf_text(self) -> str:
        blocks = []
        for section, keys in self.sections.items():
            lines = "".join(f"\t{key} {value}\n" for key, value in keys.items())
            blocks.append(f"section: {section}\n{lines}")
        return "\n".join(blocks)

    def write_conf(self) -> None:
        self.write("pmg.conf", self.conf_text())

    def configure(self, section: str, **keys) -> None:
        """Changes keys in pmg.conf as an editor would. A value of None takes the key out."""
        values = self.sections.setdefault(section, {})
        for key, value in keys.items():
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value
        self.write_conf()

    def write(self, name: str, text: str) -> None:
        """Writes a file below etc/pmg atomically, keeping owner and mode of one that is there."""
        target = self.etc / name
        fresh = self.etc / f".{name}.new"
        fresh.write_text(text)
        fresh.chmod(0o644)
        if target.exists():
            old = target.stat()
            os.chown(fresh, old.st_uid, old.st_gid)
            fresh.chmod(old.st_mode & 0o777)
        fresh.rename(target)

    # ---- life ----
    def __enter__(self) -> "Gateway":
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_) -> None:
        self.close()

    def spawn(self) -> subprocess.Popen:
        """`portcullis run`, not waited for."""
        command = [self.program("portcullis"), "run", "--root", str(self.root), "--ext-port", "0",
                   "--int-port", "0", "--listen", "127.0.0.1", *self.arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                errors="replace", start_new_session=True, preexec_fn=_end_with_parent)

    def launch(self) -> None:
        """Starts without waiting until it is ready."""
        self.process = self.spawn()
        self._output = _Lines(self.process.stdout)
        self._errors = _Lines(self.process.stderr)

    def start(self, timeout: float = 120) -> "Gateway":
        self.launch()
        try:
            ready = await_ready(self.process, self._output, "portcullis", timeout)
        except HarnessError as error:
            raise HarnessError(f"{error}\n{self.stderr()}\n{self.log()[-3000:]}") from None
        self.external, self.internal = ready["smtp_ext"], ready["smtp_int"]
        return self

    def stop(self, timeout: float = 90) -> int:
        """SIGTERM, and the exit code."""
        if self.process is None:
            return 0
        self.process.terminate()
        code = self.process.wait(timeout)
        self._forget()
        return code

    def kill_all(self) -> None:
        """SIGKILL to every process of this gateway at once, as a power cut does to the processes."""
        while pids := self.all_pids():
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if self.process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(0.2)
        self._forget()

    def kill_supervisor(self) -> None:
        """SIGKILL to the supervisor alone; its children are left to themselves and to the next start."""
        self.process.kill()
        self._forget()

    def _forget(self) -> None:
        if self.process is not None:
            self.process.wait()
            self.process = None

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(60)
        self.kill_all()
        self._folder.remove()

    def stderr(self) -> str:
        return "\n".join(self._errors.lines) if self._errors else ""

    def events(self) -> list[dict]:
        """What the supervisor has told on stdout since the last start."""
        return self._output.events() if self._output else []

    # ---- processes ----
    def all_pids(self) -> list[int]:
        return [pid for pid, _ in self._processes()]

    def pids(self, name: str) -> list[int]:
        """Processes by name: portcullis, pmg-smtpd, pmg-smtp-filter (its master), filter-worker,
        rule-watch, resolver, fingerprints, learn, pmg-archive-inspector, postgres (its master)."""
        return [pid for pid, found in self._processes() if found == name]

    def kill(self, name: str, number: int = signal.SIGKILL) -> list[int]:
        pids = self.pids(name)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return pids

    def _processes(self) -> list[tuple[int, str]]:
        root = str(self.root).encode()
        commands, parents = {}, {}
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                commands[int(entry)] = Path("/proc", entry, "cmdline").read_bytes().split(b"\0")
                stat = Path("/proc", entry, "stat").read_text()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            state, parent = stat.rpartition(")")[2].split()[:2]
            parents[int(entry)] = int(parent)
            if state == "Z":
                del commands[int(entry)]
        found = {}
        for pid, words in commands.items():
            name = os.path.basename(words[0]).decode(errors="replace")
            is_ours = root in words or any(word.startswith(root + b"/") for word in words)
            if not is_ours or not name.startswith(("portcullis", "pmg", "postgres")):
                continue
            if name == "pmg-smtp-filter" and b"--rule-watch" in words:
                name = "rule-watch"
            elif name == "pmg-smtp-filter" and b"--fingerprints" in words:
                name = "fingerprints"
            elif name == "pmg-smtp-filter" and b"--learn" in words:
                name = "learn"
            elif name == "pmg-smtp-filter" and b"--resolver" in words:
                name = "resolver"
            found[pid] = name
        for pid in list(found):
            if found[pid] == "pmg-smtp-filter" and found.get(parents.get(pid)) in ("pmg-smtp-filter",
                                                                                  "filter-worker"):
                found[pid] = "filter-worker"
        # Children without our folder in their arguments: PostgreSQL's backends, the archive inspector.
        for pid, words in commands.items():
            parent = parents.get(pid)
            if pid not in found and parent in found:
                name = os.path.basename(words[0].split(b":")[0]).decode(errors="replace")
                found[pid] = "postgres-backend" if found[parent] == "postgres" else name
        return list(found.items())

    # ---- commands ----
    def run(self, program: str, *arguments: str, check: bool = True, **options) -> subprocess.CompletedProcess:
        """One of the pmg* commands on this gateway."""
        environment = {**os.environ, "PMG_ROOT": str(self.root)}
        done = subprocess.run([self.program(program), *map(str, arguments)], env=environment, check=False,
                              capture_output=True, text=True, errors="replace", timeout=60, **options)
        if check and done.returncode != 0:
            raise HarnessError(f"{program} {' '.join(map(str, arguments))}: exit code {done.returncode}\n"
                               f"{done.stdout}{done.stderr}")
        return done

    def run_json(self, program: str, *arguments: str):
        return json.loads(self.run(program, *arguments).stdout)

    @property
    def dsn(self) -> str:
        return (self.etc / "database.dsn").read_text().splitlines()[0]

    def sql(self, query: str, check: bool = True) -> list[list[str]]:
        """Rows of a query on the gateway's database, as text."""
        done = subprocess.run(["psql", "-d", self.dsn, "-XAtq", "-F", "\x1f", "-R", "\x1e", "-c", query],
                              capture_output=True, text=True, errors="replace", check=False, timeout=60)
        if done.returncode != 0:
            if check:
                raise HarnessError(f"psql: {done.stderr}")
            return []
        text = done.stdout.rstrip("\n")
        return [row.split("\x1f") for row in text.split("\x1e")] if text else []

    def queue(self) -> list[dict]:
        return self.run_json("pmgqueue", "--json", "list", "--all")["entries"]

    def quarantine(self, status: str = "new") -> list[dict]:
        return self.run_json("pmgqm", "list", "--json", "--status", status, "--limit", "10000")

    def tracking(self) -> list[dict]:
        query = ("SELECT coalesce(json_agg(json_build_object('queue_id', queue_id, 'sender', sender,"
                 " 'recipient', recipient, 'status', status, 'delivery', delivery, 'rule', rule,"
                 " 'reason', reason, 'reply', reply)), '[]') FROM tracking_mail")
        rows = self.sql(query, check=False)
        return json.loads(rows[0][0]) if rows else []

    def drain(self, timeout: float = 60, stages=("unfiltered", "deliverable", "quarantine")) -> None:
        """Waits until nothing is left in the given stages of the queue, trying again at once."""
        def is_empty():
            waiting = [entry for entry in self.queue() if entry["stage"] in stages]
            if waiting:
                self.run("pmgqueue", "flush", "--all", check=False)
            return not waiting
        wait_for(is_empty, timeout, "the queue to drain", 0.3)

    # ---- log ----
    def log(self) -> str:
        try:
            return (self.root / "var/log/pmg/mail.log").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def wait_for_log(self, pattern: str, timeout: float = 30, start: int = 0) -> str:
        """The first match of the pattern in mail.log after the offset `start`."""
        found = wait_for(lambda: re.search(pattern, self.log()[start:]), timeout,
                         f"/{pattern}/ in mail.log", 0.1)
        return found.group(0)


class GatewayCase(unittest.TestCase):
    """A test whose class shares one gateway and one sink; subclasses say how they are set up."""

    sink_options: dict = {}
    gateway_options: dict = {}

    @classmethod
    def setUpClass(cls) -> None:
        cls.sink = Sink(**cls.sink_options)
        cls.addClassCleanup(cls.sink.__exit__)
        cls.sink.start()
        cls.gateway = Gateway(relay_port=cls.sink.port, **cls.gateway_options)
        cls.addClassCleanup(cls.gateway.close)
        cls.gateway.start()


def main() -> None:
    """Runs the tests of the calling file as ctest wants them."""
    require_programs()
    unittest.main(verbosity=2)
