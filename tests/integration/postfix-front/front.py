# SPDX-License-Identifier: GPL-2.0-or-later
"""A gateway behind a Postfix, both configured by the very lines of docs/operator/postfix-in-front.md."""

import json
import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "smtp-peers"))

import peers  # noqa: E402  # also opens the way to the gateway's harness
import harness  # noqa: E402
from harness import REPOSITORY, Gateway, Sink, wait_for  # noqa: E402
from postfix import PostfixInstance, free_port, require_postfix  # noqa: E402

PAGE = REPOSITORY / "docs/operator/postfix-in-front.md"
STRANGER = peers.STRANGER
SPF_GOOD = "203.0.113.9"  #: May send for pass.test.

#: What the page takes for granted and the harness switches off, with a delay that a test can wait for.
CHECKS = {"spf": 1, "greylist": 1, "greylist_delay": 2, "trust_own_networks": 0}
RETRY_AFTER = 3.5  #: Seconds; greylisting counts whole ones.

ZONES = {
    "outside.test": '@ TXT "v=spf1 ?all"\n@ MX 10 mx\nmx A 203.0.113.200',
    "pass.test": f'@ TXT "v=spf1 ip4:{SPF_GOOD} -all"\n@ MX 10 mx\nmx A {SPF_GOOD}',
    "fail.test": '@ TXT "v=spf1 -all"\n@ MX 10 mx\nmx A 203.0.113.200',
    "example.com": "@ MX 10 gateway\n@ MX 20 backup\ngateway A 192.0.2.25\nbackup A 203.0.113.77",
    "test": "ns A 127.0.0.1",
}
BACKUP_MX = "203.0.113.77"  #: Is one of example.com's.


