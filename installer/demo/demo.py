#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sends real messages through a gateway of its own and prints what became of each.

Called by ../../quickstart. With --once the exit code says whether every fate was the expected one.
"""

import argparse
import email
import email.policy
import shutil
import signal
import smtplib
import ssl
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

from gateway import Gateway, StartFailed
from scenarios import (BOUNCED, DELIVERED, INTERNET, QUARANTINED, REFUSED, SCENARIOS, SMUGGLED,
                       Expected, Scenario)

MESSAGES = Path(__file__).resolve().parent / "messages"
PATIENCE = 60  # seconds until all fates are known
FATES = {("A", "2"): DELIVERED, ("A", "5"): BOUNCED, ("Q", "-"): QUARANTINED, ("Q", None): QUARANTINED,
         ("B", "-"): REFUSED, ("B", None): REFUSED}


@dataclass
class Outcome:
    """What became of one recipient's copy."""

    fate: str = "unknown"
    rule: str = ""
    reason: str = ""
    output: str = ""


def wire_bytes(scenario: Scenario) -> bytes:
    text = (MESSAGES / scenario.file).read_bytes().replace(b"\n", b"\r\n")
    return text + SMUGGLED if scenario.is_raw else text


def send(gateway: Gateway, scenario: Scenario) -> dict[str, str]:
    """The refusing reply for each recipient that was refused within the dialogue."""
    port = gateway.internal if scenario.outgoing else gateway.external
    with smtplib.SMTP("127.0.0.1", port, local_hostname="mail.partner.example", timeout=120) as smtp:
        if scenario.client == INTERNET:
            smtp.ehlo()
            smtp.docmd("XCLIENT", f"ADDR={INTERNET} NAME=mail.partner.example")
        smtp.ehlo()
        if scenario.over_tls:
            context = ssl.create_default_context()
            context.check_hostname = False  # the demonstration's certificate is self-signed
            context.verify_mode = ssl.CERT_NONE
            smtp.starttls(context=context)
            smtp.ehlo()
        return transact(smtp, scenario)


def transact(smtp: smtplib.SMTP, scenario: Scenario) -> dict[str, str]:
    options = ["BODY=8BITMIME"] if smtp.has_extn("8bitmime") else []
    refusals = {}
    code, text = smtp.mail(scenario.sender, options)
    if code != 250:
        return {each: reply_text(code, text) for each in scenario.recipients}
    for recipient in scenario.recipients:
        code, text = smtp.rcpt(recipient)
        if code not in (250, 251):
            refusals[recipient] = reply_text(code, text)
    if len(refusals) == len(scenario.recipients):
        return refusals
    code, text = finish(smtp, scenario)
    if code != 250:
        for recipient in scenario.recipients:
            refusals.setdefault(recipient, reply_text(code, text))
    return refusals


def finish(smtp: smtplib.SMTP, scenario: Scenario) -> tuple[int, bytes]:
    if not scenario.is_raw:
        return smtp.data(wire_bytes(scenario))
    code, text = smtp.docmd("DATA")
    if code != 354:
        return code, text
    smtp.sock.sendall(wire_bytes(scenario))
    return smtp.getreply()


def reply_text(code: int, text: bytes) -> str:
    return f"{code} {text.decode('utf-8', 'replace')}".replace("\n", " ")


def attachments(message: email.message.EmailMessage) -> set[str]:
    return {part.get_filename() for part in message.walk() if part.get_filename()}


def differences(original: bytes, sunk: dict) -> list[str]:
    """How what arrived downstream differs from what was sent."""
    before = email.message_from_bytes(original, policy=email.policy.default)
    after = sunk["message"]
    added = {name for name in after.keys() if after.get_all(name) and name not in before}
    found = [f"{name} added" for name in sorted(added - {"Received"})]
    if str(after["Subject"]) != str(before["Subject"]):
        found.append("subject changed")
    found += [f"{name} removed" for name in sorted(attachments(before) - attachments(after))]
    same_body = sunk["raw"].split(b"\r\n\r\n", 1)[1] == original.split(b"\r\n\r\n", 1)[1]
    found.append("body unchanged" if same_body else "body changed")
    return found


def outcome_of(scenario: Scenario, recipient: str, refusals: dict[str, str], rows: list[dict],
               sunk: list[dict]) -> Outcome:
    row = next((each for each in rows if each["recipient"] == recipient
                and each["sender"] == scenario.sender), {})
    outcome = Outcome(rule=row.get("rule") or "", reason=row.get("reason") or "")
    if recipient in refusals:
        outcome.fate = REFUSED
        outcome.output = refusals[recipient]
        return outcome
    outcome.fate = FATES.get((row.get("status"), row.get("delivery")), "unknown")
    arrived = [each for each in sunk if recipient in each["recipients"]
               and each["sender"] == scenario.sender]
    if outcome.fate == DELIVERED:
        outcome.output = (", ".join(differences(wire_bytes(scenario), arrived[0])) if arrived
                          else "NOT FOUND DOWNSTREAM")
    elif arrived:
        outcome.output = "DELIVERED AS WELL"
    elif outcome.fate == BOUNCED:
        outcome.output = f"bounce to {scenario.sender}: {row.get('reply') or ''}"
    elif outcome.fate == QUARANTINED:
        outcome.output = "kept in quarantine"
    return outcome


