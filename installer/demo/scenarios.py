# SPDX-License-Identifier: GPL-2.0-or-later
"""What the demonstration sends, and what has to come of it."""

from dataclasses import dataclass, field

# RFC 5737; the demonstration introduces itself as one of these hosts by XCLIENT.
PARTNER = "203.0.113.9"  # on the SMTP allow list, see gateway.py
STRANGER = "198.51.100.7"
OFFICE = "127.0.0.1"

DELIVERED = "delivered"
QUARANTINED = "quarantined"
REFUSED = "refused"
BOUNCED = "bounced"
GREYLISTED = "greylisted"

DEFAULT = "default-accept"
SPAM = "Quarantine/Mark Spam (Level 3)"
ABUSE = "Abuse desk sees all spam"  # the demonstration's own rule, see gateway.py


@dataclass
class Expected:
    """The fate of one recipient; `rule` None: no rule is asked."""

    fate: str
    rule: str | None = DEFAULT
    changed: tuple[str, ...] = ()  # what must differ at the downstream server


@dataclass
class Scenario:
    """One message: through which port, from whom, to whom."""

    about: str
    file: str
    sender: str
    recipients: dict[str, Expected]
    outgoing: bool = False
    over_tls: bool = False
    is_raw: bool = False  # line endings are sent as given, with a smuggled second message
    notified: tuple[str, ...] = field(default_factory=tuple)
    from_stranger: bool = False

    @property
    def client(self) -> str:
        if self.outgoing:
            return OFFICE
        return STRANGER if self.from_stranger else PARTNER


ADMIN = "admin@example.com"

SCENARIOS = [
    Scenario("Plain text", "plain.eml", "anna@partner.example",
             {"plain@example.com": Expected(DELIVERED, changed=("X-SPAM-LEVEL added",))}),
    Scenario("Newsletter, HTML, UTF-8", "newsletter.eml", "post@gemuesehof.example",
             {"newsletter@example.com": Expected(DELIVERED)}, over_tls=True),
    Scenario("Virus attached", "virus.eml", "billing@invoices.example",
             {"virus@example.com": Expected(QUARANTINED, "Block Viruses")}, notified=(ADMIN,)),
    Scenario("Virus in a ZIP archive", "virus-zip.eml", "billing@invoices.example",
             {"viruszip@example.com": Expected(QUARANTINED, "Block Viruses")}, notified=(ADMIN,)),
    Scenario("Spam (GTUBE), two recipients", "spam.eml", "winner@offers.example",
             {"spam@example.com": Expected(QUARANTINED, SPAM),
              "abuse@example.com": Expected(DELIVERED, ABUSE)}),
    Scenario("Windows program attached", "program.eml", "dora@partner.example",
             {"program@example.com": Expected(DELIVERED, changed=("setup.exe removed",))}),
    Scenario("Office document", "office.eml", "eva@partner.example",
             {"office@example.com": Expected(DELIVERED)}),
    Scenario("Archive with a password", "encrypted.eml", "frank@partner.example",
             {"encrypted@example.com": Expected(QUARANTINED, SPAM)}),
    Scenario("Sender on the blocklist", "blocklisted.eml", "nomail@fromthisdomain.example",
             {"blocklisted@example.com": Expected(REFUSED, "Blocklist")}),
    Scenario("Spam of a welcome sender", "welcomelisted.eml", "mail@fromthisdomain.example",
             {"welcome@example.com": Expected(DELIVERED, "Welcomelist")}),
    Scenario("Three recipients", "mixed.eml", "carla@partner.example",
             {"first@example.com": Expected(DELIVERED),
              "nosuchuser@example.com": Expected(BOUNCED),
              "someone@elsewhere.example": Expected(REFUSED, None)},
             notified=("carla@partner.example",)),
    Scenario("Stranger wants to relay", "plain.eml", "anna@partner.example",
             {"victim@elsewhere.example": Expected(REFUSED, None)}),
    Scenario("Smuggled second message", "smuggling.eml", "anna@partner.example",
             {"smuggled@example.com": Expected(REFUSED, None)}, is_raw=True),
    Scenario("First visit of a stranger", "plain.eml", "hello@stranger.example",
             {"greylisted@example.com": Expected(GREYLISTED, None)}, from_stranger=True),
    Scenario("Outgoing mail", "outgoing.eml", "ben@example.com",
             {"anna@partner.example": Expected(DELIVERED, changed=("text added",))}, outgoing=True),
    Scenario("Outgoing virus", "outgoing-virus.eml", "ben@example.com",
             {"customer@elsewhere.example": Expected(REFUSED, "Virus Alert")}, outgoing=True,
             notified=("ben@example.com", ADMIN)),
]

SMUGGLED = (b"\n.\r\nMAIL FROM:<boss@example.com>\r\nRCPT TO:<smuggled@example.com>\r\nDATA\r\n"
            b"Subject: smuggled\r\n\r\nI was never here.\r\n.\r\n")
