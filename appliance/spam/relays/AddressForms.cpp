// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/relays/IpScanner.h"
#include "appliance/spam/relays/ShapedForms.h"

// Lines in which the address stands alone, or comes first.
namespace portcullis::spam {

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

}  // namespace portcullis::spam
