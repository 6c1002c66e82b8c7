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

// ---- addresses that stand alone ---------------------------------------------------------------------

HopOutcome httpFromAddress(HopLine line, Hop &hop)
{
    Hop said = hop;
    if (!line.hasWords("with HTTP") || !line.address(said.ip) || !line.literal(" ([")
        || !line.address() || !line.literal("])") || !byHost(line, said.by, "")) {
        return HopOutcome::Unknown;
    }
    hop = said;
    return HopOutcome::Hop;
}

HopOutcome oldHotmail(HopLine line, Hop &hop)
{
    constexpr QByteArrayView domain(".hotmail.msn.com");
    QByteArrayView by;
    HopLine at = line;
    do {
        if (!at.through("by ")) {
            return HopOutcome::Unknown;
        }
        HopLine host = at;
        by = host.word(by) && host.literal(" ") ? by : QByteArrayView();
    } while (!by.endsWith(domain) || by.size() == domain.size());
    hop.by = by;
    QByteArrayView ip;
    if (line.address(ip) && line.literal(" ")) {
        hop.ip = ip;
    }
    return HopOutcome::Hop;
}

HopOutcome webMailUser(HopLine line, Hop &hop)
{
    Hop said = hop;
    if (!line.word() || !line.literal(" ( [") || !line.address(said.ip) || !line.literal("])")
        || !line.firstWordBetween(" by ", " ", said.by)) {
        return HopOutcome::Unknown;
    }
    hop = said;
    return HopOutcome::Hop;
}

// "(helo [address]) by host", "[address] by host", "([address]) by host".
HopOutcome startsWithAddress(HopLine line, Hop &hop)
{
    Hop said = hop;
    HopLine named = line;
    if (named.literal("(") && named.word(said.helo) && named.literal(" [") && named.address(said.ip)
        && named.literal("])") && byHost(named, said.by)) {
        hop = said;
        return HopOutcome::Hop;
    }
    said = hop;
    HopLine bracketed = line;
    if (bracketed.literal("[") && bracketed.address(said.ip) && bracketed.literal("]")
        && byHost(bracketed, said.by)) {
        hop = said;
        return HopOutcome::Hop;
    }
    if (!line.literal("(")) {
        return HopOutcome::Unknown;
    }
    line.literal("[");
    if (!line.address(said.ip)) {
        return HopOutcome::Unknown;
    }
    line.literal("]");
    if (!line.literal(")") || !byHost(line, said.by)) {
        return HopOutcome::Unknown;
    }
    hop = said;
    return HopOutcome::Hop;
}

HopOutcome mdaemon(HopLine line, Hop &hop)
{
    Hop said = hop;
    HopLine old = line;
    if (old.word(said.helo) && old.literal(" [") && old.address(said.ip) && old.literal("]")
        && byHost(old, said.by, " [") && old.address() && old.literal("] with ")) {
        said.asksDns = true;
        hop = said;
        return HopOutcome::Hop;
    }
    if (line.word(said.helo) && line.literal(" [(") && line.address(said.ip) && line.literal(")]")
        && byHost(line, said.by, " (") && line.address() && line.literal(") ")) {
        hop = said;
        return HopOutcome::Hop;
    }
    return HopOutcome::Unknown;
}

// "name(address) by host via smap", "name(address, HELO helo) by host via smap".
HopOutcome smap(HopLine line, Hop &hop)
{
    Hop said = hop;
    said.asksDns = true;
    if (!line.identAndAddress("(", said.rdns, said.ip) || said.rdns.isEmpty()) {
        return HopOutcome::Unknown;
    }
    HopLine greeted = line;
    if (greeted.literal(", ") && greeted.greeting() && greeted.literal(" ")
        && greeted.wordEnding(")", said.helo)) {
        line = greeted;
    } else if (!line.literal(")")) {
        return HopOutcome::Unknown;
    }
    if (!byHost(line, said.by, " via smap ")) {
        return HopOutcome::Unknown;
    }
    hop = said;
    return HopOutcome::Hop;
}

HopOutcome addressByHost(HopLine line, Hop &hop)
{
    Hop said = hop;
    if (!line.address(said.ip) || !byHost(line, said.by)) {
        return HopOutcome::Unknown;
    }
    HopLine gateway = line;
    const bool isGateway = (gateway.literal("(SMTPL") || gateway.literal("(InterScan"))
                           && (gateway.atEnd() || !isWordByte(gateway.rest().front()));
    if (!isGateway && !line.literal("with ")) {
        return HopOutcome::Unknown;
    }
    hop = said;
    return HopOutcome::Hop;
}

// Batch SMTP comes as a file (RFC 2442): not a transfer between hosts.
HopOutcome batchSmtp(HopLine line, Hop &)
{
    const bool fit = line.word() && line.literal(" by ") && line.word()
                     && line.literal(" with BSMTP");
    return fit ? HopOutcome::Skip : HopOutcome::Unknown;
}

HopOutcome contentTechnologies(HopLine line, Hop &)
{
    const bool fit = line.word() && line.literal(" (") && line.wordEnding(")")
                     && line.literal(" by ") && line.word()
                     && line.literal(" (Content Technologies ");
    return fit ? HopOutcome::Skip : HopOutcome::Unknown;
}

