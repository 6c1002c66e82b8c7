// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/relays/HopReader.h"
#include "appliance/spam/relays/IpScanner.h"

#include <QtCore/QList>

#include <algorithm>
#include <array>

namespace portcullis::spam {

namespace {

bool isOneOfAnyCase(QByteArrayView word, const auto &words)
{
    return std::any_of(words.begin(), words.end(), [word](QByteArrayView known) {
        return word.compare(known, Qt::CaseInsensitive) == 0;
    });
}

bool throughAnyCase(HopLine &line, QByteArrayView piece)
{
    while (line.through(piece.first(1))) {
        HopLine attempt = line;
        if (attempt.literalAnyCase(piece.sliced(1))) {
            line = attempt;
            return true;
        }
    }
    return false;
}

// "with ESMTPA" and its relatives (RFC 3848, RFC 6531 §3.7.3), and web mail.
QByteArray protocolWithLogin(HopLine line)
{
    static constexpr std::array protocols{
        QByteArrayView("ESMTPA"),    QByteArrayView("ESMTPSA"),    QByteArrayView("LMTPA"),
        QByteArrayView("LMTPSA"),    QByteArrayView("UTF8SMTPA"),  QByteArrayView("UTF8SMTPSA"),
        QByteArrayView("UTF8LMTPA"), QByteArrayView("UTF8LMTPSA"), QByteArrayView("ASMTP"),
        QByteArrayView("HTTP"),      QByteArrayView("HTTPS"),      QByteArrayView("HTTPU")};
    while (throughAnyCase(line, " with ")) {
        HopLine at = line;
        QByteArrayView word;
        if (!at.word(word)) {
            continue;
        }
        if (const qsizetype end = word.indexOf(';'); end >= 0) {
            word = word.first(end);
        }
        if (isOneOfAnyCase(word, protocols)) {
            return word.toByteArray();
        }
    }
    return {};
}

bool isRun(QByteArrayView text, qsizetype least, qsizetype most, auto accepts)
{
    return text.size() >= least && text.size() <= most
           && std::all_of(text.begin(), text.end(), accepts);
}

bool isDigitByte(char c)
{
    return c >= '0' && c <= '9';
}

bool isLowerByte(char c)
{
    return c >= 'a' && c <= 'z';
}

// "d21sm2345678abc.12.2020.04.02.00.53.55": only mail from Gmail's own users has the "sm".
bool isGmailSubmissionId(QByteArrayView word)
{
    const QList<QByteArray> parts = word.toByteArray().split('.');
    if (parts.size() < 8) {
        return false;
    }
    const QByteArrayView head = parts[0];
    const auto isLowerOrDigit = [](char c) { return isLowerByte(c) || isDigitByte(c); };
    bool hasHead = false;
    for (qsizetype mark = head.indexOf("sm"); mark >= 0 && !hasHead;
         mark = head.indexOf("sm", mark + 1)) {
        const QByteArrayView tail = head.sliced(mark + 2);
        hasHead = tail.size() >= 5 && isRun(head.first(mark), 1, 4, isLowerOrDigit)
                  && isRun(tail.chopped(3), 2, 9, isDigitByte)
                  && isRun(tail.last(3), 3, 3, isLowerByte);
    }
    const auto isTwoDigits = [](QByteArrayView part) {
        return part.size() >= 2 && part[0] >= '0' && part[0] <= '6' && isDigitByte(part[1]);
    };
    return hasHead && isRun(parts[1], 1, 3, isDigitByte) && isRun(parts[2], 4, 4, isDigitByte)
           && std::all_of(
               parts.begin() + 3, parts.begin() + 7,
               [&](const QByteArray &part) { return part.size() == 2 && isTwoDigits(part); })
           && isTwoDigits(parts[7]);
}

QByteArray loginAtGmail(HopLine line)
{
    if (!line.has(" by mx.google.com with ESMTPS id ")) {
        return {};
    }
    QByteArrayView id;
    HopLine at = line;
    at.through(" by mx.google.com with ESMTPS id ");
    if (!at.word(id) || !isGmailSubmissionId(id)) {
        return {};
    }
    QByteArrayView version;
    while (line.through("(version=")) {
        HopLine cipher = line;
        if (!cipher.word(version) || !cipher.literal(" cipher=") || cipher.rest().startsWith(')')) {
            continue;
        }
        const qsizetype end = cipher.rest().indexOf(')');
        if (end > 0) {
            return "GMail - transport=" + version.toByteArray()
                   + " cipher=" + cipher.rest().first(end).toByteArray();
        }
    }
    return {};
}

QByteArray loginAtCourier(HopLine line)
{
    static constexpr std::array methods{QByteArrayView("LOGIN"), QByteArrayView("PLAIN"),
                                        QByteArrayView("DIGEST-MD5"), QByteArrayView("CRAM-MD5")};
    if (!line.literal("from ")) {
        return {};
    }
    const qsizetype start = line.text().size() - line.rest().size();
    while (line.through(" (AUTH: ")) {
        const qsizetype mark = line.text().size() - line.rest().size()
                               - QByteArrayView(" (AUTH: ").size();
        const QByteArrayView before = line.text().sliced(start, mark - start);
        HopLine at = line;
        QByteArrayView method;
        QByteArrayView user;
        if (!(before.endsWith("])") || before.endsWith(")]")) || !at.word(method)
            || std::find(methods.begin(), methods.end(), method) == methods.end()
            || !at.literal(" ") || !at.word(user)) {
            continue;
        }
        const bool isClosed = user.size() > 1 && user.endsWith(')') && at.rest().startsWith(" by ");
        if (isClosed
            || (user.size() > 1 && user.endsWith(',') && at.has(") by ") && at.through(") by "))) {
            return method.toByteArray();
        }
    }
    return {};
}

// "(… [192.0.2.1]) (authenticated bits=0) by": the address is closed before the remark begins.
bool isSendmailLogin(HopLine line)
{
    if (!line.literal("from ") || !line.has("authenticated")) {
        return false;
    }
    const QByteArrayView rest = line.rest();
    bool isClosed = false;
    bool isInRemark = false;  // Behind "] (".
    for (qsizetype at = 0; at + 2 < rest.size() && !isClosed; ++at) {
        const QByteArrayView here = rest.sliced(at);
        const bool endsRemark = isInRemark && here.startsWith(")) ");
        isInRemark = here.startsWith("] (") || (isInRemark && here.front() != ')');
        isClosed = endsRemark || here.startsWith("]) ") || here.startsWith(")] ");
        line = isClosed ? HopLine(rest, at + 3) : line;
    }
    return isClosed && line.through("(") && line.through("authenticated") && line.through(")")
           && line.through(" by");
}

// GMX logs its own users as if they were strangers.
QByteArray loginAtGmx(HopLine line)
{
    while (line.through("from ")) {
        HopLine at = line;
        QByteArrayView ignored;
        QByteArrayView host;
        if (!at.maybeWord(ignored) || !at.literal(" (") || !at.greeting() || !at.literal(" ")
            || !at.wordEnding(")") || !at.literal(" [") || !at.address() || !at.literal("] by ")
            || !at.word(host) || !at.literal(" ") || !at.comment() || !at.literal(" with ")) {
            continue;
        }
        const bool isExtended = at.rest().startsWith("ESMTP");
        if ((host == QByteArrayView("mail.gmx.net") || host == QByteArrayView("mail.gmx.com"))
            && (isExtended || at.rest().startsWith("SMTP"))) {
            return QByteArray("GMX (") + (isExtended ? "ESMTP" : "SMTP") + " / "
                   + host.toByteArray() + ')';
        }
    }
    return {};
}

// "(7.3.118.6) (authenticated as …) id".
bool isCriticalPath(HopLine line)
{
    if (!line.has(" (authenticated as ") || !line.through(") by ")) {
        return false;
    }
    while (line.through(" (")) {
        HopLine at = line;
        const QByteArrayView from = at.rest();
        if (!at.digits() || !at.literal(".") || !at.digits() || !at.literal(".") || !at.digits()) {
            continue;
        }
        HopLine build = at;
        if (build.literal(".") && build.digits()) {
            at = build;
        }
        const QList<QByteArray> numbers =
            from.first(from.size() - at.rest().size()).toByteArray().split('.');
        const bool hasShape = numbers[0].size() <= 2 && numbers[1].size() == 1
                              && numbers[2].size() == 3
                              && (numbers.size() < 4 || numbers[3].size() <= 3);
        if (hasShape && at.literal(") (authenticated as ") && at.through(") id ")) {
            return true;
        }
    }
    return false;
}

// smtpd_sasl_authenticated_header of Postfix; its name may have been changed.
QByteArray loginAtPostfix(HopLine line)
{
    while (line.through(") (Authenticated sender: ")) {
        HopLine at = line;
        if (!at.wordEnding(")") || !at.literal(" by ") || !at.word() || !at.literal(" (")) {
            continue;
        }
        const qsizetype end = at.rest().indexOf(')');
        if (end > 0 && at.rest().sliced(end).startsWith(") with ")) {
            const QByteArray name = at.rest().first(end).toByteArray();
            return name == "Postfix" ? name : "Postfix (" + name + ')';
        }
    }
    return {};
}

bool isCommunigate(HopLine line)
{
    if (!line.has(" (account ")) {
        return false;
    }
    while (line.through("CommuniGate Pro ")) {
        for (const QByteArrayView protocol : {QByteArrayView("HTTP"), QByteArrayView("SMTP"),
                                              QByteArrayView("XIMSS"), QByteArrayView("IMAP")}) {
            if (line.rest().startsWith(protocol)) {
                return true;
            }
        }
    }
    return false;
}

QByteArray viaHttp(HopLine line)
{
    while (throughAnyCase(line, "(via HTTP")) {
        const QByteArrayView rest = line.rest();
        const qsizetype end = rest.startsWith(')') ? 0 : 1;
        if (rest.size() <= end || rest[end] != ')') {
            continue;
        }
        const bool isLast = rest.size() == end + 1;
        if (isLast || rest[end + 1] == ' ' || rest[end + 1] == ';') {
            return QByteArrayView(rest.data() - 4, 4 + end).toByteArray();
        }
    }
    return {};
}

}  // namespace

QByteArray authenticationSaid(const HopLine &line)
{
    const bool hasBy = line.has(" by ");
    if (hasBy) {
        if (const QByteArray auth = protocolWithLogin(line); !auth.isEmpty()) {
            return auth;
        }
        if (const QByteArray auth = loginAtGmail(line); !auth.isEmpty()) {
            return auth;
        }
    }
    if (const QByteArray auth = loginAtCourier(line); !auth.isEmpty()) {
        return auth;
    }
    if (isSendmailLogin(line)) {
        return "Sendmail";
    }
    if (const QByteArray auth = loginAtGmx(line); !auth.isEmpty()) {
        return auth;
    }
    if (isCriticalPath(line)) {
        return "CriticalPath";
    }
    if (const QByteArray auth = loginAtPostfix(line); !auth.isEmpty()) {
        return auth;
    }
    if (isCommunigate(line)) {
        return "Communigate";
    }
    if (line.hasWords("with Microsoft Exchange Server HTTP-DAV")) {
        return "HTTP-DAV";
    }
    return hasBy ? viaHttp(line) : QByteArray();
}

}  // namespace portcullis::spam
