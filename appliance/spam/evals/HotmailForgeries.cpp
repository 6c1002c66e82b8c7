// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/ForgeryWords.h"
#include "appliance/spam/evals/HeaderForgeries.h"
#include "appliance/spam/relays/IpScanner.h"
#include "appliance/spam/text/MessageText.h"

namespace portcullis::spam {

namespace {

bool isHotmailTransfer(HopLine at, bool hasAddress, bool hasOutlookSender)
{
    constexpr QByteArrayView outbound("outbound.protection.outlook.com");
    QByteArrayView host;
    QByteArrayView peer;
    HopLine yahoo = at;
    if (hasAddress && yahoo.literal("[66.218.") && yahoo.wordEnding("]") && yahoo.literal(" by ")
        && yahoo.word(peer) && peer.contains(".yahoo.com")) {
        return true;
    }
    if (!at.word(host)) {
        return false;
    }
    HopLine web = at;
    if (hasAddress && web.literal(" by ") && web.word(peer) && web.literal(" with HTTP;")
        && (isBelow(peer, "hotmail.com") || isBelow(peer, "hotmail.msn.com"))) {
        return true;
    }
    HopLine bare = at;
    if (hasAddress && isBelow(host, "hotmail.com") && bare.literal(" ([") && bare.address()
        && bare.literal("]") && !bare.atEnd()
        && QByteArrayView(" ):").contains(bare.rest().front())) {
        return true;
    }
    HopLine outlook = at;
    if (hasOutlookSender && host.endsWith(".prod.outlook.com") && outlook.literal(" (")
        && outlook.address() && outlook.literal(")")) {
        const QByteArrayView site = host.chopped(QByteArrayView(".prod.outlook.com").size());
        const qsizetype dot = site.lastIndexOf('.');
        HopLine region(site.sliced(dot + 1));
        if (dot >= 0 && (region.literal("eurprd") || region.literal("namprd")) && region.digits()
            && region.atEnd()) {
            return true;
        }
    }
    if (!at.literal(" (") || !at.word(peer)) {
        return false;
    }
    return (hasAddress && isHostOf(host, "hotmail.com")
            && namesHostBelow(peer, {"hotmail.com", "hotmail.msn.com"}))
           || (hasOutlookSender && isBelow(host, outbound) && namesHostBelow(peer, {outbound}));
}

// "from hotmail.com", "HELO x.hotmail.com", "helo=hotmail.com".
bool claimsHotmail(QByteArrayView received)
{
    constexpr QByteArrayView domain("hotmail.com");
    const auto names = [domain](HopLine at) {
        QByteArrayView word;
        at.maybeWord(word);
        return anywhere(word, domain, [](const HopLine &after) {
            return after.atEnd() || !isWordByte(after.rest().front());
        });
    };
    return anywhere(received, "from ", names) || anywhere(received, "HELO ", names)
           || anywhere(received, "helo=", names);
}

enum class Hotmail { Genuine, Forged, Missing };

Hotmail judgeHotmail(MessageText &text)
{
    const QByteArray received = receivedInOneLine(text);
    if (received.contains("from mail pickup service by hotmail.com with Microsoft SMTPSVC;")
        || isFromMsnGroups(text) || passedReceivedRemover(text)) {
        return Hotmail::Genuine;
    }
    const bool hasAddress = hasAnyAddress(text.headerText("X-Originating-Ip"));
    const QByteArray organisation = text.headerText("X-OriginatorOrg");
    const bool hasOutlookSender = organisation.contains("hotmail.com")
                                  || organisation.contains("msonline-outlook");
    if (anywhere(received, "from ", [&](const HopLine &at) {
            return isHotmailTransfer(at, hasAddress, hasOutlookSender);
        })) {
        return Hotmail::Genuine;
    }
    if (claimsHotmail(received)) {
        return Hotmail::Forged;
    }
    return isSenderAt(text, "hotmail.com") ? Hotmail::Missing : Hotmail::Genuine;
}

}  // namespace

bool hasForgedHotmail(MessageText &text)
{
    return judgeHotmail(text) == Hotmail::Forged;
}

bool lacksHotmailRelay(MessageText &text)
{
    return judgeHotmail(text) == Hotmail::Missing;
}

bool isFromMsnGroups(MessageText &text)
{
    constexpr QByteArrayView groups("@groups.msn.com>");
    const QByteArray to = text.headerText("To");
    const qsizetype end = to.toLower().indexOf(groups);
    const qsizetype begin = end < 0 ? -1 : to.lastIndexOf('<', end) + 1;
    if (begin <= 0 || end <= begin) {
        return false;
    }
    const QByteArray list = to.sliced(begin, end - begin);
    QByteArray server;
    const bool isPicked = anywhere(
        text.headerText("Received"), "from mail pickup service by ", [&server](HopLine at) {
            HopLine host = at;
            if (!host.literal("p") || !host.digits() || !host.literal(".groups.msn.com")) {
                return false;
            }
            server = at.rest().first(18).toByteArray();
            return true;
        });
    if (list.contains(' ') || !isPicked) {
        return false;
    }
    const QByteArray id = text.headerText("Message-Id");
    if (list == "notifications") {
        return id.startsWith('<') && id.indexOf('@' + server + '>') > 1;
    }
    return id.startsWith('<' + list + '-') && id.contains(groups)
           && text.headerText("EnvelopeFrom:addr").contains(list + "-bounce@groups.msn.com");
}

}  // namespace portcullis::spam
