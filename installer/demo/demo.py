#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sends real messages through a gateway of its own and prints what became of each.

Called by ../../quickstart. With --once the exit code says whether every fate was the expected one.
"""

import argparse
import email
import email.policy
import re
import signal
import smtplib
import ssl
import sys
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path

from gateway import OWN_RULE, SWITCHED_ON, Gateway, StartFailed
from scenarios import (BOUNCED, DELIVERED, GREYLISTED, OFFICE, QUARANTINED, REFUSED, SCENARIOS,
                       SMUGGLED, Expected, Scenario)
from table import Row, paint, print_table

MESSAGES = Path(__file__).resolve().parent / "messages"
PATIENCE = 60  # seconds until all fates are known
UNCHANGED = "body byte for byte as sent"
FATES = {("A", "2"): DELIVERED, ("A", "5"): BOUNCED, ("Q", "-"): QUARANTINED, ("Q", None): QUARANTINED,
         ("B", "-"): REFUSED, ("B", None): REFUSED}


@dataclass
class Outcome:
    """What became of one recipient's copy."""

    fate: str = "unknown"
    rule: str = ""
    reason: str = ""
    output: str = ""
    check: str = ""  # which one of the SMTP dialogue refused
    faults: list[str] = field(default_factory=list)


SENT = formatdate().encode()  # a message from long ago would be suspicious


def wire_bytes(scenario: Scenario) -> bytes:
    text = (MESSAGES / scenario.file).read_bytes().replace(b"\n", b"\r\n")
    text = re.sub(rb"(?m)^Date: .*?\r$", b"Date: " + SENT + b"\r", text, count=1)
    return text + SMUGGLED if scenario.is_raw else text


def send(gateway: Gateway, scenario: Scenario) -> dict[str, str]:
    """The refusing reply for each recipient that was refused within the dialogue."""
    try:
        return converse(gateway, scenario)
    except (OSError, smtplib.SMTPException) as problem:
        return {recipient: f"connection lost: {problem}" for recipient in scenario.recipients}


def converse(gateway: Gateway, scenario: Scenario) -> dict[str, str]:
    port = gateway.internal if scenario.outgoing else gateway.external
    name = f"mail.{scenario.sender.partition('@')[2]}"
    with smtplib.SMTP("127.0.0.1", port, local_hostname=name, timeout=120) as smtp:
        if scenario.client != OFFICE:
            smtp.ehlo()
            # From here on the gateway takes us for that host: loopback itself may relay.
            smtp.docmd("XCLIENT", f"ADDR={scenario.client} NAME={name}")
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


def text_of(message: email.message.EmailMessage) -> list[str]:
    body = message.get_body(("plain", "html"))
    return body.get_content().split() if body else []


def differences(original: bytes, sunk: dict) -> list[str]:
    """How what arrived downstream differs from what was sent."""
    before = email.message_from_bytes(original, policy=email.policy.default)
    after = sunk["message"]
    if sunk["raw"].split(b"\r\n\r\n", 1)[1] == original.split(b"\r\n\r\n", 1)[1]:
        found = [UNCHANGED]
    else:
        found = [f"{name} removed" for name in sorted(attachments(before) - attachments(after))]
        if len(text_of(after)) > len(text_of(before)):
            found.append("text added: “… " + " ".join(text_of(after)[-6:]) + "”")
    added = {name for name in after.keys() if after.get_all(name) and name not in before}
    found += [f"{name} added" for name in sorted(added - {"Received"})]
    if str(after["Subject"]) != str(before["Subject"]):
        found.append(f"subject now “{after['Subject']}”")
    return found


def outcome_of(scenario: Scenario, recipient: str, refusals: dict[str, str], rows: list[dict],
               sunk: list[dict]) -> Outcome:
    row = next((each for each in rows if each["recipient"] == recipient
                and each["sender"] == scenario.sender), {})
    outcome = Outcome(rule=row.get("rule") or "", reason=row.get("reason") or "")
    arrived = [each for each in sunk if recipient in each["recipients"]
               and each["sender"] == scenario.sender]
    if recipient in refusals:
        outcome.fate = GREYLISTED if row.get("status") == "G" else REFUSED
        outcome.output = refusals[recipient]
    else:
        outcome.fate = FATES.get((row.get("status"), row.get("delivery")), "unknown")
    if outcome.fate == DELIVERED and not arrived:
        outcome.faults.append("not found downstream")
    elif outcome.fate == DELIVERED:
        outcome.output = ", ".join(differences(wire_bytes(scenario), arrived[0]))
    elif arrived:
        outcome.faults.append("delivered as well")
    if outcome.fate == BOUNCED:
        outcome.output = f"the mail server behind said {row.get('reply') or ''}"
    elif outcome.fate == QUARANTINED:
        outcome.output = "kept in quarantine"
    return outcome