HopOutcome communigateAccount(HopLine line, Hop &hop)
{
    Hop said = hop;
    if (!line.literal("[") || !line.address(said.ip) || !line.literal("] (")) {
        return HopOutcome::Unknown;
    }
    HopLine account = line;
    if (account.literal("account ") && account.word() && account.literal(" ")) {
        line = account;
    }
    if (!line.greeting() || !line.literal(" ") || !line.wordEnding(")", said.helo)
        || !byHost(line, said.by, " (")) {
        return HopOutcome::Unknown;
    }
    hop = said;
    return HopOutcome::Hop;
}

// "[address]:port (HELO helo) by host", "address (HELO helo) by host".
HopOutcome addressAndHelo(HopLine line, Hop &hop)
{
    Hop said = hop;
    const bool isBracketed = line.literal("[");
    if (!line.address(said.ip) || (isBracketed && !(line.literal("]") && line.word()))
        || !line.literal(" (") || !line.greeting() || !line.literal(" ")
        || !line.wordEnding(")", said.helo) || !byHost(line, said.by)) {
        return HopOutcome::Unknown;
    }
    hop = said;
    return HopOutcome::Hop;
}

// "helo [address] by host", "name(address) by host".
HopOutcome nameAndAddress(HopLine line, Hop &hop)
{
    Hop said = hop;
    HopLine spaced = line;
    if (spaced.word(said.helo) && spaced.literal(" [") && spaced.address(said.ip)
        && spaced.literal("]") && byHost(spaced, said.by)) {
        hop = said;
        return HopOutcome::Hop;
    }
    said = hop;
    if (line.identAndAddress("(", said.rdns, said.ip) && !said.rdns.isEmpty() && line.literal(")")
        && byHost(line, said.by)) {
        hop = said;
        return HopOutcome::Hop;
    }
    return HopOutcome::Unknown;
}

// "address (remark) by host with": SquirrelMail behind a proxy and others.
HopOutcome addressAndRemark(HopLine line, Hop &hop)
{
    Hop said = hop;
    if (!line.address(said.ip) || !line.literal(" ")) {
        return HopOutcome::Unknown;
    }
    const char first = line.rest().size() > 1 ? line.rest()[1] : ' ';
    const bool isLetter = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z');
    if (!isLetter || line.rest().indexOf(')') < 3 || !line.comment()
        || !byHost(line, said.by, " with ")) {
        return HopOutcome::Unknown;
    }
    hop = said;
    return HopOutcome::Hop;
}

// "[address] (helo=name ident=user) by host".
HopOutcome addressAndClaims(HopLine line, Hop &hop)
{
    Hop said = hop;
    if (!line.literal("[") || !line.address(said.ip) || !line.literal("] ")) {
        return HopOutcome::Unknown;
    }
    const QByteArrayView claims = line.rest();
    if (!line.comment() || !byHost(line, said.by)) {
        return HopOutcome::Unknown;
    }
    readHeloAndIdent(claims.first(claims.indexOf(')')).sliced(1), said);
    hop = said;
    return HopOutcome::Hop;
}

HopOutcome obtuse(HopLine line, Hop &hop)
{
    Hop said = hop;
    said.helo = {};
    if (!line.identAndAddress("(", said.rdns, said.ip) || said.rdns.isEmpty()
        || !line.literal(")")) {
        return HopOutcome::Unknown;
    }
    HopLine claim = line;
    if (claim.literal(", claiming to be \"") && claim.wordEnding("\"", said.helo)) {
        line = claim;
    }
    if (!line.literal(" via ") || !line.word() || !line.literal(" by ")
        || !line.wordUpToLast(",", said.by) || said.by.isEmpty()) {
        return HopOutcome::Unknown;
    }
    said.asksDns = said.rdns != QByteArrayView("UNKNOWN");
    hop = said;
    return HopOutcome::Hop;
}

HopOutcome yahooLogin(HopLine line, Hop &hop)
{
    Hop said = hop;
    QByteArrayView user;
    if (!line.word(said.helo) || !line.literal(" (") || !line.identAndAddress("@", user, said.ip)
        || !line.literal(" with login)") || !byHost(line, said.by, " with SMTP")
        || !said.by.endsWith(".yahoo.com")) {
        return HopOutcome::Unknown;
    }
    hop = said;
    return HopOutcome::Hop;
}

// What we make of X-Originating-IP and its like, and what nobody else should write.
HopOutcome originatingAddress(HopLine line, Hop &hop)
{
    QByteArrayView ip;
    if (!line.literal("X-Originating-IP: ") || !line.address(ip) || !line.atEnd()) {
        return HopOutcome::Unknown;
    }
    hop.ip = ip;
    hop.by = {};
    return HopOutcome::Hop;
}

HopOutcome fetcher(HopLine line, Hop &)
{
    return line.has("with POP3") || line.has("with IMAP") ? HopOutcome::Fetched
                                                          : HopOutcome::Unknown;
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
