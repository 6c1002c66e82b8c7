# SPDX-License-Identifier: GPL-2.0-or-later
"""Private Postfix instances: own configuration, queue, data and mail folders, loopback ports only."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "gateway"))

from harness import Folder, HarnessError, _end_with_parent, skip_whole_file, wait_for  # noqa: E402

PROGRAMS = Path("/usr/lib/postfix/sbin")
NOBODY = 65534

#: Everything a Postfix runs besides its SMTP servers, without chroot.
SERVICES = """
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def require_postfix() -> None:
    """Ends the test file as skipped where no Postfix can run."""
    if os.geteuid() != 0:
        skip_whole_file("Postfix starts only as root")
    if not (PROGRAMS / "master").exists() or shutil.which("postfix") is None:
        skip_whole_file("Postfix is not installed (apt-get install postfix)")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class PostfixInstance:
    """One Postfix with a server for each entry of `servers` (name to options of master.cf).

    `main` are parameters of main.cf, `services` further lines of master.cf. Mail for `domains` goes to one maildir; all else where
    `main` says. `main_text` is a piece of main.cf as an administrator writes it, which `main` wins over; `ports` names the ports of
    servers that stand in `services`. Use it in a `with` statement, or call start() and stop().
    """

    def __init__(self, name: str, servers: dict[str, dict] | None = None, domains=(),
                 services: str = "", main_text: str = "", ports: dict[str, int] | None = None,
                 **main: object) -> None:
        self._folder = Folder(f"portcullis-postfix-{name}-")
        self.folder = self._folder.path
        self._servers = {"smtp": {}} if servers is None else servers
        self.ports = {server: free_port() for server in self._servers} | (ports or {})
        self._services = services
        self._main_text = main_text
        self._process: subprocess.Popen | None = None
        for each, owner in (("etc", 0), ("queue", 0), ("data", "postfix"), ("mail", NOBODY)):
            (self.folder / each).mkdir()
            shutil.chown(self.folder / each, owner)
        self._defaults = {
            "compatibility_level": "3.6",
            "queue_directory": self.folder / "queue",
            "data_directory": self.folder / "data",
            "command_directory": "/usr/sbin",
            "daemon_directory": PROGRAMS,
            "mail_owner": "postfix",
            "setgid_group": "postdrop",
            "maillog_file": self.folder / "mail.log",
            "maillog_file_prefixes": self.folder,
            "myhostname": f"{name}.postfix.test",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "mynetworks": "127.0.0.0/8",
            "mydestination": "",
            "alias_maps": "",
            "smtpd_peername_lookup": "no",
            "smtp_dns_support_level": "disabled",
            "smtp_host_lookup": "native",
            "smtputf8_enable": "yes",
            "minimal_backoff_time": "5s",
            "queue_run_delay": "5s",
            "in_flow_delay": "0",
            "virtual_mailbox_domains": " ".join(domains),
            "virtual_mailbox_base": self.folder / "mail",
            "virtual_mailbox_maps": "static:box/",
            "virtual_uid_maps": f"static:{NOBODY}",
            "virtual_gid_maps": f"static:{NOBODY}",
        }
        self.main = main
        self.write_conf()

    @property
    def port(self) -> int:
        return next(iter(self.ports.values()))

    def write_conf(self) -> None:
        def lines(parameters: dict) -> str:
            return "".join(f"{key} = {value}\n" for key, value in parameters.items())
        # The last one counts.
        (self.folder / "etc/main.cf").write_text(
            lines({key: value for key, value in self._defaults.items() if key not in self.main})
            + self._main_text + "\n" + lines(self.main))
        services = ""
        for server, options in self._servers.items():
            services += f"127.0.0.1:{self.ports[server]} inet n - n - - smtpd\n"
            services += "".join(f"  -o {key}={value}\n" for key, value in options.items())
        (self.folder / "etc/master.cf").write_text(services + self._services + SERVICES.lstrip())

    def configure(self, **main: object) -> None:
        """Changes main.cf and has it read."""
        self.main.update(main)
        self.write_conf()
        self.command("postfix", "reload")

    def start(self) -> "PostfixInstance":
        self._process = subprocess.Popen(
            ["postfix", "-c", self.folder / "etc", "start-fg"], start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=_end_with_parent)
        try:
            wait_for(self._is_listening, 30, f"Postfix to listen on {self.ports}")
        except HarnessError as error:
            self.stop()
            raise HarnessError(f"{error}\n{self.log()}") from None
        return self

    def _is_listening(self) -> bool:
        if self._process.poll() is not None:
            raise HarnessError(f"Postfix ended with {self._process.returncode}")
        for port in self.ports.values():
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                return False
        return True

    def halt(self) -> None:
        """Ends the programs; queue and maildir stay for another start()."""
        if self._process is not None:
            # Its servers too, which would outlive a master that is merely terminated.
            subprocess.run(["postfix", "-c", self.folder / "etc", "stop"], check=False, timeout=60,
                           capture_output=True)
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def stop(self) -> None:
        self.halt()
        self._folder.remove()

    def __enter__(self) -> "PostfixInstance":
        return self.start()

    def __exit__(self, *_) -> None:
        self.stop()

    def command(self, program: str, *arguments: str, **options) -> str:
        """`postfix`, `postqueue`, `sendmail` … on this instance; sendmail takes -C, not -c."""
        flag = "-C" if program == "sendmail" else "-c"
        done = subprocess.run([program, flag, str(self.folder / "etc"), *arguments], check=True,
                              capture_output=True, timeout=60, **options)
        return done.stdout.decode(errors="replace")

    def flush(self) -> None:
        self.command("postqueue", "-f")

    def queue(self) -> str:
        """postqueue's JSON lines; empty when nothing waits."""
        return self.command("postqueue", "-j")

    def log(self) -> str:
        try:
            return (self.folder / "mail.log").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    # ---- the maildir ----
    def mails(self) -> list[bytes]:
        """Messages in the maildir with CRLF, as they came over the wire below Postfix's own fields."""
        return [file.read_bytes().replace(b"\n", b"\r\n")
                for file in sorted((self.folder / "mail/box").glob("new/*"))]

    def find(self, marker: str | bytes) -> list[bytes]:
        wanted = marker.encode() if isinstance(marker, str) else marker
        return [mail for mail in self.mails() if wanted in mail]

    def wait_for(self, marker: str | bytes, count: int = 1, timeout: float = 30) -> list[bytes]:
        try:
            return wait_for(lambda: len(found := self.find(marker)) >= count and found, timeout,
                            f"{count} message(s) with {marker!r} in Postfix' maildir", 0.1)
        except HarnessError as error:
            raise HarnessError(f"{error}\n{self.log()[-3000:]}") from None
