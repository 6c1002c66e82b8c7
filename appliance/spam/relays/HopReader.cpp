// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/relays/HopReader.h"

#include "appliance/spam/relays/IpScanner.h"

#include <algorithm>
#include <array>

namespace portcullis::spam {

namespace {

bool isBlank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

// ---- the date at the end ----------------------------------------------------------------------------

bool isNumber(QByteArrayView text)
{
    return !text.isEmpty()
           && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool isNameIn(QByteArrayView name, QByteArrayView names)
{
    return name.size() == 3 && names.indexOf(name) % 3 == 0;
}

bool isTimeOfDay(QByteArrayView text)
{
    HopLine at(text);
    if (!at.digits() || !at.literal(":") || !at.digits()) {
        return false;
    }
    return at.atEnd() || (at.literal(":") && at.digits() && at.atEnd());
}

// Takes the last word off a line; empty where there is none with a space before it.
QByteArrayView takeLastWord(QByteArrayView &line)
{
    const qsizetype space = line.lastIndexOf(' ');
    if (space < 0) {
        return {};
    }
    const QByteArrayView word = line.sliced(space + 1);
    line = line.first(space);
    return word;
}

QByteArrayView trailingDigits(QByteArrayView text)
{
    qsizetype begin = text.size();
    while (begin > 0 && text[begin - 1] >= '0' && text[begin - 1] <= '9') {
        --begin;
    }
    return text.sliced(begin);
}

QByteArrayView withoutSeparators(QByteArrayView text)
{
    while (!text.isEmpty() && (text.back() == ' ' || text.back() == ';')) {
        text.chop(1);
    }
    return text;
}

// ---- what many forms have in common -----------------------------------------------------------------

bool isHeloByte(char c)
{
    return (isWordByte(c) || QByteArrayView("-.^+&:=?!@%*$\\/").contains(c));
}

// The greeting after a mark that begins a word: "helo=name", "HELO name".
QByteArrayView markedHelo(const HopLine &line, QByteArrayView mark)
{
    HopLine at = line;
    while (at.through(mark)) {
        const QByteArrayView rest = at.rest();
        const qsizetype begin = line.text().size() - rest.size() - mark.size();
        const auto end = std::find_if_not(rest.begin(), rest.end(), isHeloByte);
        if (end != rest.begin() && (begin == 0 || !isWordByte(line.text()[begin - 1]))) {
            return rest.first(end - rest.begin());
        }
    }
    return {};
}

QByteArrayView anyHelo(const HopLine &line)
{
    if (const QByteArrayView helo = markedHelo(line, "helo="); !helo.isEmpty()) {
        return helo;
    }
    const QByteArrayView helo = markedHelo(line, "HELO ");
    const QByteArrayView ehlo = markedHelo(line, "EHLO ");
    const bool isEhloFirst = helo.isEmpty() || (!ehlo.isEmpty() && ehlo.data() < helo.data());
    return isEhloFirst ? ehlo : helo;
}

QByteArrayView anyId(HopLine line)
{
    constexpr qsizetype shortest = 3;
    while (line.through(" id ")) {
        HopLine at = line;
        at.literal("<");
        const QByteArrayView rest = at.rest();
        const auto end = std::find_if(rest.begin(), rest.end(), [](char c) {
            return c == ' ' || c == '<' || c == '>' || c == ';';
        });
        if (end - rest.begin() >= shortest) {
            return rest.first(end - rest.begin());
        }
    }
    return {};
}

QByteArrayView anyHost(HopLine line)
{
    QByteArrayView host;
    return line.through(" by ") && line.word(host) ? host : QByteArrayView();
}

bool startsAnyCase(QByteArrayView text, QByteArrayView start)
{
    return HopLine(text).literalAnyCase(start);
}

// "(envelope-from <a@b.example>)", "return-path: …": the first that names somebody.
std::optional<QByteArrayView> anyEnvelopeFrom(QByteArrayView line)
{
    static constexpr std::array marks{
        QByteArrayView("return-path: "),    QByteArrayView("return-path "),
        QByteArrayView("envelope-sender "), QByteArrayView("envelope-sender="),
        QByteArrayView("envelope-from "),   QByteArrayView("envelope-from=")};
    for (qsizetype at = 0; at < line.size(); ++at) {
        const char first = static_cast<char>(line[at] | 0x20);
        if (first != 'r' && first != 'e') {
            continue;
        }
        for (const QByteArrayView mark : marks) {
            if (!startsAnyCase(line.sliced(at), mark)) {
                continue;
            }
            QByteArrayView word;
            HopLine(line, at + mark.size()).word(word);
            if (const QByteArrayView sender = upToLastWordByte(word); !sender.isEmpty()) {
                return sender;
            }
        }
    }
    return {};
}

// ---- whole lines that are of no use -----------------------------------------------------------------

// "from a by b; date": neither address nor protocol. An address alone in its brackets is of use.
bool hasOnlyNames(HopLine line)
{
    QByteArrayView name;
    QByteArrayView host;
    if (!line.literalAnyCase("from ") || !line.word(name) || !line.literalAnyCase(" by ")
        || !line.word(host)) {
        return false;
    }
    const qsizetype end = host.indexOf(';');
    if (end == 0 || (end < 0 && !line.literal(" ;"))) {
        return false;
    }
    const bool isAddress = name.size() > 2 && name.startsWith('[') && name.endsWith(']')
                           && std::all_of(name.begin() + 1, name.end() - 1, [](char c) {
                                  return (c >= '0' && c <= '9') || c == '.';
                              });
    return !isAddress;
}

// "… by host (envelope-from …, uid 502) with qmail-scanner": a note on the transfer told above it.
bool isScannerNote(HopLine line)
{
    constexpr qsizetype remarkBytes = 100;
    if (!line.word() || !line.literal(" by ") || !line.word() || !line.literal(" (")) {
        return false;
    }
    constexpr QByteArrayView end(") with qmail-scanner");
    return line.through(end, remarkBytes);
}

// ---- making a Relay of it ---------------------------------------------------------------------------

// Rules and Bayes split these texts at blanks and brackets; a mark shows that one was here.
QByteArray marked(QByteArrayView text)
{
    QByteArray result = text.toByteArray();
    for (char &c : result) {
        if (isBlank(c) || c == '\0' || QByteArrayView("#[]()<>|").contains(c)) {
            c = '!';
        }
    }
    return result;
}

QByteArray cleanSender(QByteArrayView text)
{
    while (!text.isEmpty() && text.front() == '<') {
        text = text.sliced(1);
    }
    while (!text.isEmpty() && text.back() == '>') {
        text.chop(1);
    }
    return marked(text);
}

// Without its prefix; IPv4 in IPv6 as IPv4.
QByteArrayView plainAddress(QByteArrayView ip)
{
    if (startsAnyCase(ip, "IPv6:")) {
        ip = ip.sliced(5);
    }
    const qsizetype tail = ip.lastIndexOf(':') + 1;
    constexpr QByteArrayView mark("ffff:");
    if (!ip.contains('.') || tail < mark.size()
        || ip.sliced(tail - mark.size(), mark.size()).compare(mark, Qt::CaseInsensitive) != 0) {
        return ip;
    }
    const QByteArrayView zeros = ip.first(tail - mark.size());
    const bool areZeros = zeros.count(':') >= 2
                          && std::all_of(zeros.begin(), zeros.end(),
                                         [](char c) { return c == '0' || c == ':'; });
    return areZeros ? ip.sliced(tail) : ip;
}

QByteArrayView reverseName(QByteArrayView name)
{
    while (name.endsWith('.')) {
        name.chop(1);
    }
    const bool isNone = name.compare("unknown", Qt::CaseInsensitive) == 0 || name.startsWith('[');
    return isNone ? QByteArrayView() : name;
}

Relay relayOf(const Hop &hop)
{
    Relay relay;
    const QByteArrayView rdns = reverseName(hop.rdns);
    QByteArrayView by = hop.by;
    if (by.endsWith(';')) {
        by.chop(1);
    }
    relay.ip = marked(plainAddress(hop.ip));
    relay.rdns = marked(rdns);
    relay.helo = marked(hop.helo);
    relay.by = marked(by);
    relay.ident = marked(hop.ident);
    relay.hasEnvelopeFrom = hop.envelopeFrom.has_value();
    relay.envelopeFrom = hop.envelopeFrom ? cleanSender(*hop.envelopeFrom) : QByteArray();
    relay.id = hop.id.toByteArray();
    relay.auth = hop.auth;
    relay.isPrivate = isPrivateAddress(relay.ip);
    relay.lacksReverse = rdns.isEmpty() && hop.asksDns;
    return relay;
}

// ---- reading ----------------------------------------------------------------------------------------

HopOutcome readFrom(const HopLine &line, Hop &hop, QByteArray &scannerSender)
{
    hop.envelopeFrom = anyEnvelopeFrom(line.text());
    HopOutcome outcome = readSoftwareForms(line, hop);
    if (outcome == HopOutcome::Unknown) {
        outcome = readShapedForms(line, hop);
    }
    if (outcome != HopOutcome::Unknown) {
        return outcome;
    }
    if (isScannerNote(line)) {
        scannerSender = hop.envelopeFrom ? cleanSender(*hop.envelopeFrom) : QByteArray();
        return HopOutcome::Skip;
    }
    if (isHopWithoutUse(line)) {
        return HopOutcome::Skip;
    }
    HopLine guess = line;
    QByteArrayView first;
    if (hop.helo.isEmpty() && guess.word(first) && guess.literal(" ")) {
        hop.helo = first;
    }
    return HopOutcome::Unknown;
}

// Something with an address in brackets and a host that took the mail: enough.
bool hasEnough(const HopLine &line, Hop &hop)
{
    HopLine at = line;
    while (hop.ip.isEmpty() && at.through("[")) {
        HopLine address = at;
        QByteArrayView ip;
        if (address.address(ip) && address.literal("]")) {
            hop.ip = ip;
        }
    }
    return !hop.ip.isEmpty() && !hop.by.isEmpty();
}

}  // namespace

QByteArray simplifiedHopLine(QByteArrayView received)
{
    QByteArray line;
    line.reserve(received.size());
    for (const char c : received) {
        if (!isBlank(c)) {
            line += c;
        } else if (!line.isEmpty() && !line.endsWith(' ')) {
            line += ' ';
        }
    }
    if (line.endsWith(' ')) {
        line.chop(1);
    }
    while (line.endsWith(';')) {
        line.chop(1);
        if (line.endsWith(' ')) {
            line.chop(1);
        }
    }
    return line;
}

QByteArrayView withoutDate(QByteArrayView line)
{
    QByteArrayView rest = line;
    const QByteArrayView zone = takeLastWord(rest);
    const QByteArrayView time = takeLastWord(rest);
    const QByteArrayView year = takeLastWord(rest);
    const QByteArrayView month = takeLastWord(rest);
    const QByteArrayView day = trailingDigits(rest);
    if (zone.isEmpty() || !isTimeOfDay(time) || !isNumber(year)
        || !isNameIn(month, "JanFebMarAprMayJunJulAugSepOctNovDec") || day.isEmpty()) {
        return line;
    }
    rest.chop(day.size());
    const QByteArrayView beforeDay = withoutSeparators(rest);
    if (beforeDay.size() == rest.size()) {
        return line;
    }
    if (rest.endsWith(", ") && rest.size() >= 5
        && isNameIn(rest.chopped(2).last(3), "MonTueWedThuFriSatSun")) {
        const QByteArrayView beforeName = rest.chopped(5);
        if (const QByteArrayView found = withoutSeparators(beforeName);
            found.size() < beforeName.size()) {
            return found;
        }
    }
    return beforeDay;
}

HopReading readHop(QByteArrayView received)
{
    HopReading reading;
    QByteArray text = simplifiedHopLine(received);
    const bool isParenthesised = text.startsWith('(');
    const HopLine whole(text);
    if (!startsAnyCase(QByteArrayView(text).sliced(isParenthesised ? 1 : 0), "from ")
        || whole.hasWords("with local for") || hasOnlyNames(whole)) {
        reading.outcome = HopOutcome::Skip;
        return reading;
    }
    text = withoutDate(text).toByteArray();
    if (const qsizetype glued = text.indexOf(")by "); glued >= 0) {
        text.insert(glued + 1, ' ');
    }
    const HopLine line(text);
    Hop hop;
    hop.id = anyId(line);
    hop.helo = anyHelo(line);
    hop.by = anyHost(line);
    hop.auth = authenticationSaid(line);
    HopLine from = line;
    QByteArrayView left = text;
    if (from.literal("from ")) {
        left = from.rest();
        reading.outcome = readFrom(HopLine(left), hop, reading.scannerSender);
    } else if (from.literal("FROM ")) {
        left = from.rest();
        reading.outcome = readUpperCaseForm(HopLine(left), hop);
    } else if (from.literal("(from ")) {
        left = from.rest();
        reading.outcome = readParenthesisedForm(HopLine(left), hop);
    }
    if (reading.outcome == HopOutcome::Unknown && hasEnough(HopLine(left), hop)) {
        reading.outcome = HopOutcome::Hop;
    }
    if (reading.outcome == HopOutcome::Hop) {
        reading.relay = relayOf(hop);
    }
    return reading;
}

}  // namespace portcullis::spam