def blocks(kind: str) -> str:
    """The fenced blocks of the page that are marked as `kind`."""
    found = re.findall(rf"^```{re.escape(kind)}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    if not found:
        raise harness.HarnessError(f"{PAGE} has no block {kind}")
    return "".join(found)


class Ports:
    """Free ones in the place of those that the page names."""

    def __init__(self) -> None:
        self.external, self.internal = free_port(), free_port()
        self.policy, self.filter_out, self.filter_in, self.back = (free_port() for _ in range(4))

    def put_into(self, text: str, root: Path) -> str:
        text = re.sub(r"^smtp(\s+inet)", rf"127.0.0.1:{self.external}\1", text, flags=re.MULTILINE)
        text = re.sub(r"^26(\s+inet)", rf"127.0.0.1:{self.internal}\1", text, flags=re.MULTILINE)
        for written, port in ((10022, self.policy), (10023, self.filter_out), (10024, self.filter_in),
                              (10025, self.back)):
            text = re.sub(rf"\b{written}\b", str(port), text)
        return text.replace("/srv/portcullis", str(root))


class FrontCase(unittest.TestCase):
    """One gateway, one Postfix in front of it, one sink behind Postfix; `way` chooses the page's master.cf."""

    way = "after-queue"
    mail: dict = {}

    @classmethod
    def setUpClass(cls) -> None:
        cls.sink = Sink()
        cls.addClassCleanup(cls.sink.__exit__)
        cls.sink.start()
        cls.names = peers.NameServer(ZONES)
        cls.addClassCleanup(cls.names.stop)
        cls.names.start()
        cls.ports = Ports()
        cls.gateway = Gateway(
            arguments=("--dns", cls.names.server), admin={"email": "admin@example.com"},
            files={"transport": f"example.com smtp:[127.0.0.1]:{cls.sink.port}\n"},
            mail={"behind_postfix": 1, "policy_port": cls.ports.policy, "filter_port_in": cls.ports.filter_in,
                  "filter_port_out": cls.ports.filter_out, "reinject_port": cls.ports.back,
                  **CHECKS, **cls.mail})
        cls.addClassCleanup(cls.gateway.close)
        cls.gateway.start()
        cls.postfix = PostfixInstance(
            "front", servers={}, services=cls.ports.put_into(blocks(f"master.cf {cls.way}"), cls.gateway.root),
            main_text=cls.ports.put_into(blocks("main.cf"), cls.gateway.root),
            ports={"external": cls.ports.external, "internal": cls.ports.internal, "back": cls.ports.back},
            # Both on one machine, so both have its name.
            myhostname=cls.gateway.sections["mail"]["myhostname"],
            relayhost=f"[127.0.0.1]:{cls.sink.port}",
            smtpd_authorized_xclient_hosts="127.0.0.1")
        cls.addClassCleanup(cls.postfix.stop)
        cls.postfix.start()

    # ---- helpers ----
    def stranger(self, address: str = STRANGER) -> peers.Dialogue:
        """A session on Postfix's external port as somebody from the internet, after EHLO."""
        dialogue = peers.Dialogue(self.ports.external, address)
        self.addCleanup(dialogue.close)
        self.assertTrue(dialogue.ehlo().startswith("250"))
        return dialogue

    def send(self, content: bytes, sender: str = "anna@pass.test", to: str = "user@example.com",
             client: str = SPF_GOOD) -> str:
        """The reply to the end of data of a message by a stranger, whom SPF spares the greylisting."""
        with self.stranger(client) as session:
            session.envelope(sender, to)
            self.assertTrue(session.ask("DATA").startswith("354"))
            session.send(content)
            return session.ask(b"." if content.endswith(b"\r\n") else b"\r\n.")

    def arrived(self, ident: str, count: int = 1) -> list[harness.SunkMail]:
        try:
            found = self.sink.wait_for(ident, count, 30)
        except harness.HarnessError as error:
            self.fail(f"{error}\n--- Postfix\n{self.postfix.log()[-3000:]}\n--- gateway\n{self.gateway.log()[-3000:]}")
        self.assertEqual(len(found), count)
        return found

    def steps_of(self, recipient: str, wanted: str) -> str:
        """What pmgtrack tells of the mail for a recipient, every step with its evidence, once `wanted` is among it."""
        def look():
            found = self.gateway.run_json("pmgtrack", "--json", "--to", recipient)["mails"]
            texts = [self.gateway.run("pmgtrack", "--queue-id", mail["queue_id"]).stdout for mail in found]
            return next((text for text in texts if wanted in text), None)
        return wait_for(look, 20, f"tracking of {recipient} with {wanted}", 0.3)

    def quarantined(self, ident: str) -> list[dict]:
        return wait_for(lambda: [each for each in self.gateway.quarantine("all") if ident in each["message_id"]],
                        20, f"{ident} in the quarantine", 0.2)

    def block_mail_for(self, recipient: str) -> None:
        """A rule that blocks, in force when this returns."""
        rules = self.gateway.scratch_folder / "rules.json"

        def change(edit):
            document = json.loads(self.gateway.run("pmgrule", "export").stdout)
            edit(document)
            rules.write_text(json.dumps(document))
            self.gateway.run("pmgrule", "import", str(rules), "--note", "test")

        change(lambda document: document["groups"].append(
            {"class": "who", "name": "Nobody wants", "objects": [{"kind": "email", "email": recipient}]}))

        def add_rule(document):
            group = next(each["id"] for each in document["groups"] if each["name"] == "Nobody wants")
            document["rules"].append({"name": "Block one", "priority": 99, "active": True, "direction": 0,
                                      "to": [group], "action": [18]})
        change(add_rule)
        probe = self.gateway.scratch_folder / "probe.eml"
        probe.write_bytes(b"Subject: probe\r\n\r\n")
        wait_for(lambda: "Block one" in self.gateway.run("pmgrule", "test", str(probe), "--from", "a@outside.test",
                                                         "--to", recipient, "--json").stdout, 20, "the rule", 0.2)


def main() -> None:
    require_postfix()
    if not peers.NameServer.is_installed():
        harness.skip_whole_file("nsd is not installed (apt-get install nsd)")
    harness.require_programs("pmgpolicy", "pmg-spf-worker")
    unittest.main(module="__main__", verbosity=2)
