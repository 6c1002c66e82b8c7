#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures what it costs to refuse a robot, check by check, against Postfix where it can do the same.

  run.py                    all rows (about two minutes)
  run.py --rows 'helo,greylist' --sessions 500

Portcullis, Postfix' smtpd and postscreen, and postgrey run side by side in one run, with the same client, the
same name server and the same addresses. Runs in a network namespace of its own, where 203.0.113.0/24 is local,
so that robots come from strangers' addresses. Needs root, Postfix, postgrey, nsd. See
docs/developer/performance.md.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TESTS / "bench/smtp"), str(TESTS / "integration/smtp-peers")]

import peers  # noqa: E402  # also opens the way to the gateway's harness
import harness  # noqa: E402
from accounting import CpuGroup  # noqa: E402
from harness import Gateway, Sink  # noqa: E402
from messages import unique_id  # noqa: E402
from peers import Dialogue, NameServer  # noqa: E402
from postfix import PostfixInstance, free_port  # noqa: E402

INSIDE = "PORTCULLIS_BENCH_NAMESPACE"
ROBOTS = "203.0.113.1"
COUNT = 250  # addresses of robots
ZONES = {
    ".": "",
    "bl.test": "2.0.0.127 A 127.0.0.2\n*.113.0.203 A 127.0.0.2\n",
    "strict.test": '@ TXT "v=spf1 -all"\n@ MX 10 mx\nmx A 192.0.2.1\n',
    "robot.test": "@ A 192.0.2.1\n",
    "example.com": "@ A 127.0.0.1\n",
}
OFF = {"greet_wait": 0, "greylist": 0, "spf": 0, "use_rbl": 0, "helotests": 0, "verifyreceivers": None}


class Row:
    """One kind of refusal: what robots say, who is asked, which code they must get."""

    def __init__(self, name: str, title: str, code: str, says: list[str], ours: dict, theirs: str = "",
                 postfix: str = "", connections: int = 20, is_early: bool = False) -> None:
        self.name, self.title, self.code, self.says, self.ours = name, title, code, says, ours
        self.theirs, self.postfix = theirs, postfix  # Postfix' server; its code
        self.connections, self.is_early = connections, is_early


def dialogue(helo: str = "mail.robot.test", sender: str = "a@robot.test", to: str = "user@example.com") -> list[str]:
    return [f"EHLO {helo}", f"MAIL FROM:<{sender}>", f"RCPT TO:<{to}>"]


ROWS = [
    Row("dnsbl", "DNS list, client remembered", "554", dialogue(), {"use_rbl": 1}, "rbl", "554"),
    Row("postscreen", "DNS list, 1 s before the greeting, 50 at once", "554", dialogue(),
        {"use_rbl": 1, "greet_wait": 1}, "postscreen", "550", connections=50),
    Row("pregreet", "talks before the greeting", "554", ["EHLO mail.robot.test"], {"greet_wait": 6}, "postscreen", "521",
        is_early=True),
    Row("helo", "HELO name without a dot", "504", dialogue(helo="robot"), {"helotests": 1}, "helo", "504"),
    Row("greylist", "greylisting, new triplet", "450", dialogue(sender="a@r{n}.robot.test"), {"greylist": 1}, "greylist",
        "450"),
    Row("spf", "SPF fail", "550", dialogue(sender="a@strict.test"), {"spf": 1}),
    Row("receiver", "receiver unknown, answer remembered", "550", dialogue(to="nobody@example.com"),
        {"verifyreceivers": 550}, "verify", "550"),
]


class Ours:
    name = "portcullis"

    def __init__(self, sink: Sink, names: NameServer) -> None:
        self.group = CpuGroup("portcullis")
        self.gateway = Gateway(relay_port=sink.port, arguments=("--dns", names.server), mail={
            **OFF, "dnsbl_sites": "bl.test", "trust_own_networks": 0, "max_smtpd_in": 100, "smtpd_threads": 0})
        self.gateway.configure("mail", verifyreceivers=None)

    def start(self) -> None:
        with self.group.inside():
            self.gateway.start()

    def prepare(self, row: Row) -> int:
        banner = unique_id("bench")
        self.gateway.configure("mail", **{**OFF, **row.ours}, banner=banner)
        def greets() -> bool:
            with Dialogue(self.gateway.external) as session:
                return banner in session.greeting
        harness.wait_for(greets, 20, "the settings of the row")
        return self.gateway.external

    def stop(self) -> None:
        self.gateway.close()
        self.group.remove()


