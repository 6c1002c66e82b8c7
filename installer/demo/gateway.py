# SPDX-License-Identifier: GPL-2.0-or-later
"""The gateway and the downstream mail server of the demonstration, as processes in a private folder."""

import ctypes
import email
import email.policy
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

CONFIGURATION = """section: mail
\trelay 127.0.0.1
\trelayport {sink}
\trelaynomx 1
\tsmarthost 127.0.0.1
\tsmarthostport {sink}
\txclient_hosts 127.0.0.1
\tmyhostname gateway.example.com
\ttls 1
\tspf 0
\tgreet_wait 0

section: admin
\temail admin@example.com

section: spam
\trbl_checks 0

section: clamav
\tarchiveblockencrypted 1
"""


PATIENCE = 30  # seconds until a new set of rules is in force

# What the demonstration changes in the factory rules, as an administrator would.
OWN_RULE = {
    "name": "Abuse desk sees all spam", "priority": 84, "direction": 0, "active": True,
    "to": ["Abuse desk"], "what": ["Spam (Level 3)"], "action": ["Accept"],
}
OWN_GROUP = {
    "class": "who", "name": "Abuse desk", "info": "Reads spam for a living",
    "objects": [{"kind": "email", "email": "abuse@example.com"}],
}
SWITCHED_ON = "Add Disclaimer"
# The demonstration's senders: by the SMTP allow list they are no strangers to greylisting.
PARTNER_NETWORK = "203.0.113.0/24"
FINAL_ACTIONS = ("Accept", "Block", "Quarantine")


class StartFailed(Exception):
    """Something did not come up; the message says what."""


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG: nothing survives a killed demo


def _start(command: list[str]) -> subprocess.Popen:
    # A session of its own: Ctrl-C reaches us alone, and we end the others in order.
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True,
                            preexec_fn=_end_with_parent)


def _await_ready(process: subprocess.Popen, name: str) -> dict:
    for line in process.stdout:
        event = json.loads(line)
        if event.get("event") == "ready":
            return event
        if event.get("event") == "failed":
            raise StartFailed(f"{name}: {event.get('reason')}")
    raise StartFailed(f"{name} ended with exit code {process.wait()}")


