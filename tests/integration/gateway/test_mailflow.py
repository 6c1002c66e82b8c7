#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of mail in a gateway with the factory rules, and of the commands that look at it."""

import email
import email.policy
import json
import re
import smtplib
import time

import harness
from harness import GatewayCase, wait_for
from messages import (EICAR, GTUBE, RawClient, message, sealed, is_whole, send, submit, unique_id,
                      with_attachment)

ADMIN = "admin@example.com"


class MailFlowTest(GatewayCase):
    sink_options = {"reject_rcpt": "nobody@*=550"}
    gateway_options = {"admin": {"email": ADMIN}, "mail": {"xclient_hosts": "127.0.0.1"}}

    # ---- helpers ----
    def quarantined(self, ident: str, count: int = 1) -> list[dict]:
        """The entries of a message, once all are in the database."""
        def look():
            found = [each for each in self.gateway.quarantine("all") if ident in each["message_id"]]
            return found if len(found) >= count else None
        return wait_for(look, 20, f"{count} quarantine entries of {ident}", 0.2)

    def rules_document(self) -> dict:
        return json.loads(self.gateway.run("pmgrule", "export").stdout)

    def import_rules(self, document: dict, note: str = "test") -> None:
        file = self.gateway.scratch_folder / "rules.json"
        file.write_text(json.dumps(document))
        self.gateway.run("pmgrule", "import", str(file), "--note", note)

    def tracked(self, recipient: str, status: str | None = None) -> dict:
        def look():
            rows = [row for row in self.gateway.tracking() if row["recipient"] == recipient]
            return next((row for row in rows if status in (None, (row["status"] or "") + (row["delivery"] or ""))),
                        None)
        return wait_for(look, 20, f"a tracking row of {recipient} with {status}", 0.2)

    # ---- both ports ----
    def test_plain_mail_passes_the_external_port_unchanged_below_our_headers(self):
        ident = unique_id("plain")
        content = sealed(ident)
        code, text = send(self.gateway.external, content, to="plain@example.com")
        self.assertEqual(code, 250, text)
        sunk = self.sink.wait_for(ident)[0]
        self.assertEqual(sunk.recipients, ["plain@example.com"])
        self.assertTrue(is_whole(sunk.raw))
        above, received, _ = sunk.raw.partition(b"Received: from client.test")
        self.assertTrue(received)
        self.assertRegex(above, rb"\AAuthentication-Results: gateway\.example\.com;[^\r\n]*\r\n([ \t][^\r\n]*\r\n)*\Z")
        self.assertTrue(sunk.raw.endswith(content[content.index(b"\r\n\r\n"):]))

    def test_plain_mail_passes_the_internal_port_to_any_domain(self):
        ident = unique_id("out")
        code, text = send(self.gateway.internal, sealed(ident), "user@example.com", "friend@elsewhere.test")
        self.assertEqual(code, 250, text)
        self.assertTrue(is_whole(self.sink.wait_for(ident)[0].raw))

    def test_the_external_port_is_no_open_relay(self):
        with RawClient(self.gateway.external) as client:
            client.reply()
            client.ask("EHLO client.test")
            # We come from an address of the gateway's own, which may relay: become somebody else.
            self.assertTrue(client.ask("XCLIENT ADDR=203.0.113.9 NAME=stranger.test").startswith("220"))
            self.assertTrue(client.ask("EHLO stranger.test").startswith("250"))
            self.assertTrue(client.ask("MAIL FROM:<a@outside.test>").startswith("250"))
            self.assertTrue(client.ask("RCPT TO:<victim@elsewhere.test>").startswith("550 5.7.1"))
            self.assertTrue(client.ask("RCPT TO:<user@example.com>").startswith("250"))

    # ---- virus ----
    def test_virus_is_quarantined_shown_released_and_deleted(self):
        ident = unique_id("virus")
        content = with_attachment(ident, "invoice.com", EICAR.encode())
        code, text = send(self.gateway.external, content, to="virus@example.com")
        self.assertEqual(code, 250, text)
        entry = self.quarantined(ident)[0]
        self.assertEqual((entry["kind"], entry["rule"], entry["recipient"], entry["status"]),
                         ("virus", "Block Viruses", "virus@example.com", "new"))
        self.assertIn("Eicar", entry["virus"])
        listed = self.gateway.run("pmgqm", "list", "--kind", "virus").stdout
        self.assertIn(entry["id"], listed)
        shown = self.gateway.run("pmgqm", "show", entry["id"]).stdout
        self.assertIn("Block Viruses", shown)
        self.assertIn("Eicar", shown)
        self.assertIn(ident, self.gateway.run("pmgqm", "get", entry["id"]).stdout)
        notice = [mail for mail in self.sink.wait_for("Block Viruses") if mail.recipients == [ADMIN]]
        self.assertEqual(notice[0].sender, "")
        self.assertEqual([mail for mail in self.sink.find(ident) if mail.recipients != [ADMIN]], [])

        self.gateway.run("pmgqm", "release", entry["id"], "--to", "analyst@example.com")
        released = [mail for mail in wait_for(lambda: [mail for mail in self.sink.find(ident) if mail.recipients
                    == ["analyst@example.com"]], 20, "the released virus")]
        self.assertIn(b"invoice.com", released[0].raw)
        self.assertEqual(self.quarantined(ident)[0]["status"], "delivered")

        self.gateway.run("pmgqm", "delete", entry["id"])
        self.assertEqual(self.quarantined(ident)[0]["status"], "deleted")
        self.assertNotIn(entry["id"], self.gateway.run("pmgqm", "list").stdout)

    def test_outgoing_virus_is_refused_within_the_dialogue_and_told(self):
        ident = unique_id("outvirus")
        code, text = send(self.gateway.internal, with_attachment(ident, "a.com", EICAR.encode()),
                          "employee@example.com", "customer@elsewhere.test")
        self.assertEqual((code, text[:5]), (554, "5.7.1"))
        told = wait_for(lambda: {each for mail in self.sink.find("Virus Alert") for each in mail.recipients}
                        >= {ADMIN, "employee@example.com"}, 20, "notices to administrator and sender")
        self.assertTrue(told)
        self.tracked("customer@elsewhere.test", "B")

    # ---- spam ----
    def test_spam_is_quarantined_and_released_to_its_recipient(self):
        ident = unique_id("spam")
        code, text = send(self.gateway.external, message(ident, f"Buy this.\n{GTUBE}\n"), to="spam@example.com")
        self.assertEqual(code, 250, text)
        entry = self.quarantined(ident)[0]
        self.assertEqual((entry["kind"], entry["rule"]), ("spam", "Quarantine/Mark Spam (Level 3)"))
        self.assertGreaterEqual(entry["spam_level"], 3)
        self.assertEqual(self.sink.find(ident), [])
        self.gateway.run("pmgqm", "release", entry["id"])
        sunk = self.sink.wait_for(ident)[0]
        self.assertEqual(sunk.recipients, ["spam@example.com"])
        self.assertIn(GTUBE.encode(), sunk.raw)
        self.assertEqual(self.tracked("spam@example.com", "QR")["rule"], entry["rule"])

    # ---- changed mail ----
    def test_dangerous_attachment_is_removed_and_replaced_by_a_note(self):
        ident = unique_id("lnk")
        code, text = send(self.gateway.external, with_attachment(ident, "report.vbs", b"MsgBox 1\r\n" * 20))
        self.assertEqual(code, 250, text)
        sunk = email.message_from_bytes(self.sink.wait_for(ident)[0].raw, policy=email.policy.default)
        names = [part.get_filename() for part in sunk.walk()]
        self.assertNotIn("report.vbs", names)
        text = "".join(part.get_content() for part in sunk.walk() if part.get_content_type() == "text/plain")
        self.assertIn("See the attachment.", text)
        self.assertIn("The file report.vbs was removed from this message by the rule 'Block Dangerous Files'",
                      " ".join(text.split()))

    # ---- several recipients ----
    def test_recipients_of_one_message_have_fates_of_their_own(self):
        document = self.rules_document()
        document["groups"].append({"class": "who", "name": "Nobody wants", "objects": [
            {"kind": "email", "email": "blocked@example.com"}]})
        self.import_rules(document)
        document = self.rules_document()
        group = next(group["id"] for group in document["groups"] if group["name"] == "Nobody wants")
        document["rules"].append({"name": "Block one", "priority": 99, "active": True, "direction": 0,
                                  "to": [group], "action": [18]})
        self.import_rules(document)
        self.addCleanup(self.gateway.run, "pmgdb", "reset")
        self.await_rule("blocked@example.com", "Block one")
        ident = unique_id("multi")
        recipients = ["one@example.com", "blocked@example.com", "nobody@example.com", "two@example.com"]
        code, text = send(self.gateway.external, sealed(ident), to=recipients)
        self.assertEqual(code, 250, text)
        sunk = self.sink.wait_for(ident)
        self.assertEqual(sorted(sum((mail.recipients for mail in sunk if mail.sender), [])),
                         ["one@example.com", "two@example.com"])
        self.assertEqual(self.tracked("blocked@example.com", "B")["rule"], "Block one")
        self.tracked("nobody@example.com", "A5")
        self.tracked("one@example.com", "A2")
        # The refusal of the next hop comes back as one DSN (RFC 3464) with a null reverse-path.
        dsn = wait_for(lambda: [mail for mail in self.sink.find("nobody@example.com")
                                if mail.recipients == ["sender@outside.test"]], 20, "the DSN")
        self.assertEqual((len(dsn), dsn[0].sender), (1, ""))
        self.assertIn(b"multipart/report", dsn[0].raw)

    def await_rule(self, recipient: str, rule: str) -> None:
        """Until the filter judges by a rule that has just been saved."""
        file = self.gateway.scratch_folder / "probe.eml"
        file.write_bytes(message("probe"))
        wait_for(lambda: any(fate["rule"] == rule for fate in self.gateway.run_json(
            "pmgrule", "test", str(file), "--from", "a@outside.test", "--to", recipient, "--json")["fates"]),
            20, f"the rule {rule}", 0.1)

    # ---- BCC ----
    def test_bcc_gets_a_copy_of_the_original(self):
        document = self.rules_document()
        document["groups"] += [
            {"class": "who", "name": "Watched", "objects": [{"kind": "email", "email": "watched@example.com"}]},
            {"class": "action", "name": "Copy to archive", "objects": [
                {"kind": "bcc", "target": "archive@example.com", "original": True}]}]
        self.import_rules(document)
        document = self.rules_document()
        ids = {group["name"]: group["id"] for group in document["groups"]}
        document["rules"].append({"name": "Archive", "priority": 95, "active": True, "direction": 0,
                                  "to": [ids["Watched"]], "action": [ids["Copy to archive"], 17]})
        self.import_rules(document)
        self.addCleanup(self.gateway.run, "pmgdb", "reset")
        self.await_rule("watched@example.com", "Archive")
        ident = unique_id("bcc")
        self.assertEqual(send(self.gateway.external, sealed(ident), to="watched@example.com")[0], 250)
        sunk = self.sink.wait_for(ident, 2)
        self.assertEqual(sorted(mail.recipients for mail in sunk), [["archive@example.com"], ["watched@example.com"]])
        self.assertTrue(all(is_whole(mail.raw) for mail in sunk))

    # ---- rules ----
    def test_dry_run_explains_and_sends_nothing(self):
        ident = unique_id("dry")
        file = self.gateway.scratch_folder / "dry.eml"
        file.write_bytes(message(ident, f"{GTUBE}\n"))
        text = self.gateway.run("pmgrule", "test", str(file), "--from", "a@outside.test",
                                "--to", "b@example.com,c@example.com").stdout
        for expected in ("Quarantine/Mark Spam (Level 3)", "Block Viruses", "b@example.com", "c@example.com"):
            self.assertIn(expected, text)
        self.assertEqual(len(re.findall(r"(?m)^[bc]@example\.com\s+quarantined\s", text)), 2, text)
        time.sleep(1)
        self.assertEqual(self.sink.find(ident), [])
        self.assertNotIn(ident, json.dumps(self.gateway.quarantine("all")))

    def test_rule_change_takes_effect_within_a_second_on_running_mail(self):
        document = self.rules_document()
        rule = next(rule for rule in document["rules"] if rule["name"] == "Modify Header")
        group = next(group for group in document["groups"] if group["id"] == rule["action"][0])
        group["objects"][0]["value"] = "changed-by-test"
        self.addCleanup(self.gateway.run, "pmgdb", "reset")
        with smtplib.SMTP("127.0.0.1", self.gateway.external, timeout=30) as session:
            before = unique_id("before")
            self.assertEqual(submit(session, message(before))[0], 250)
            self.import_rules(document)
            saved = time.monotonic()
            # In the same session, and measured by whether, not by how fast: a busy machine is no failure.
            def is_in_force():
                probe = unique_id("after")
                self.assertEqual(submit(session, message(probe))[0], 250)
                return b"changed-by-test" in self.sink.wait_for(probe)[0].raw
            wait_for(is_in_force, 10, "the changed rule on mail")
            print(f"in force after {time.monotonic() - saved:.2f} s", flush=True)
        self.assertNotIn(b"changed-by-test", self.sink.wait_for(before)[0].raw)

    def test_history_and_undo_of_the_rules(self):
        document = self.rules_document()
        document["rules"] = [rule for rule in document["rules"] if rule["name"] != "Block Dangerous Files"]
        self.import_rules(document, note="without the dangerous-files rule")
        self.assertNotIn("Block Dangerous Files", self.gateway.run("pmgrule", "list").stdout)
        self.assertIn("without the dangerous-files rule", self.gateway.run("pmgdb", "history").stdout)
        self.gateway.run("pmgdb", "undo")
        self.assertIn("Block Dangerous Files", self.gateway.run("pmgrule", "list").stdout)

    def test_import_of_an_unbounded_pattern_names_position_and_reason(self):
        document = self.rules_document()
        document["groups"].append({"class": "what", "name": "Evil", "objects": [
            {"kind": "matchfield", "field": "subject", "value": "x(a+)+$"}]})
        file = self.gateway.scratch_folder / "evil.json"
        file.write_text(json.dumps(document))
        refused = self.gateway.run("pmgrule", "import", str(file), check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("Evil", refused.stderr)
        self.assertRegex(refused.stderr, r"position \d+|offset \d+|at \d+")
        self.assertNotIn("Evil", self.gateway.run("pmgrule", "export").stdout)

    # ---- tracking ----
    def test_tracking_has_a_row_a_recipient_and_the_steps(self):
        ident = unique_id("track")
        recipient = f"{ident}@example.com"
        self.assertEqual(send(self.gateway.external, message(ident), to=recipient)[0], 250)
        row = self.tracked(recipient, "A2")
        self.assertEqual(row["sender"], "sender@outside.test")
        listed = self.gateway.run("pmgtrack", "--to", ident).stdout
        self.assertIn(row["queue_id"], listed)
        steps = self.gateway.run_json("pmgtrack", "--queue-id", row["queue_id"], "--json")["events"]
        kinds = [step["kind"] for step in steps]
        self.assertIn("delivered", kinds)
        self.assertGreaterEqual(len(kinds), 2)
        self.assertIn(row["queue_id"], self.gateway.log())


class QueueTest(GatewayCase):
    """The queue while the next hop is away."""

    def setUp(self) -> None:
        self.sink.stop()

    def tearDown(self) -> None:
        self.sink.stop()
        self.sink.start()
        self.gateway.drain(stages=("deliverable", "held"))

    def waiting(self, ident: str, stage: str = "deliverable") -> dict:
        recipient = f"{ident}@example.com"
        return wait_for(lambda: next((each for each in self.gateway.queue() if each["stage"] == stage
                                      and recipient in each.get("recipients", [])), None),
                        20, f"{ident} in the queue as {stage}", 0.2)

    def accept(self) -> str:
        ident = unique_id("queue")
        self.assertEqual(send(self.gateway.external, sealed(ident), to=f"{ident}@example.com")[0], 250)
        return ident

    def test_mail_waits_and_flush_delivers_it(self):
        ident = self.accept()
        entry = self.waiting(ident)
        wait_for(lambda: self.waiting(ident)["reason"], 20, "the reason of the delay", 0.2)
        shown = self.gateway.run("pmgqueue", "show", entry["id"]).stdout
        self.assertIn(f"{ident}@example.com", shown)
        self.assertIn(ident, self.gateway.run("pmgqueue", "show", entry["id"], "--message").stdout)
        self.assertIn("example.com", self.gateway.run("pmgqueue", "shape").stdout)
        self.sink.start()
        self.gateway.run("pmgqueue", "flush", entry["id"])
        self.assertTrue(is_whole(self.sink.wait_for(ident)[0].raw))

    def test_held_mail_stays_until_it_is_let_go(self):
        ident = self.accept()
        entry = self.waiting(ident)
        self.gateway.run("pmgqueue", "hold", entry["id"], "--reason", "looks odd")
        self.assertEqual(self.waiting(ident, "held")["reason"], "looks odd")
        self.sink.start()
        self.gateway.run("pmgqueue", "flush", "--all")
        time.sleep(1.5)
        self.assertEqual(self.sink.find(ident), [])
        self.gateway.run("pmgqueue", "release", entry["id"])
        self.assertTrue(is_whole(self.sink.wait_for(ident)[0].raw))

    def test_deleted_mail_is_gone_without_a_bounce(self):
        ident = self.accept()
        entry = self.waiting(ident)
        asked = self.gateway.run("pmgqueue", "delete", entry["id"], check=False, input="n\n")
        self.assertNotEqual(asked.returncode, 0)
        self.waiting(ident)
        self.gateway.run("pmgqueue", "delete", entry["id"], "--yes")
        self.assertEqual([each for each in self.gateway.queue() if each["id"] == entry["id"]], [])
        self.sink.start()
        other = self.accept()
        self.sink.wait_for(other)
        self.assertEqual(self.sink.find(ident), [])


class ConfigurationTest(GatewayCase):
    """F16: changes of pmg.conf while sessions are open."""

    def test_F16_change_is_applied_without_dropping_a_session(self):
        with RawClient(self.gateway.external) as client:
            client.reply()
            self.assertTrue(client.ask("EHLO client.test").startswith("250"))
            self.gateway.configure("mail", banner="changed banner")
            def has_new_banner():
                with RawClient(self.gateway.external) as fresh:
                    return "changed banner" in fresh.reply()
            wait_for(has_new_banner, 20, "the new banner", 0.2)
            self.assertTrue(client.ask("NOOP").startswith("250"))
            self.assertTrue(client.ask("MAIL FROM:<a@outside.test>").startswith("250"))

    def test_F16_invalid_file_is_refused_by_name_line_key_and_reason(self):
        self.gateway.configure("mail", banner="good banner")
        def banner():
            with RawClient(self.gateway.external) as fresh:
                return fresh.reply()
        wait_for(lambda: "good banner" in banner(), 20, "the good banner", 0.2)
        start = len(self.gateway.log())
        good = self.gateway.conf_text()
        bad = good.replace("banner good banner", "banner bad banner") + "\n\tmaxsize a-lot\n"
        self.gateway.write("pmg.conf", bad.replace("\n\n\tmaxsize", "\n\tmaxsize", 1))
        logged = self.gateway.wait_for_log(r".*maxsize.*", start=start)
        self.assertIn("pmg.conf", logged)
        self.assertRegex(logged, r"\b(line )?\d+")
        self.assertIn("a-lot", logged)
        self.assertIn("good banner", banner())
        ident = unique_id("badconf")
        self.assertEqual(send(self.gateway.external, sealed(ident))[0], 250)
        self.gateway.write("pmg.conf", good)

    def test_second_start_on_the_same_folder_is_refused_with_the_pid_of_the_first(self):
        second = self.gateway.spawn()
        _, errors = second.communicate(timeout=30)
        self.assertEqual(second.returncode, 1)
        self.assertIn(str(self.gateway.process.pid), errors)
        ident = unique_id("first")
        self.assertEqual(send(self.gateway.external, sealed(ident))[0], 250)
        self.sink.wait_for(ident)


if __name__ == "__main__":
    harness.main()
