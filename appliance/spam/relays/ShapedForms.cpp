// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/relays/ShapedForms.h"

#include "appliance/spam/relays/IpScanner.h"

#include <array>

// Forms are tried from the strictest to the loosest; where two fit, the order decides what rules see.
namespace portcullis::spam {

bool byHost(HopLine &line, QByteArrayView &by, QByteArrayView after)
{
    return line.literal(" by ") && line.word(by) && line.literal(after);
}

namespace {

HopOutcome fits(bool fit)
{
    return fit ? HopOutcome::Hop : HopOutcome::Unknown;
}

bool isQmailLdap(HopLine line)
{
    while (line.through(" by ")) {
        HopLine at = line;
        if (at.word() && at.literal(" (qmail-") && at.wordEnding(")") && at.literal(" with ")) {
            return true;
        }
    }
    return false;
}

// ---- "helo (name [address]) by host": Sendmail and its many relatives -------------------------------

// The reverse name with the answer of an ident lookup (RFC 1413) before it: "IDENT:user@name".
void splitIdent(QByteArrayView name, Hop &hop)
{
    constexpr QByteArrayView mark("IDENT:");
    if (name.startsWith(mark) && name.contains('@')) {
        const qsizetype at = name.indexOf('@');
        hop.ident = name.first(at).sliced(mark.size());
        name = name.sliced(at + 1);
    }
    if (const qsizetype at = name.indexOf('@'); at >= 0) {
        hop.ident = name.first(at);
        name = name.sliced(at + 1);
    }
    hop.rdns = name;
}

HopOutcome sendmail(HopLine line, Hop &hop)
{
    if (isQmailLdap(line)) {
        return HopOutcome::Unknown;
    }
    QByteArrayView helo;
    QByteArrayView name;
    QByteArrayView ip;
    QByteArrayView by;
    if (!line.word(helo) || !line.literal(" (") || !line.word(name) || !line.literal(" [")
        || !line.address(ip) || !line.literal("]") || !line.lastWordBetween(") by ", " (", by)) {
        return HopOutcome::Unknown;
    }
    hop.asksDns = true;
    hop.helo = helo;
    hop.ip = ip;
    hop.by = by;
    splitIdent(name, hop);
    return HopOutcome::Hop;
}

HopOutcome exchangeInternetMail(HopLine line, Hop &hop)
{
    Hop said = hop;
    said.asksDns = true;
    if (!line.word(said.helo) || !line.literal(" (") || !line.word(said.rdns) || !line.literal(" [")
        || !line.address(said.ip) || !line.literal("])") || !byHost(line, said.by, " with ")
        || !line.word() || !line.literal(" (")) {
        return HopOutcome::Unknown;
    }
    hop = said;
    return HopOutcome::Hop;
}

// Any words may stand before "by"; Courier writes "softdnserr" where its lookup failed.
HopOutcome looseSendmail(HopLine line, Hop &hop)
{
    QByteArrayView helo;
    QByteArrayView name;
    QByteArrayView ip;
    if (!line.word(helo) || !line.literal(" (") || !line.word(name) || !line.literal(" [")
        || !line.address(ip) || !line.literal("])")) {
        return HopOutcome::Unknown;
    }
    QByteArrayView by;
    do {
        if (!line.firstWordBetween(" by ", "", by)) {
            return HopOutcome::Unknown;
        }
        by = upToLastWordByte(by);
    } while (by.isEmpty());
    const bool hasFailed = name == QByteArrayView("softdnserr");
    hop.asksDns = !hasFailed;
    hop.rdns = hasFailed ? hop.rdns : name;
    hop.helo = helo;
    hop.ip = ip;
    hop.by = by;
    return HopOutcome::Hop;
}

// ---- "helo (name[address]) by host", glued ----------------------------------------------------------

HopOutcome unknownDomain(HopLine line, Hop &hop)
{
    Hop said = hop;
    QByteArrayView ignored;
    if (!line.word(said.helo) || !line.literal(" (<unknown")
        || !line.identAndAddress(">[", ignored, said.ip) || !line.literal("])")
        || !byHost(line, said.by)) {
        return HopOutcome::Unknown;
    }
    hop = said;
    return HopOutcome::Hop;
}

bool gluedName(HopLine line, Hop &hop)
{
    hop.asksDns = true;
    return line.word(hop.helo) && line.literal(" (") && line.wordUpToLast("[", hop.rdns)
           && !hop.rdns.isEmpty() && line.address(hop.ip) && line.literal("])")
           && byHost(line, hop.by);
}

HopOutcome gluedDottedName(HopLine line, Hop &hop)
{
    Hop said = hop;
    const bool isDotted = gluedName(line, said) && said.rdns.size() >= 3
                          && said.rdns.sliced(1).chopped(1).contains('.');
    hop = isDotted ? said : hop;
    return fits(isDotted);
}

HopOutcome gluedAnyName(HopLine line, Hop &hop)
{
    Hop said = hop;
    const bool fit = gluedName(line, said);
    hop = fit ? said : hop;
    return fits(fit);
}

HopOutcome gluedIdent(HopLine line, Hop &hop)
{
    Hop said = hop;
    said.asksDns = true;
    if (!line.word(said.helo) || !line.literal(" (")
        || !line.identAndAddress("@[", said.ident, said.ip) || !line.literal("]")
        || !line.lastWordBetween(") by ", " (", said.by)) {
        return HopOutcome::Unknown;
    }
    hop = said;
    return HopOutcome::Hop;
}

// ---- "helo ([address]) by host" ---------------------------------------------------------------------

bool bareAddress(HopLine &line, Hop &said)
{
    return line.word(said.helo) && line.literal(" ([") && line.address(said.ip);
}

HopOutcome bareWithHelo(HopLine line, Hop &hop)
{
    Hop said = hop;
    if (!line.word(said.rdns) || !line.literal(" ([") || !line.address(said.ip)
        || !line.literal("] helo=") || !line.wordEnding(")", said.helo) || said.helo.isEmpty()
        || !byHost(line, said.by, " with ")) {
        return HopOutcome::Unknown;
    }
    hop = said;
    return HopOutcome::Hop;
}

HopOutcome raptor(HopLine line, Hop &hop)
{
    Hop said = hop;
    if (!bareAddress(line, said) || !line.literal("])")
        || !byHost(line, said.by, " via smtpd (for ") || !line.wordEnding(")")
        || !line.literal(" with SMTP(")) {
        return HopOutcome::Unknown;
    }
    hop = said;
    return HopOutcome::Hop;
}

HopOutcome bareSendmail(HopLine line, Hop &hop)
{
    Hop said = hop;
    said.asksDns = true;
    if (!bareAddress(line, said) || !line.literal("])") || !byHost(line, said.by, " (")) {
        return HopOutcome::Unknown;
    }
    hop = said;
    return HopOutcome::Hop;
}

HopOutcome bareLoose(HopLine line, Hop &hop)
{
    Hop said = hop;
    said.asksDns = true;
    if (!bareAddress(line, said)) {
        return HopOutcome::Unknown;
    }
    HopLine port = line;
    if ((port.literal(".") || port.literal(":")) && port.digits()) {
        line = port;
    }
    if (!line.literal("])") || !line.firstWordBetween(" by ", " ", said.by)) {
        return HopOutcome::Unknown;
    }
    hop = said;
    return HopOutcome::Hop;
}

HopOutcome communigateVerified(HopLine line, Hop &hop)
{
    Hop said = hop;
    said.asksDns = true;
    if (!line.has(" (CommuniGate Pro") || !bareAddress(line, said) || !line.literal("] verified)")
        || !byHost(line, said.by, " (")) {
        return HopOutcome::Unknown;
    }
    said.rdns = said.helo;
    hop = said;
    return HopOutcome::Hop;
}

HopOutcome twoAddresses(HopLine line, Hop &hop)
{
    Hop said = hop;
    if (!bareAddress(line, said) || !line.literal("] [") || !line.wordEnding("])")
        || !byHost(line, said.by, " with ")) {
        return HopOutcome::Unknown;
    }
    hop = said;
    return HopOutcome::Hop;
}

}  // namespace

HopOutcome readShapedForms(const HopLine &line, Hop &hop)
{
    static constexpr std::array<HopForm, 38> forms{httpFromAddress,
                                                   sendmail,
                                                   exchangeInternetMail,
                                                   bareWithHelo,
                                                   unknownDomain,
                                                   gluedDottedName,
                                                   gluedIdent,
                                                   oldHotmail,
                                                   qpsmtpd,
                                                   zimbraLmtp,
                                                   gmx,
                                                   raptor,
                                                   qmail,
                                                   webMailUser,
                                                   startsWithAddress,
                                                   mdaemon,
                                                   bareSendmail,
                                                   looseSendmail,
                                                   bareLoose,
                                                   fetcher,
                                                   looseQmail,
                                                   looseQmailWithoutHelo,
                                                   smap,
                                                   batchSmtp,
                                                   qmailWithRemark,
                                                   communigateAccount,
                                                   communigateVerified,
                                                   contentTechnologies,
                                                   twoAddresses,
                                                   addressByHost,
                                                   gluedAnyName,
                                                   addressAndHelo,
                                                   nameAndAddress,
                                                   addressAndRemark,
                                                   addressAndClaims,
                                                   obtuse,
                                                   yahooLogin,
                                                   originatingAddress};
    for (const HopForm form : forms) {
        const HopOutcome outcome = form(line, hop);
        if (outcome != HopOutcome::Unknown) {
            return outcome;
        }
    }
    return HopOutcome::Unknown;
}

}  // namespace portcullis::spam
