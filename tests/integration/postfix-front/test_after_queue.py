#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Postfix's content_filter leads to the gateway and back: the usual way of the operator page."""

import re
import smtplib
import time

import front
from front import BACKUP_MX, RETRY_AFTER, SPF_GOOD, STRANGER, FrontCase
from harness import wait_for
from messages import EICAR, is_whole, message, sealed, send, unique_id, with_attachment


class AfterQueueTest(FrontCase):
    # ---- from the client to the next hop ----
    def test_incoming_mail_is_filtered_between_two_passes_of_postfix(self):
        ident = unique_id("in")
        answer = self.send(sealed(ident))
        self.assertRegex(answer, "^250 2.0.0 Ok: queued as")
        sunk = self.arrived(ident)[0]
        self.assertEqual((sunk.sender, sunk.recipients), ("anna@pass.test", ["user@example.com"]))
        self.assertTrue(is_whole(sunk.raw))
        fields = sunk.raw.partition(b"\r\n\r\n")[0]
        received = re.findall(rb"^Received: (?:.*\r\n(?:[ \t].*\r\n)*)", fields, re.MULTILINE)
        # Newest first: Postfix took it back, the gateway filtered it, Postfix took it.
        self.assertEqual([b"Postfix" in each for each in received], [True, False, True])
        self.assertIn(b"(Portcullis)", received[1])
        self.assertIn(SPF_GOOD.encode(), received[1])

    def test_xforward_shows_the_real_client_in_tracking(self):
        ident, to = unique_id("track"), "tracked@example.com"
        queued = self.send(sealed(ident), to=to)
        self.arrived(ident)
        steps = self.steps_of(to, "delivered")
        self.assertIn(SPF_GOOD, steps)
        self.assertIn(queued.split()[-1], steps)  # Postfix's queue id
        self.assertIn(f"127.0.0.1]:{self.ports.back}", steps.replace("127.0.0.1:", "127.0.0.1]:"))

    def test_outgoing_mail_of_our_own_servers_goes_through_the_other_filter_port(self):
        ident, to = unique_id("out"), "friend@elsewhere.test"
        code, text = send(self.ports.internal, sealed(ident), "user@example.com", to)
        self.assertEqual(code, 250, text)
        sunk = self.arrived(ident)[0]
        self.assertTrue(is_whole(sunk.raw))
        self.assertNotIn(b"Received-SPF", sunk.raw)
        self.steps_of(to, "delivered")
        direction = self.gateway.sql("SELECT direction FROM tracking_mail WHERE recipient = 'friend@elsewhere.test'")
        self.assertEqual(direction, [["1"]])

    def test_dsn_8bit_and_utf8_pass_through(self):
        ident = unique_id("utf8")
        content = message(ident, "Grüße: äöü\n", subject="Grüße")
        with smtplib.SMTP("127.0.0.1", self.ports.internal, "origin.test", timeout=60) as client:
            client.sendmail("jürgen@example.com", ["grüße@elsewhere.test"], content,
                            ["SMTPUTF8", "BODY=8BITMIME", "RET=HDRS", f"ENVID={ident}"],
                            ["NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;first@elsewhere.test"])
        sunk = self.arrived(ident)[0]
        self.assertEqual((sunk.sender, sunk.recipients), ("jürgen@example.com", ["grüße@elsewhere.test"]))
        self.assertTrue(sunk.envelope["smtputf8"])
        self.assertEqual((sunk.envelope["body"], sunk.envelope["envid"]), ("8BITMIME", ident))
        self.assertEqual(sunk.envelope["recipients"][0]["orcpt"], "rfc822;first@elsewhere.test")
        self.assertIn("Grüße: äöü".encode(), sunk.raw)

    def test_null_sender_and_many_recipients(self):
        ident = unique_id("null")
        recipients = [f"user{number}@example.com" for number in range(60)]
        with smtplib.SMTP("127.0.0.1", self.ports.internal, "origin.test", timeout=60) as client:
            client.sendmail("", recipients, sealed(ident))
        got = wait_for(lambda: (lambda found: found if len(found) >= 60 else None)(
            [each for mail in self.sink.find(ident) for each in mail.recipients]), 40, "60 recipients")
        self.assertEqual(sorted(got), sorted(recipients))

    # ---- verdicts ----
    def test_virus_is_quarantined_and_released_through_postfix(self):
        ident = unique_id("virus")
        answer = self.send(with_attachment(ident, "invoice.com", EICAR.encode()), to="virus@example.com")
        self.assertTrue(answer.startswith("250"), answer)
        entry = self.quarantined(ident)[0]
        self.assertEqual(self.sink.find(ident), [])
        # The administrator's notification came by the same way.
        self.assertEqual([mail.recipients for mail in self.arrived("Block Viruses")], [["admin@example.com"]])
        self.gateway.run("pmgqm", "release", entry["id"], "--to", "virus@example.com")
        self.assertEqual(self.arrived(ident)[0].recipients, ["virus@example.com"])
        self.steps_of("virus@example.com", f":{self.ports.back}")

    def test_blocked_mail_is_dropped_without_a_bounce_to_a_forged_sender(self):
        self.block_mail_for("blocked@example.com")
        self.addCleanup(self.gateway.run, "pmgdb", "reset")
        ident = unique_id("blocked")
        self.assertTrue(self.send(sealed(ident), to="blocked@example.com").startswith("250"))
        wait_for(lambda: re.search(r"blocked@example\.com.*status=sent \(250 2\.7\.0 BLOCKED", self.postfix.log()),
                 30, "the filter's answer in Postfix's log", 0.2)
        self.steps_of("blocked@example.com", "Block one")
        after = unique_id("after")
        self.send(sealed(after))
        self.arrived(after)
        self.assertEqual(self.sink.find(ident), [])
        self.assertEqual([mail for mail in self.sink.messages() if mail.recipients == ["anna@pass.test"]], [])

    def test_next_hop_away_mail_waits_in_the_queue_of_postfix(self):
        ident = unique_id("next")
        self.sink.stop()
        try:
            self.assertTrue(self.send(sealed(ident)).startswith("250"))
            wait_for(lambda: "Connection refused" in self.postfix.queue(), 30, "Postfix to defer", 0.3)
            self.assertEqual(self.gateway.queue(), [])
        finally:
            self.sink.start()
        self.postfix.flush()
        self.assertTrue(is_whole(self.arrived(ident)[0].raw))

    # ---- when something is away ----
    def test_gateway_stopped_postfix_queues_and_delivers_later(self):
        idents = [unique_id("waits") for _ in range(5)]
        self.gateway.stop()
        try:
            for ident in idents:  # The policy service is away, too: default_action.
                self.assertTrue(self.send(sealed(ident), sender="anna@outside.test", client=STRANGER).startswith("250"))
            wait_for(lambda: self.postfix.queue().count("refused") >= 5, 30, "Postfix to defer all", 0.3)
            self.assertTrue(all(self.sink.find(ident) == [] for ident in idents))
        finally:
            self.gateway.start()
        self.postfix.flush()
        for ident in idents:
            self.assertTrue(is_whole(self.arrived(ident)[0].raw))

    def test_postfix_away_the_gateway_keeps_what_it_has_filtered(self):
        ident = unique_id("kept")
        self.postfix.halt()
        try:
            code, text = send(self.ports.filter_in, sealed(ident))
            self.assertEqual(code, 250, text)
            entry = wait_for(lambda: [each for each in self.gateway.queue() if each.get("reason")], 20, "a deferral")[0]
            self.assertIn(str(self.ports.back), entry["reason"])
        finally:
            self.postfix.start()
        self.gateway.run("pmgqueue", "flush", "--all")
        self.assertTrue(is_whole(self.arrived(ident)[0].raw))

    def test_mail_processes_killed_again_and_again_lose_nothing(self):
        idents = []
        for _ in range(3):
            for _ in range(5):
                ident = unique_id("kill")
                self.assertTrue(self.send(sealed(ident)).startswith("250"))
                idents.append(ident)
            self.gateway.kill("pmg-smtpd")
            time.sleep(0.3)
        wait_for(lambda: (self.postfix.flush(), all(self.sink.find(ident) for ident in idents))[1], 90,
                 "all mail", 1)
        self.assertTrue(all(is_whole(self.sink.find(ident)[0].raw) for ident in idents))

    # ---- who may ----
    def test_filter_ports_are_on_loopback_and_postfix_relays_for_nobody(self):
        for port in (self.ports.filter_in, self.ports.filter_out, self.ports.policy):
            with self.assertRaises(OSError):
                front.peers.socket.create_connection(("127.0.0.2", port), 2).close()
        session = self.stranger()
        self.assertTrue(session.ask("MAIL FROM:<a@outside.test>").startswith("250"))
        self.assertRegex(session.ask("RCPT TO:<victim@elsewhere.test>"), "^554 .*Relay access denied")
        self.assertRegex(session.ask("RCPT TO:<victim%elsewhere.test@example.com>"), "^[45]")

    def test_a_strange_helo_name_does_not_turn_its_client_into_loopback(self):
        ident, to = unique_id("helo"), "helo@example.com"
        with front.peers.Dialogue(self.ports.external, SPF_GOOD) as session:
            self.assertTrue(session.ask(b"EHLO st\xc3\xa4range_(name)=\\%s").startswith("250"))
            session.envelope("anna@pass.test", to)
            session.ask("DATA")
            session.send(sealed(ident))
            self.assertTrue(session.ask(".").startswith("250"))
        received = self.arrived(ident)[0].raw.split(b"(Portcullis)")[0].rpartition(b"Received:")[2]
        self.assertIn(SPF_GOOD.encode(), received)
        self.assertIn(SPF_GOOD, self.steps_of(to, "delivered"))

    # ---- policy, through Postfix ----
    def test_stranger_is_greylisted_and_passes_later(self):
        session = self.stranger()
        self.assertTrue(session.ask("MAIL FROM:<grey@outside.test>").startswith("250"))
        self.assertRegex(session.ask("RCPT TO:<grey@example.com>"),
                         r"^450 4\.7\.1 .*Service is unavailable \(try later\)")
        time.sleep(RETRY_AFTER)
        ident = unique_id("grey")
        self.assertTrue(self.send(sealed(ident), "grey@outside.test", "grey@example.com", STRANGER).startswith("250"))
        self.assertRegex(self.arrived(ident)[0].raw, rb"(?m)^Received-SPF: neutral")
        self.assertRegex(self.gateway.log(), r"policy\.refused.*check=greylist.*203\.0\.113\.1\b")

    def test_spf_fail_is_refused_for_good(self):
        session = self.stranger()
        self.assertTrue(session.ask("MAIL FROM:<forged@fail.test>").startswith("250"))
        self.assertRegex(session.ask("RCPT TO:<user@example.com>"), r"^550 5\.7\.23 .*fail\.test")
        self.assertRegex(self.gateway.log(), r"policy\.refused.*check=spf")

    def test_spf_pass_skips_greylisting_and_is_noted_once_for_all_recipients(self):
        ident = unique_id("pass")
        session = self.stranger(SPF_GOOD)
        session.envelope("anna@pass.test", "one@example.com")
        for number in range(3):
            self.assertTrue(session.ask(f"RCPT TO:<more{number}@example.com>").startswith("250"))
        session.ask("DATA")
        session.send(sealed(ident))
        self.assertTrue(session.ask(".").startswith("250"))
        raw = self.arrived(ident)[0].raw
        self.assertEqual(len(re.findall(rb"(?m)^Received-SPF: pass", raw)), 1)
        self.assertEqual(len(re.findall(rb"(?m)^Received-SPF:", raw)), 1)

    def test_backup_mx_of_ours_is_taken_whatever_spf_says(self):
        session = self.stranger(BACKUP_MX)
        self.assertTrue(session.ask("MAIL FROM:<forged@fail.test>").startswith("250"))
        self.assertTrue(session.ask("RCPT TO:<user@example.com>").startswith("250"))

    def test_killed_policy_service_is_back_at_once(self):
        before = self.gateway.pids("pmgpolicy")
        self.gateway.kill("pmgpolicy")
        wait_for(lambda: (now := self.gateway.pids("pmgpolicy")) and now != before, 10, "another pmgpolicy")

        def is_refused():
            session = self.stranger()
            session.ask("MAIL FROM:<forged@fail.test>")
            return session.ask("RCPT TO:<user@example.com>").startswith("550 5.7.23")
        wait_for(is_refused, 20, "answers", 0.3)


if __name__ == "__main__":
    front.main()
