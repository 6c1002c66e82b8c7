// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/relays/HopForms.h"
#include "appliance/spam/relays/IpScanner.h"

#include <algorithm>
#include <array>

namespace portcullis::spam {

namespace {

// "… 192.0.2.9 … (SquirrelMail authenticated user anna) by host with HTTP": the browser's address.
HopOutcome squirrelMail(const HopLine &line, Hop &hop)
{
    constexpr qsizetype least = 10;
    constexpr qsizetype most = 80;
    const QByteArrayView text = line.text();
    for (TextSpan span = findAddress(text); span.length > 0;
         span = findAddress(text, span.begin + span.length)) {
        const qsizetype end = span.begin + span.length;
        const char next = end < text.size() ? text[end] : ' ';
        if (isWordByte(next) || next == '.' || next == '-') {
            continue;
        }
        for (qsizetype gap = most; gap >= least; --gap) {
            HopLine after(text, std::min(end + gap, text.size()));
            QByteArrayView by;
            if (after.literal("by ") && after.word(by) && after.literal(" with HTTP")) {
                hop.ip = text.sliced(span.begin, span.length);
                hop.by = by;
                return HopOutcome::Hop;
            }
        }
    }
    return HopOutcome::Unknown;
}

HopOutcome aolWebMail(const HopLine &line, Hop &hop)
{
    const QByteArrayView text = line.text();
    for (TextSpan span = findAddress(text); span.length > 0;
         span = findAddress(text, span.begin + span.length)) {
        HopLine after(text, span.begin + span.length);
        QByteArrayView by;
        if (after.literal(" by ") && after.word(by) && after.literal(" (") && after.address()
            && after.literal(") with HTTP (WebMailUI)")) {
            hop.ip = text.sliced(span.begin, span.length);
            hop.by = by;
            return HopOutcome::Hop;
        }
    }
    return HopOutcome::Unknown;
}

HopOutcome microsoftService(HopLine line, Hop &hop)
{
    constexpr qsizetype remarkBytes = 40;
    HopLine pickup = line;
    if (pickup.literal("mail pickup service by ") && pickup.word()
        && pickup.literal(" with Microsoft SMTPSVC") && pickup.atEnd()) {
        return HopOutcome::Skip;
    }
    QByteArrayView helo;
    QByteArrayView ip;
    QByteArrayView by;
    if (!line.maybeWord(helo) || !line.literal(" ([") || !line.address(ip) || !line.literal("]")
        || !line.through(")", remarkBytes) || !line.literal(" by ") || !line.word(by)
        || !line.literal(" with Microsoft SMTPSVC")) {
        return HopOutcome::Unknown;
    }
    hop.helo = helo;
    hop.ip = ip;
    hop.by = by;
    return HopOutcome::Hop;
}

// " with mapi id 15.20.1943.023": the version stands where others have an identifier.
bool namesExchangeVersion(const HopLine &line)
{
    for (const QByteArrayView product :
         {QByteArrayView(" with Microsoft SMTP Server "), QByteArrayView(" with mapi id ")}) {
        HopLine at = line;
        while (at.through(product)) {
            HopLine version = at;
            HopLine remark = at;
            if (remark.comment() && remark.literal(" ")) {
                version = remark;
            }
            if (version.digits() && version.literal(".") && version.digits() && version.literal(".")
                && version.digits() && version.literal(".") && version.digits()
                && (version.atEnd() || version.literal(" "))) {
                return true;
            }
        }
    }
    return false;
}

HopOutcome exchange(HopLine line, Hop &hop)
{
    QByteArrayView helo;
    QByteArrayView ip;
    QByteArrayView by;
    if (!line.word(helo) || !line.literal(" (")) {
        return HopOutcome::Unknown;
    }
    line.literal("[");
    if (!line.address(ip)) {
        return HopOutcome::Unknown;
    }
    line.skipZone();
    line.literal("]");
    if (!line.literal(") by ") || !line.word(by) || !line.literal(" ")) {
        return HopOutcome::Unknown;
    }
    hop.helo = helo;
    hop.ip = ip;
    hop.by = by;
    hop.id = {};
    return HopOutcome::Hop;
}

HopOutcome xmail(HopLine line, Hop &hop)
{
    QByteArrayView helo;
    QByteArrayView ip;
    QByteArrayView by;
    if (!line.word(helo) || !line.literal(" (")) {
        return HopOutcome::Unknown;
    }
    line.literal("[");
    if (!line.address(ip)) {
        return HopOutcome::Unknown;
    }
    line.literal("]");
    if (!line.literal(":") || !line.digits() || !line.literal(") by ") || !line.word(by)) {
        return HopOutcome::Unknown;
    }
    HopLine remark = line;
    if (remark.literal(" (") && remark.wordEnding(")")) {
        line = remark;
    }
    if (!line.literal(" with [XMail")) {
        return HopOutcome::Unknown;
    }
    hop.helo = helo;
    hop.ip = ip;
    hop.by = by;
    HopLine rest(line.text());
    QByteArrayView value;
    if (rest.through(" id <") && rest.wordUpToLast(">", value) && !value.isEmpty()) {
        hop.id = value;
    }
    rest = HopLine(line.text());
    if (rest.through(" from <") && rest.wordUpToLast(">", value) && !value.isEmpty()) {
        hop.envelopeFrom = value;
    }
    return HopOutcome::Hop;
}

HopOutcome ecelerity(const HopLine &line, Hop &hop)
{
    QByteArrayView helo;
    QByteArrayView ip;
    QByteArrayView by;
    HopLine nameless = line;
    if (nameless.literal("([") && nameless.address(ip) && nameless.literal(":") && nameless.digits()
        && nameless.literal("] helo=") && nameless.wordEnding(")", helo) && !helo.isEmpty()
        && nameless.literal(" by ") && nameless.word(by) && nameless.literal(" ")) {
        hop.ip = ip;
        hop.helo = helo;
        hop.by = by;
        return HopOutcome::Hop;
    }
    HopLine named = line;
    if (named.word() && named.literal(" ([") && named.address(ip) && named.literal(":")
        && named.digits() && named.literal("]) by ") && named.word(by) && named.literal(" ")) {
        hop.ip = ip;
        hop.by = by;
        return HopOutcome::Hop;
    }
    return HopOutcome::Unknown;
}

// ---- Exim: what it writes is configurable, and configured -------------------------------------------

// From `line` on: a remark, then ") by host ".
bool eximRemarkAndHost(HopLine line, Hop &hop)
{
    const QByteArrayView rest = line.rest();
    QByteArrayView by;
    if (!line.firstWordBetween(") by ", " ", by)) {
        return false;
    }
    const qsizetype end = by.data() - rest.data() - QByteArrayView(") by ").size();
    hop.by = by;
    readHeloAndIdent(rest.first(end), hop);
    return true;
}

bool eximBracketed(HopLine line, Hop &hop)
{
    QByteArrayView ip;
    if (!line.literal("[") || !line.address(ip) || !line.literal("] (")
        || !eximRemarkAndHost(line, hop)) {
        return false;
    }
    hop.ip = ip;
    return true;
}

bool eximNamed(HopLine line, Hop &hop)
{
    QByteArrayView name;
    QByteArrayView ip;
    if (!line.word(name) || !line.literal(" ([") || !line.address(ip) || !line.literal("]")) {
        return false;
    }
    Hop attempt = hop;
    attempt.helo = name;
    if (!eximRemarkAndHost(line, attempt)) {
        return false;
    }
    hop = attempt;
    hop.rdns = name;
    hop.ip = ip;
    return true;
}

bool eximPlain(HopLine line, Hop &hop)
{
    QByteArrayView name;
    QByteArrayView ip;
    QByteArrayView by;
    if (!line.word(name) || !line.literal(" [") || !line.address(ip) || !line.literal("]")) {
        return false;
    }
    if (line.literal(":") && !line.digits()) {
        return false;
    }
    if (!line.literal(" by ") || !line.word(by) || !line.literal(" ")) {
        return false;
    }
    hop.rdns = hop.helo = name;
    hop.ip = ip;
    hop.by = by;
    return true;
}

// Whatever can be recognised; it stays even where it is not enough.
bool eximPieces(const HopLine &line, Hop &hop)
{
    QByteArrayView value;
    HopLine name = line;
    if (name.word(value) && name.literal(" ")) {
        hop.rdns = value;
    }
    HopLine helo = line;
    while (helo.through(" (")) {
        HopLine word = helo;
        if (word.wordEnding(")", value) && !value.isEmpty() && word.literal(" ")) {
            hop.helo = value;
            break;
        }
    }
    HopLine ip = line;
    while (ip.through(" [")) {
        HopLine address = ip;
        if (!address.address(value)) {
            continue;
        }
        HopLine port = address;
        if (port.literal(".") && port.digits()) {
            address = port;
        }
        if (address.literal("] ")) {
            hop.ip = value;
            break;
        }
    }
    HopLine by = line;
    const bool hasBy = by.firstWordBetween("by ", " ", value);
    hop.by = hasBy ? value : hop.by;
    return hasBy && !hop.ip.isEmpty();
}

bool isEximLocal(const HopLine &line)
{
    HopLine at = line;
    while (at.through("with local")) {
        const qsizetype begin = line.text().size() - at.rest().size()
                                - QByteArrayView("with local").size();
        const bool isWord = begin == 0 || !isWordByte(line.text()[begin - 1]);
        HopLine kind = at;
        if (isWord
            && (at.rest().startsWith(' ')
                || (kind.literal("-") && kind.word() && kind.literal(" ")))) {
            return true;
        }
    }
    return false;
}

HopOutcome exim(const HopLine &line, Hop &hop)
{
    if (isEximLocal(line)) {
        return HopOutcome::Skip;
    }
    const bool fits = eximBracketed(line, hop) || eximNamed(line, hop) || eximPlain(line, hop)
                      || eximPieces(line, hop);
    return fits ? HopOutcome::Hop : HopOutcome::Unknown;
}

// ---- others ----------------------------------------------------------------------------------------

// "helo (name [address]) by host ", the blank before the bracket may be missing.
HopOutcome postfix(HopLine line, Hop &hop)
{
    QByteArrayView helo;
    QByteArrayView name;
    QByteArrayView ip;
    QByteArrayView by;
    if (!line.word(helo) || !line.literal(" (")) {
        return HopOutcome::Unknown;
    }
    HopLine spaced = line;
    const bool isSpaced = spaced.word(name) && spaced.literal(" [") && spaced.address(ip);
    if (isSpaced) {
        line = spaced;
    } else if (!line.wordUpToLast("[", name) || name.isEmpty() || !line.address(ip)) {
        return HopOutcome::Unknown;
    }
    if (!line.literal("]) by ") || !line.word(by) || !line.literal(" ")) {
        return HopOutcome::Unknown;
    }
    hop.asksDns = true;
    hop.helo = helo;
    hop.rdns = name;
    hop.ip = ip;
    hop.by = by;
    return HopOutcome::Hop;
}

HopOutcome scalix(HopLine line, Hop &hop)
{
    QByteArrayView helo;
    QByteArrayView ip;
    QByteArrayView by;
    if (!line.word(helo) || !line.literal(" (")) {
        return HopOutcome::Unknown;
    }
    line.literal(" ");
    if (!line.address(ip) || !line.literal(") by ") || !line.word(by)) {
        return HopOutcome::Unknown;
    }
    hop.helo = helo;
    hop.ip = ip;
    hop.by = by;
    return HopOutcome::Hop;
}

HopOutcome domino(HopLine line, Hop &hop)
{
    QByteArrayView helo;
    QByteArrayView ip;
    QByteArrayView by;
    if (!line.word(helo) || !line.literal(" ([") || !line.address(ip) || !line.literal("]) by ")
        || !line.word(by) || !line.literal(" (Lotus")) {
        return HopOutcome::Unknown;
    }
    hop.helo = helo;
    hop.ip = ip;
    hop.by = by;
    return HopOutcome::Hop;
}

struct Software {
    QByteArrayView mark;
    HopOutcome (*read)(HopLine line, Hop &hop) = nullptr;
};

bool hasEcelerity(const HopLine &line)
{
    HopLine at = line;
    while (at.through("(ecelerity")) {
        if (at.atEnd() || !isWordByte(at.rest().front())) {
            return true;
        }
    }
    return false;
}

// The first that is named, and only this one, has its say.
HopOutcome readNamedSoftware(const HopLine &line, Hop &hop)
{
    if (line.has(" SMTPSVC")) {
        return microsoftService(line, hop);
    }
    if (namesExchangeVersion(line)) {
        return exchange(line, hop);
    }
    if (line.has("[XMail ")) {
        return xmail(line, hop);
    }
    if (hasEcelerity(line)) {
        return ecelerity(line, hop);
    }
    if (line.has("Exim")) {
        return exim(line, hop);
    }
    constexpr std::array marks{Software{" (Postfix) with", postfix},
                               Software{"(Scalix SMTP Relay", scalix},
                               Software{" (Lotus Domino ", domino}};
    for (const Software &software : marks) {
        if (line.has(software.mark)) {
            return software.read(line, hop);
        }
    }
    return HopOutcome::Unknown;
}

}  // namespace

void readHeloAndIdent(QByteArrayView claims, Hop &hop)
{
    HopLine helo(claims);
    QByteArrayView value;
    while (helo.through("helo=")) {
        if (helo.word(value)) {
            hop.helo = value;
            break;
        }
    }
    HopLine ident(claims);
    if (ident.through("ident=") && ident.maybeWord(value)) {
        hop.ident = value;
    }
}

HopOutcome readSoftwareForms(const HopLine &line, Hop &hop)
{
    if (line.has(" (SquirrelMail authenticated user ")
        || line.has(" (NaSMail authenticated user ")) {
        if (const HopOutcome outcome = squirrelMail(line, hop); outcome != HopOutcome::Unknown) {
            return outcome;
        }
    }
    if (line.has("aol.com") && line.has("with HTTP (WebMailUI)")) {
        if (const HopOutcome outcome = aolWebMail(line, hop); outcome != HopOutcome::Unknown) {
            return outcome;
        }
    }
    return readNamedSoftware(line, hop);
}

}  // namespace portcullis::spam