def missing_notices(scenario: Scenario, sunk: list[dict]) -> list[str]:
    notices = [address for each in sunk if not each["sender"] for address in each["recipients"]]
    return [address for address in scenario.notified if address not in notices]


def faults(expected: Expected, outcome: Outcome) -> list[str]:
    found = []
    if outcome.fate != expected.fate:
        found.append(f"expected: {expected.fate}")
    if expected.rule is not None and outcome.rule != expected.rule:
        found.append(f"expected rule: {expected.rule}")
    found += [f"expected: {change}" for change in expected.changed if change not in outcome.output]
    if outcome.output.isupper():
        found.append(outcome.output.lower())
    return found


def judge(gateway: Gateway, refusals: list[dict[str, str]]) -> list[tuple]:
    """(scenario, recipient, outcome, faults) for each recipient, from what is known now."""
    rows, sunk = gateway.tracking(), gateway.downstream()
    judged = []
    for scenario, refused in zip(SCENARIOS, refusals):
        for index, (recipient, expected) in enumerate(scenario.recipients.items()):
            outcome = outcome_of(scenario, recipient, refused, rows, sunk)
            found = faults(expected, outcome)
            if index == 0:
                found += [f"no notice to {each}" for each in missing_notices(scenario, sunk)]
            if index == 0 and scenario.notified and not found:
                outcome.output += "; notice to " + ", ".join(scenario.notified)
            judged.append((scenario, recipient, outcome, found))
    return judged


def print_table(judged: list[tuple]) -> None:
    width = max(shutil.get_terminal_size((150, 24)).columns, 100)
    titles = ("what went in", "recipient", "what came of it", "rule", "why", "")
    shares = (0.17, 0.17, 0.27, 0.13, 0.18)
    widths = [int((width - 14) * share) for share in shares] + [8]
    line = "+".join("-" * (each + 1) for each in widths)
    rows = [titles]
    for scenario, recipient, outcome, found in judged:
        direction = "out" if scenario.outgoing else "in"
        rows.append((f"{scenario.about} ({direction}) from {scenario.sender}", recipient,
                     f"{outcome.fate}: {outcome.output}", outcome.rule or "–", outcome.reason or "–",
                     "ok" if not found else "WRONG"))
    for row in rows:
        cells = [textwrap.wrap(cell, size) or [""] for cell, size in zip(row, widths)]
        for index in range(max(len(cell) for cell in cells)):
            print("|".join((cell[index] if index < len(cell) else "").ljust(size) + " "
                           for cell, size in zip(cells, widths)).rstrip())
        print(line)
    for scenario, recipient, _, found in judged:
        for fault in found:
            print(f"WRONG: {scenario.about}, {recipient}: {fault}")


def demonstrate(gateway: Gateway) -> bool:
    refusals = []
    for number, scenario in enumerate(SCENARIOS, 1):
        print(f"[{number}/{len(SCENARIOS)}] sending: {scenario.about}", flush=True)
        refusals.append(send(gateway, scenario))
    deadline = time.monotonic() + PATIENCE
    judged = judge(gateway, refusals)
    while any(found for *_, found in judged) and time.monotonic() < deadline:
        time.sleep(0.5)
        judged = judge(gateway, refusals)
    print_table(judged)
    good = sum(1 for *_, found in judged if not found)
    print(f"{good} of {len(judged)} fates as expected")
    return good == len(judged)


def stay_up(gateway: Gateway) -> None:
    print(f"""
The gateway stays up. Send it mail yourself, for example:
  swaks --server 127.0.0.1:{gateway.external} --from you@partner.example --to me@example.com
  swaks --server 127.0.0.1:{gateway.internal} --from me@example.com --to you@partner.example
Port {gateway.external} takes mail from outside, port {gateway.internal} from inside; what is delivered arrives in
  {gateway.sunk}
Configuration, queue and logs (var/log/pmg/mail.log) are in
  {gateway.root}
Ctrl-C ends everything and removes the folder.""", flush=True)
    while not gateway.has_ended():
        time.sleep(0.5)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", required=True, type=Path, help="folder of the built programs")
    parser.add_argument("--once", action="store_true", help="end after the table")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Gateway(arguments.programs.resolve()) as gateway:
            as_expected = demonstrate(gateway)
            if not arguments.once:
                stay_up(gateway)
            return 0 if as_expected else 1
    except StartFailed as problem:
        print(f"demo: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print()
        return 0


if __name__ == "__main__":
    sys.exit(main())
