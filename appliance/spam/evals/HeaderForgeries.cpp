// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/HeaderForgeries.h"

#include "appliance/spam/evals/ForgeryWords.h"
#include "appliance/spam/relays/HopLine.h"
#include "appliance/spam/relays/IpScanner.h"
#include "appliance/spam/text/MessageText.h"

#include <QtCore/QByteArray>
#include <QtCore/QList>

#include <algorithm>
#include <array>
#include <optional>

namespace portcullis::spam {

namespace {

QByteArray spaced(const QByteArray &text)
{
    return text.simplified();
}

// ---- Yahoo ------------------------------------------------------------------------------------------

// "web1234.mail.mud.yahoo.com": begins with a prefix, has a part, ends in the domain.
bool isYahooHost(QByteArrayView host, QByteArrayView prefix, QByteArrayView part)
{
    constexpr QByteArrayView domain(".yahoo.com");
    if (!host.startsWith(prefix) || !host.endsWith(domain)
        || host.size() <= prefix.size() + domain.size()) {
        return false;
    }
    const QByteArrayView middle = host.chopped(domain.size()).sliced(prefix.size());
    return part.isEmpty() || middle.indexOf(part) > 0;
}

bool isYahooHandover(HopLine by)
{
    QByteArrayView host;
    if (!by.word(host)) {
        return false;
    }
    if ((isYahooHost(host, "web", ".mail") && by.rest().startsWith(" via HTTP"))
        || (isYahooHost(host, "sonic", ".consmr.mail") && by.rest().startsWith(" with HTTP"))
        || (isYahooHost(host, "smtp", "") && by.rest().startsWith(" with SMTP"))) {
        return true;
    }
    // "by a.b.yahoo.com (8.11.1/8.11.1) with ESMTP id": "mail this story to a friend".
    const QList<QByteArray> labels = host.toByteArray().split('.');
    const bool hasShape = labels.size() == 4 && labels[2] == "yahoo" && labels[3] == "com";
    const auto version = [&by] {
        return by.digits() && by.literal(".") && by.digits() && by.literal(".") && by.digits();
    };
    if (!hasShape || !by.literal(" (") || !version() || !by.literal("/") || !version()
        || !by.literal(")")) {
        return false;
    }
    by.literal(" with ESMTP");
    return by.literal(" id ") && !by.atEnd() && isWordByte(by.rest().front());
}

bool isYahooGroup(HopLine from)
{
    QByteArrayView host;
    return from.literal("[") && from.address() && from.literal("] by ") && from.word(host)
           && from.literal(" with NNFMP")
           && (isBelow(host, "groups.yahoo.com") || isBelow(host, "scd.yahoo.com")
               || isBelow(host, "dcn.yahoo.com"));
}

bool isYahooBulk(QByteArrayView received)
{
    return anywhere(received, "mailer", [](HopLine at) {
        return at.digits() && at.literal(".bulk.scd.yahoo.com")
               && (at.atEnd() || !isWordByte(at.rest().front()));
    });
}

// A bounce of Yahoo's own comes straight from its hosts.
bool comesFromYahoo(const RelayChain &relays)
{
    const auto isYahoo = [](const Relay &relay) { return isYahooHost(relay.rdns, "", ""); };
    return std::any_of(relays.trusted.begin(), relays.trusted.end(), isYahoo)
           || (!relays.untrusted.empty() && isYahoo(relays.untrusted.front()));
}

// ---- others -----------------------------------------------------------------------------------------

// "from x.juno.com (… [192.0.2.1]) by", in one field.
bool isJunoTransfer(QByteArrayView line)
{
    HopLine at(line);
    if (!at.through("from")) {
        return false;
    }
    const HopLine start = at;
    const auto names = [](QByteArrayView domain) {
        return [domain](HopLine rest) {
            const qsizetype begin = rest.text().size() - rest.rest().size() - domain.size();
            if (begin > 0 && isWordByte(rest.text()[begin - 1])) {
                return false;
            }
            for (const QByteArrayView open : {QByteArrayView("["), QByteArrayView("(")}) {
                HopLine address = rest;
                while (address.through(open)) {
                    HopLine closing = address;
                    if (closing.address() && (closing.literal("]") || closing.literal(")"))
                        && closing.has("by") && closing.rest().contains("by")) {
                        return true;
                    }
                }
            }
            return false;
        };
    };
    return anywhere(start.rest(), "juno.com", names("juno.com"))
           || anywhere(start.rest(), "untd.com", names("untd.com"));
}

bool isQmailInvocation(HopLine at)
{
    constexpr qsizetype remarkBytes = 20;
    if (!at.digits() || !at.literal(" invoked ")) {
        return false;
    }
    HopLine network = at;
    if (network.literal("from network")) {
        at = network;
    } else if (!at.literal("by ") || at.rest().indexOf("); ") < 3
               || at.rest().indexOf("); ") > remarkBytes) {
        return false;
    } else {
        at.through("); ");
        return at.digits();
    }
    return at.literal("); ") && at.digits();
}

QList<QByteArray> linesOf(const QByteArray &text)
{
    return text.split('\n');
}

bool anyLine(const QByteArray &text, auto fits)
{
    const QList<QByteArray> lines = linesOf(text);
    return std::any_of(lines.begin(), lines.end(), fits);
}

bool isMailbox(QByteArrayView word)
{
    return word.size() >= 3 && word.sliced(1).chopped(1).contains('@');
}

bool isLeaveAddress(QByteArrayView address)
{
    for (qsizetype at = address.indexOf('@'); at >= 0; at = address.indexOf('@', at + 1)) {
        const QByteArray user = address.first(at).toByteArray().toLower();
        constexpr qsizetype leave = 6;
        if (at + 1 < address.size()
            && ((user.startsWith("leave-") && user.size() > leave)
                || (user.endsWith("-unsubscribe") && !user.startsWith("-unsubscribe")))) {
            return true;
        }
    }
    return false;
}

}  // namespace

QByteArray receivedInOneLine(MessageText &text)
{
    return spaced(text.headerText("Received"));
}

bool hasFakeAolRelay(MessageText &text)
{
    const QByteArray received = receivedInOneLine(text);
    const bool hasRelay = anywhere(received.toLower(), " rly-", [](HopLine at) {
        const QByteArrayView name = at.rest();
        const auto isLetter = [](char c) { return c >= 'a' && c <= 'z'; };
        const auto isNumber = [](char c) { return c >= '0' && c <= '9'; };
        return name.size() >= 5 && isLetter(name[0]) && isLetter(name[1]) && isNumber(name[2])
               && isNumber(name[3]) && name[4] == '.';
    });
    if (!hasRelay) {
        return false;
    }
    const bool isAol = anywhere(received, "/AOL-", [](HopLine at) {
        return at.digits() && at.literal(".") && at.digits() && at.literal(".") && at.digits()
               && at.literal(")");
    });
    return !isAol && !received.contains("ESMTP id RELAY")
           && !received.contains("ESMTP id MAILRELAY") && !received.contains("ESMTP id MAILIN");
}

bool hasForgedEudoramail(MessageText &text)
{
    if (!isSenderAt(text, "eudoramail.com") || passedReceivedRemover(text)) {
        return false;
    }
    const bool isByWhoWhere = anywhere(receivedInOneLine(text), "by ", [](HopLine at) {
        QByteArrayView host;
        return at.maybeWord(host) && host.contains("whowhere.com;");
    });
    return !(isByWhoWhere && hasAnyAddress(text.headerText("X-Sender-Ip")));
}

bool hasForgedYahoo(MessageText &text)
{
    if (!isSenderAt(text, "yahoo.com")) {
        return false;
    }
    QByteArray received = receivedInOneLine(text);
    if (!text.headerText("Resent-From").isEmpty() && !text.headerText("Resent-To").isEmpty()) {
        const QByteArray before = text.headerText("X-Received");
        received = before.isEmpty() ? received : spaced(before);
    }
    if (passedReceivedRemover(text) || comesFromYahoo(text.relays())
        || anywhere(received, "by ", isYahooHandover)
        || anywhere(received, "from ", isYahooGroup)) {
        return false;
    }
    const bool isReply = text.headerText("From:addr").toLower().endsWith("@reply.yahoo.com");
    return !(isReply && isYahooBulk(received));
}

bool hasForgedJuno(MessageText &text)
{
    if (!isSenderAt(text, "juno.com") || passedReceivedRemover(text)) {
        return false;
    }
    // Without X-Originating-IP it is older than what Juno has written for long.
    if (text.headerText("X-Originating-IP").isEmpty()) {
        return true;
    }
    const QByteArray received = text.headerText("Received");
    const bool isJuno = anyLine(received,
                                [](const QByteArray &line) { return isJunoTransfer(line); })
                        || received.contains(" cookie.juno.com ")
                        || received.contains(" cookie.untd.com ");
    return !isJuno || !text.headerText("X-Mailer").contains("Juno ");
}

bool hasForgedGmail(MessageText &text)
{
    constexpr qsizetype leastState = 60;  // Of what Google adds to tell its own mail.
    if (!isSenderAt(text, "gmail.com")) {
        return false;
    }
    const auto hasId = [](HopLine at) {
        QByteArrayView rest;
        return at.maybeWord(rest) && at.literal(" with SMTP id ") && at.word();
    };
    const QByteArray before = text.headerText("X-Received");
    const bool isInternal = anywhere(
        before, "by 10.", [&hasId](HopLine at) { return !at.rest().startsWith(' ') && hasId(at); });
    const bool isInternal6 = anywhere(before, "by 2002:a", [&hasId](HopLine at) {
        const QByteArrayView rest = at.rest();
        return rest.size() > 3 && rest[0] >= '0' && rest[0] <= '9' && rest[1] >= '0'
               && rest[1] <= '9' && rest[2] == ':' && hasId(at);
    });
    const bool isSubmitted = anywhere(text.headerText("Received"),
                                      "by smtp.googlemail.com with ESMTPSA id ",
                                      [](HopLine at) { return at.word(); });
    const bool hasState = text.headerText("X-Gm-Message-State").size() >= leastState
                          && text.headerText("X-Google-Smtp-Source").size() >= leastState;
    return !isInternal && !isInternal6 && !isSubmitted && !hasState;
}

// "from mail3.example.com by gw05 with ESMTP; Thu, 21 Jun 2001 02:28:32 -0400" as the oldest of several.
bool hasForgedGateway05(MessageText &text)
{
    const std::vector<QByteArray> received = text.headerValues("Received");
    if (received.size() < 2) {
        return false;
    }
    const QList<QByteArray> words = received.back().simplified().split(' ');
    constexpr qsizetype wordCount = 12;
    return words.size() == wordCount && words[0] == "from" && words[2] == "by" && words[4] == "with"
           && words[5] == "ESMTP;" && !words[3].contains('.') && words[6].size() == 4
           && words[6].endsWith(',') && words[8].size() == 3 && words[9].size() == 4;
}

bool passedReceivedRemover(MessageText &text)
{
    const QByteArray received = text.headerText("Received");
    const bool isEzmlm = anyLine(text.headerText("Mailing-List"), [](const QByteArray &line) {
        HopLine at(line);
        QByteArrayView contact;
        return at.literal("contact ") && at.wordEnding(";", contact) && isMailbox(contact)
               && at.literal(" run by ezmlm") && at.atEnd();
    });
    if (isEzmlm) {
        const bool isList = anyLine(text.headerText("Delivered-To"), [](const QByteArray &line) {
            HopLine at(line);
            QByteArrayView list;
            return at.literal("mailing list ") && at.word(list) && isMailbox(list);
        });
        if (isList && anywhere(received, "qmail ", isQmailInvocation)) {
            return true;
        }
    }
    if (!text.header("Received")) {
        return true;
    }
    return anywhere(received, "from groups.msn.com (", [](HopLine at) {
        QByteArrayView host;
        return at.word(host) && isBelow(host, "msn.com") && at.literal(" ");
    });
}

bool hasUnusableMessageId(MessageText &text)
{
    QByteArray unsubscribe = text.headerText("List-Unsubscribe");
    if (unsubscribe.endsWith('\n')) {
        unsubscribe.chop(1);
    }
    if (unsubscribe.endsWith('>')) {
        const qsizetype space = std::max(unsubscribe.lastIndexOf(' '),
                                         unsubscribe.lastIndexOf('\n'));
        const QByteArray last = unsubscribe.sliced(space + 1).chopped(1);
        constexpr QByteArrayView mark("<mailto:");
        const qsizetype at = last.toLower().indexOf(mark);
        if (at >= 0 && isLeaveAddress(QByteArrayView(last).sliced(at + mark.size()))) {
            return true;
        }
    }
    const QByteArray received = text.headerText("Received");
    return passedReceivedRemover(text) || received.contains("/CWT/DCE)")
           || received.contains("iPlanet Messaging Server");
}

}  // namespace portcullis::spam