def explain(outcome: Outcome, found: dict, modifiers: dict[int, str]) -> None:
    """Adds which check refused, which tests made the spam level, and which rules changed the message."""
    hits = found.get("spam", {}).get("hits", [])
    if "spam level" in outcome.reason and hits:
        tests = "; ".join(f"{hit['description']} +{hit['score']:g}" for hit in hits)
        outcome.reason += f" ({tests})"
    if "check" in found:
        outcome.check = f": {found['check']}"
    names = [modifiers[number] for number in found.get("rules", []) if number in modifiers]
    if outcome.fate == DELIVERED and names and outcome.output != UNCHANGED:
        outcome.reason += "; changed by: " + ", ".join(names)


def missing_notices(scenario: Scenario, sunk: list[dict]) -> list[str]:
    notices = [address for each in sunk if not each["sender"] for address in each["recipients"]]
    return [address for address in scenario.notified if address not in notices]


def check(expected: Expected, outcome: Outcome) -> None:
    if outcome.fate != expected.fate:
        outcome.faults.append(f"expected to be {expected.fate}")
    if expected.rule is not None and outcome.rule != expected.rule:
        outcome.faults.append(f"expected rule: {expected.rule}")
    outcome.faults += [f"expected: {change}" for change in expected.changed
                       if change not in outcome.output]


def row_of(scenario: Scenario, recipient: str, outcome: Outcome, is_first: bool) -> Row:
    origin = "outgoing" if scenario.outgoing else "incoming"
    if scenario.over_tls:
        origin += ", STARTTLS"
    why = outcome.reason or "no rule with a final action matched"
    if not outcome.rule:
        why = "refused in the SMTP dialogue, before any rule was asked" + outcome.check
    return Row(message=scenario.about if is_first else "",
               origin=f"{origin}, from {scenario.sender}" if is_first else "",
               recipient=recipient, fate=outcome.fate, output=outcome.output,
               rule=outcome.rule or "none", why=why, faults=outcome.faults)


def judge(gateway: Gateway, refusals: list[dict[str, str]]) -> list[Row]:
    """A row for each message and recipient, from what is known now."""
    tracked, sunk, evidence = gateway.tracking(), gateway.downstream(), gateway.evidence()
    queue_ids = {(each["sender"], each["recipient"]): each["queue_id"] for each in tracked}
    judged = []
    for scenario, refused in zip(SCENARIOS, refusals):
        missing = missing_notices(scenario, sunk)
        for index, (recipient, expected) in enumerate(scenario.recipients.items()):
            outcome = outcome_of(scenario, recipient, refused, tracked, sunk)
            check(expected, outcome)
            queue_id = queue_ids.get((scenario.sender, recipient), "")
            explain(outcome, evidence.get(queue_id, {}), gateway.modifiers)
            if index == 0:
                outcome.faults += [f"no notice to {each}" for each in missing]
            is_cause = outcome.fate == BOUNCED or len(scenario.recipients) == 1
            if is_cause and scenario.notified and not missing:
                outcome.output += "; notice to " + ", ".join(scenario.notified)
            judged.append(row_of(scenario, recipient, outcome, index == 0))
    return judged


def demonstrate(gateway: Gateway) -> bool:
    print(f"demo: adding the rule “{OWN_RULE['name']}”, switching on “{SWITCHED_ON}”", flush=True)
    gateway.change_rules()
    refusals = []
    for number, scenario in enumerate(SCENARIOS, 1):
        port = gateway.internal if scenario.outgoing else gateway.external
        print(f"[{number:2}/{len(SCENARIOS)}] to port {port}: {scenario.about}", flush=True)
        refusals.append(send(gateway, scenario))
    print("demo: waiting until the fate of all is known", flush=True)
    deadline = time.monotonic() + PATIENCE
    judged = judge(gateway, refusals)
    while any(row.faults for row in judged) and time.monotonic() < deadline:
        time.sleep(0.2)
        judged = judge(gateway, refusals)
    print_table(judged)
    good = sum(1 for row in judged if not row.faults)
    print(paint(f" {good} of {len(judged)} fates as expected", "1;32" if good == len(judged) else "1;31"),
          flush=True)
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
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    has_table = False
    try:
        with Gateway(arguments.programs.resolve()) as gateway:
            as_expected = demonstrate(gateway)
            has_table = True
            if not arguments.once:
                stay_up(gateway)
            return 0 if as_expected else 1
    except StartFailed as problem:
        print(f"demo: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0 if has_table and not arguments.once else 130  # as a shell has it for SIGINT


if __name__ == "__main__":
    sys.exit(main())
