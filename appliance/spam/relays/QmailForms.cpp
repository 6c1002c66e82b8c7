// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/relays/ShapedForms.h"

namespace portcullis::spam {

// "name (HELO helo) (ident@address) by host": qmail and those that write like it. A function below
// has "name" before the greeting, which is the other way round than in Sendmail's family.

namespace {

bool smtpWord(HopLine &line)
{
    line.literal("E");
    return line.literal("SMTP");
}

// "name (HELO helo) " with the greeting that is asked for.
bool nameAndGreeting(HopLine &line, bool isLmtp, Hop &said)
{
    return line.word(said.rdns) && line.literal(" (")
           && (isLmtp ? line.literal("LHLO") : line.greeting()) && line.literal(" ")
           && line.wordEnding(")", said.helo) && line.literal(" ");
}

}  // namespace

HopOutcome qpsmtpd(HopLine line, Hop &hop)
{
    Hop said = hop;
    if (!nameAndGreeting(line, false, said) || !line.literal("(") || !line.address(said.ip)
        || !line.literal(")") || !byHost(line, said.by, " (qpsmtpd/") || !line.wordEnding(")")
        || !line.literal(" with ") || !smtpWord(line)) {
        return HopOutcome::Unknown;
    }
    hop = said;
    return HopOutcome::Hop;
}

HopOutcome zimbraLmtp(HopLine line, Hop &hop)
{
    Hop said = hop;
    if (!nameAndGreeting(line, true, said) || !line.literal("(") || !line.address(said.ip)
        || !line.literal(")") || !byHost(line, said.by, " with LMTP")) {
        return HopOutcome::Unknown;
    }
    hop = said;
    return HopOutcome::Hop;
}

HopOutcome gmx(HopLine line, Hop &hop)
{
    Hop said = hop;
    if (!nameAndGreeting(line, false, said) || !line.literal("[") || !line.address(said.ip)
        || !line.literal("]") || !byHost(line, said.by) || !line.comment()
        || !line.literal(" with ") || !smtpWord(line)) {
        return HopOutcome::Unknown;
    }
    hop = said;
    return HopOutcome::Hop;
}

namespace {

// " with … SMTP" or QMQP behind the host and its remarks, but not "SMTP id": that is Sendmail.
bool saysQmailProtocol(HopLine line)
{
    if (!line.literal(" with ") && !(line.literal(" (") && line.through(") with "))) {
        return false;
    }
    for (bool isMore = true; isMore; isMore = line.through(" ")) {
        HopLine protocol = line;
        if ((protocol.literal("SMTP") || protocol.literal("QMQP")) && !protocol.literal(" id ")) {
            return true;
        }
    }
    return false;
}

// "(user@[192.0.2.1])" with or without its brackets and its user; an ident of no letters is none.
bool qmailPeer(HopLine &line, QByteArrayView &ident, QByteArrayView &ip)
{
    if (!line.literal("(")) {
        return false;
    }
    HopLine plain = line;
    plain.literal("[");
    if (plain.address(ip)) {
        line = plain;
        ident = {};
    } else if (!line.identAndAddress("@[", ident, ip) && !line.identAndAddress("@", ident, ip)) {
        return false;
    }
    line.literal("]");
    return line.literal(")");
}

}  // namespace

HopOutcome qmail(HopLine line, Hop &hop)
{
    Hop said = hop;
    QByteArrayView ident;
    if (!line.word(said.rdns)) {
        return HopOutcome::Unknown;
    }
    QByteArrayView helo;
    HopLine greeted = line;
    const bool isGreeted = greeted.literal(" (") && greeted.greeting() && greeted.literal(" ")
                           && greeted.wordEnding(")", helo);
    line = isGreeted ? greeted : line;
    if (!line.literal(" ") || !qmailPeer(line, ident, said.ip)
        || (ident.isEmpty() && !ident.isNull())) {
        return HopOutcome::Unknown;
    }
    HopLine sender = line;
    if (sender.literal(" (envelope-sender <") && sender.wordEnding(">)")) {
        line = sender;
    }
    if (!byHost(line, said.by, "") || !saysQmailProtocol(line)) {
        return HopOutcome::Unknown;
    }
    if (helo.contains('(') || helo.contains(')')) {
        // Known as qmail's, and not to be taken at its word.
        hop.asksDns = true;
        return HopOutcome::Hop;
    }
    said.helo = isGreeted ? helo : said.rdns;
    said.ident = ident;
    // A name comes from tcpserver, which asked for it; "unknown" may also mean that nobody asked.
    said.asksDns = said.rdns != QByteArrayView("unknown");
    hop = said;
    return HopOutcome::Hop;
}

HopOutcome looseQmail(HopLine line, Hop &hop)
{
    Hop said = hop;
    said.asksDns = true;
    said.ident = {};
    if (!line.word(said.rdns) || !line.literal(" (") || !line.greeting() || !line.literal(" ")) {
        return HopOutcome::Unknown;
    }
    const QByteArrayView from = line.rest();
    if (!line.through(")") || !line.literal(" ") || !qmailPeer(line, said.ident, said.ip)
        || !line.lastWordBetween(" by ", " ", said.by)) {
        return HopOutcome::Unknown;
    }
    said.helo = from.first(from.indexOf(')'));
    hop = said;
    return HopOutcome::Hop;
}

HopOutcome looseQmailWithoutHelo(HopLine line, Hop &hop)
{
    Hop said = hop;
    said.asksDns = true;
    said.ident = {};
    if (!line.word(said.rdns) || !line.literal(" ") || !qmailPeer(line, said.ident, said.ip)
        || !line.lastWordBetween(" by ", " ", said.by)) {
        return HopOutcome::Unknown;
    }
    said.helo = said.rdns;
    hop = said;
    return HopOutcome::Hop;
}

// "(baldur@192.0.2.1 with plain)": what else is in there does not matter.
HopOutcome qmailWithRemark(HopLine line, Hop &hop)
{
    Hop said = hop;
    said.asksDns = true;
    if (!nameAndGreeting(line, false, said) || !line.literal("(")) {
        return HopOutcome::Unknown;
    }
    HopLine plain = line;
    if (plain.address(said.ip)) {
        line = plain;
    } else if (!line.identAndAddress("@", said.ident, said.ip)) {
        return HopOutcome::Unknown;
    }
    if (!line.firstWordBetween(") by ", " with ", said.by)) {
        return HopOutcome::Unknown;
    }
    hop = said;
    return HopOutcome::Hop;
}

}  // namespace portcullis::spam