class Gateway:
    """Everything that runs for the demonstration. Use it in a `with` statement."""

    def __init__(self, programs: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="portcullis-demo-"))
        self.folder.chmod(0o755)
        self.root = self.folder / "root"
        self.sunk = self.folder / "downstream"
        self._programs = self._reachable(programs)
        self._sink = self._portcullis = None
        self.external = self.internal = self.sink_port = 0
        self.modifiers: dict[int, str] = {}

    def _reachable(self, programs: Path) -> Path:
        """As root the programs run as other users, who may not be able to read a home directory."""
        if os.geteuid() != 0:
            return programs
        copy = self.folder / "bin"
        copy.mkdir()
        for program in programs.iterdir():
            if program.is_file() and os.access(program, os.X_OK):
                shutil.copy(program, copy)
        return copy

    def __enter__(self) -> "Gateway":
        try:
            self._start_sink()
            self._configure()
            self._portcullis = _start([
                str(self._programs / "portcullis"), "run", "--root", str(self.root),
                "--ext-port", "0", "--int-port", "0", "--listen", "127.0.0.1"])
            ready = _await_ready(self._portcullis, "portcullis")
        except BaseException:
            self.__exit__()
            raise
        self.external, self.internal = ready["smtp_ext"], ready["smtp_int"]
        return self

    def __exit__(self, *_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # an impatient second Ctrl-C leaves nothing behind
        for process in (self._portcullis, self._sink):
            if process is not None and process.poll() is None:
                process.terminate()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start_sink(self) -> None:
        self._sink = _start([str(self._programs / "pmg-testsink"), "--dir", str(self.sunk),
                             "--reject-rcpt", "nosuchuser@*=550"])
        self.sink_port = _await_ready(self._sink, "pmg-testsink")["port"]

    def _configure(self) -> None:
        etc = self.root / "etc/pmg"
        signatures = self.root / "var/lib/clamav"
        for folder in (etc, signatures):
            folder.mkdir(parents=True)
        (etc / "pmg.conf").write_text(CONFIGURATION.format(sink=self.sink_port))
        (etc / "domains").write_text("#the demonstration's own domain\nexample.com 1\n")
        for file in (REPOSITORY / "resources/signatures").glob("*.[hn]db"):
            shutil.copy(file, signatures)

    def change_rules(self) -> None:
        """Adds a rule and switches one on while the gateway runs; returns when they are in force."""
        document = json.loads(self._rules("export"))
        ids = {(group["class"], group["name"]): group["id"] for group in document["groups"]}
        ids["who", OWN_GROUP["name"]] = max(group["id"] for group in document["groups"]) + 1
        document["groups"].append(OWN_GROUP | {"id": ids["who", OWN_GROUP["name"]]})
        groups = {part: [ids[kind, name] for name in OWN_RULE[part]]
                  for part, kind in (("to", "who"), ("what", "what"), ("action", "action"))}
        document["rules"].append(OWN_RULE | groups)
        next(rule for rule in document["rules"] if rule["name"] == SWITCHED_ON)["active"] = True
        self.modifiers = self._modifiers(document)
        edited = self.folder / "rules.json"
        edited.write_text(json.dumps(document, indent=1))
        self._rules("import", str(edited), "--note", "demonstration")
        self._rules("allowlist", "add", "network", PARTNER_NETWORK)
        self._await_log("rules.updated: generation=1.2")
        self._await_log("allowlist.loaded: entries=1")

    def _await_log(self, sign: str) -> None:
        log = self.root / "var/log/pmg/mail.log"
        deadline = time.monotonic() + PATIENCE
        while sign not in log.read_text(errors="replace"):
            if time.monotonic() > deadline:
                raise StartFailed(f"the gateway did not take the new rules within {PATIENCE} s: no '{sign}'")
            time.sleep(0.05)

    @staticmethod
    def _modifiers(document: dict) -> dict[int, str]:
        """The rules that change a message and let it go on: number to name."""
        final = {group["id"] for group in document["groups"] if group["name"] in FINAL_ACTIONS}
        return {rule["id"]: rule["name"] for rule in document["rules"]
                if "id" in rule and not final.intersection(rule["action"])}

    def _rules(self, *arguments: str) -> str:
        done = subprocess.run([self._programs / "pmgrule", "--root", str(self.root), *arguments],
                              check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise StartFailed(f"pmgrule {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def _query(self, query: str) -> list[dict]:
        dsn = (self.root / "etc/pmg/database.dsn").read_text().splitlines()[0]
        answer = subprocess.run(["psql", "-d", dsn, "-XAtq", "-c", query], check=False,
                                capture_output=True, text=True)
        return json.loads(answer.stdout) if answer.returncode == 0 else []

    def tracking(self) -> list[dict]:
        """A row a message and recipient, as the tracking centre has it."""
        return self._query(
            "SELECT coalesce(json_agg(json_build_object('queue_id', queue_id, 'sender', sender,"
            " 'recipient', recipient, 'status', status, 'delivery', delivery, 'rule', rule,"
            " 'reason', reason, 'reply', reply)), '[]') FROM tracking_mail")

    def evidence(self) -> dict[str, dict]:
        """What the scanners found, by queue id."""
        rows = self._query(
            "SELECT coalesce(json_agg(json_build_object('queue_id', queue_id, 'detail', detail::json)), '[]')"
            " FROM tracking_event WHERE detail IS NOT NULL")
        found: dict[str, dict] = {}
        for row in rows:
            found.setdefault(row["queue_id"], {}).update(row["detail"])
        return found

    def downstream(self) -> list[dict]:
        """What the mail server behind the gateway took: sender, recipients, raw, message."""
        found = []
        for file in sorted(self.sunk.glob("*.json")):
            envelope = json.loads(file.read_text())
            raw = file.with_suffix(".eml").read_bytes()
            found.append({
                "sender": envelope["sender"],
                "recipients": [each["address"] for each in envelope["recipients"]],
                "raw": raw,
                "message": email.message_from_bytes(raw, policy=email.policy.default),
            })
        return found

    def has_ended(self) -> bool:
        return self._portcullis.poll() is not None