class Theirs:
    """One Postfix with a server for each restriction, and postgrey."""

    name = "postfix"

    def __init__(self, sink: Sink, folder: Path) -> None:
        self.group = CpuGroup("postfix")
        self._folder = folder
        self._postgrey: subprocess.Popen | None = None
        self._postgrey_port, self._screen_port = free_port(), free_port()
        restrictions = {  # in main.cf, since an option in master.cf has no blanks
            "bench_rbl": "reject_rbl_client bl.test",
            "bench_helo": "",
            "bench_greylist": f"check_policy_service inet:127.0.0.1:{self._postgrey_port}",
            "bench_verify": "reject_unverified_recipient",
        }
        servers = {name.removeprefix("bench_"): {"smtpd_recipient_restrictions": f"${name}"} for name in restrictions}
        servers["helo"] |= {"smtpd_helo_restrictions": "reject_non_fqdn_helo_hostname", "smtpd_delay_reject": "no"}
        services = (f"127.0.0.1:{self._screen_port} inet n - n - 1 postscreen\nsmtpd pass - - n - - smtpd\n"
                    "dnsblog unix - - n - 0 dnsblog\ntlsproxy unix - - n - 0 tlsproxy\n")
        self.postfix = PostfixInstance(
            "bench", services=services, servers=servers,
            **{name: f"{check} permit_auth_destination reject" for name, check in restrictions.items()},
            relay_domains="example.com", relayhost=f"[127.0.0.1]:{sink.port}",
            smtpd_client_connection_count_limit=0, smtpd_peername_lookup="yes",
            unverified_recipient_reject_code=550, postscreen_dnsbl_sites="bl.test",
            postscreen_dnsbl_action="enforce", postscreen_greet_action="drop", postscreen_greet_wait="1s",
            postscreen_access_list="", postscreen_pre_queue_limit=1000,
            postscreen_cache_map=f"btree:{folder}/screen/cache", maximal_backoff_time="1000s")
        (folder / "screen").mkdir()
        shutil.chown(folder / "screen", "postfix")

    def start(self) -> None:
        database = self._folder / "postgrey"
        database.mkdir()
        shutil.chown(database, "postgrey")
        with self.group.inside():
            self._postgrey = subprocess.Popen(
                ["postgrey", f"--inet=127.0.0.1:{self._postgrey_port}", f"--dbdir={database}", "--delay=180"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.postfix.start()

    def prepare(self, row: Row) -> int:
        return self._screen_port if row.theirs == "postscreen" else self.postfix.ports[row.theirs]

    def stop(self) -> None:
        self.postfix.stop()
        if self._postgrey is not None:
            self._postgrey.terminate()
            self._postgrey.wait(10)
        time.sleep(0.5)
        self.group.remove()


def robots(row: Row, port: int, sessions: int) -> dict:
    command = [str(harness.programs_folder() / "pmg-refusalclient"), "--port", str(port), "--sessions", str(sessions),
               "--connections", str(row.connections), "--from", ROBOTS, "--sources", str(COUNT)]
    for line in row.says:
        command += ["--say", line]
    done = subprocess.run(command + (["--early"] if row.is_early else []), capture_output=True, text=True, check=True,
                          timeout=300)
    return json.loads(done.stdout)


def settle(group: CpuGroup) -> None:
    """Logs and tracking are part of the price."""
    before = group.seconds()
    for _ in range(10):
        time.sleep(1)
        now = group.seconds()
        if now - before < 0.03:
            return
        before = now


def measure(system, row: Row, code: str, sessions: int) -> dict:
    port = system.prepare(row)
    warm = robots(row, port, max(COUNT, row.connections))
    settle(system.group)
    cpu = system.group.seconds()
    result = robots(row, port, sessions)
    settle(system.group)
    cpu = system.group.seconds() - cpu
    wrong = {each: count for each, count in result["replies"].items() if each != code}
    return {"row": row.name, "title": row.title, "system": row.theirs if system.name == "postfix" else system.name,
            "per_second": result["sessions"] / result["seconds"], "cpu_us": cpu * 1e6 / result["sessions"],
            "wrong": wrong, "warm": warm["replies"], "load": os.getloadavg()[0]}


def print_row(row: dict, reference: dict | None) -> None:
    ratio = ""
    if reference:
        ratio = (f"{row['per_second'] / reference['per_second']:.1f}x as many, "
                 f"{row['cpu_us'] / reference['cpu_us']:.2f}x CPU")
    wrong = f" other replies: {row['wrong']}" if row["wrong"] else ""
    print(f"| {row['title']:46} | {row['system']:10} | {row['per_second']:8.0f} | {row['cpu_us']:8.0f} | {ratio}{wrong} |",
          flush=True)


def run(options, folder: Path) -> list[dict]:
    results = []
    wanted = [row for row in ROWS if not options.rows or row.name in options.rows.split(",")]
    print("| refused for | system | refused/s | CPU us each | against Postfix |\n|---|---|---|---|---|", flush=True)
    with NameServer(ZONES, port=53) as names, Sink(reject_rcpt="nobody@*=550") as sink:
        systems = [Ours(sink, names), Theirs(sink, folder)]
        try:
            for system in systems:
                system.start()
            ours, theirs = systems
            for row in wanted:
                reference = measure(theirs, row, row.postfix, options.sessions) if row.theirs else None
                found = measure(ours, row, row.code, options.sessions)
                print_row(found, reference)
                if reference:
                    print_row(reference, None)
                results += [found] + ([reference] if reference else [])
        finally:
            for system in systems:
                system.stop()
    return results


def enter_namespace() -> None:
    """Starts this program again where 203.0.113.0/24 is local and DNS is on port 53 of loopback."""
    if INSIDE not in os.environ:
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable, *sys.argv])
    for command in ("ip link set lo up", "ip route add local 203.0.113.0/24 dev lo"):
        subprocess.run(command.split(), check=True)


def use_name_server(folder: Path) -> None:
    file = folder / "resolv.conf"
    file.write_text("nameserver 127.0.0.1\n")
    subprocess.run(["mount", "--bind", file, Path("/etc/resolv.conf").resolve()], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="", help=f"names, with commas: {','.join(row.name for row in ROWS)}")
    parser.add_argument("--sessions", type=int, default=2000, help="of each row and system")
    parser.add_argument("--json", help="write all results to this file")
    options = parser.parse_args()
    harness.require_programs("pmg-refusalclient")
    for program in ("postfix", "postgrey", "nsd"):
        if shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin") is None:
            harness.skip_whole_file(f"{program} is not installed")
    if not CpuGroup.is_available():
        harness.skip_whole_file("needs root and a writable control group for processor time")
    enter_namespace()
    folder = Path(tempfile.mkdtemp(prefix="portcullis-bench-"))
    folder.chmod(0o755)
    try:
        use_name_server(folder)
        results = run(options, folder)
    finally:
        if not os.environ.get("PORTCULLIS_KEEP"):
            shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
