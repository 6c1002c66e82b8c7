// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/relays/HopForms.h"
#include "appliance/spam/relays/IpScanner.h"

#include <algorithm>
#include <array>

namespace portcullis::spam {

namespace {

bool localhost(HopLine &line)
{
    const qsizetype length = localhostLengthAt(line.text(),
                                               line.text().size() - line.rest().size());
    return length > 0 && line.literal(line.rest().first(length));
}

// "user@localhost", within one word; the user may be missing where `needsUser` is false.
bool userAtLocalhost(HopLine &line, bool needsUser)
{
    HopLine plain = line;
    if (!needsUser && localhost(plain)) {
        line = plain;
        return true;
    }
    QByteArrayView user;
    HopLine at = line;
    return at.wordUpToLast("@", user) && !user.isEmpty() && localhost(at) && (line = at, true);
}

bool isLocalhostPeer(HopLine line)
{
    HopLine self = line;
    if (localhost(self) && self.literal(" (") && userAtLocalhost(self, false)
        && (self.literal(")") || self.literal("["))) {
        return true;
    }
    if (!line.word() || !line.literal(" (")) {
        return false;
    }
    HopLine plain = line;
    if (userAtLocalhost(plain, false) && plain.literal(") ")) {
        return true;
    }
    QByteArrayView user;
    HopLine bracketed = line;
    return bracketed.word(user) && user.size() >= 3 && user.sliced(1).chopped(1).contains('@')
           && bracketed.literal(" [") && localhost(bracketed) && bracketed.literal("]) ");
}

// "user@domain by host": a list manager or a gateway passes on what it has.
bool isAddressByHost(HopLine line)
{
    QByteArrayView who;
    return line.word(who) && who.size() >= 3 && who.sliced(1).chopped(1).contains('@')
           && line.literal(" by ") && line.word() && line.literal(" ");
}

bool isGroupWise(HopLine line)
{
    const QByteArrayView text = line.text();
    QByteArrayView host;
    return line.firstWordBetween(" by ", " with Novell_GroupWise", host) && !text.startsWith(" by ")
           && !text.first(host.data() - text.data()).contains('.');
}

// Only plain version numbers: what distributions build calls itself "v2.2.12-Invoca-RPM…".
bool isUnixSocket(HopLine line)
{
    if (!line.word() || !line.literal(" ([unix socket]) by ") || !line.word()
        || !line.literal(" (Cyrus v")) {
        return false;
    }
    line.digits();
    const bool hasMinor = line.literal(".");
    line.digits();
    const bool hasPatch = line.literal(".");
    line.digits();
    return hasMinor && hasPatch && line.literal(") with LMTPA");
}

// No address is said, so there is nothing to judge.
bool isNamelessTransfer(HopLine line)
{
    HopLine by = line;
    if (by.word() && by.literal(" by ") && by.word() && by.literal(" ")) {
        for (const QByteArrayView next : {QByteArrayView("with"), QByteArrayView("via"),
                                          QByteArrayView("for"), QByteArrayView("(")}) {
            if (by.rest().startsWith(next)) {
                return true;
            }
        }
    }
    if (!line.word() || !line.literal(" ")) {
        return false;
    }
    HopLine how = line;
    const bool saysHow = (how.literal("with ") || how.literal("via ") || how.literal("for "))
                         && how.word();
    if (!saysHow && !line.literal("(unverified)")) {
        return false;
    }
    HopLine &rest = saysHow ? how : line;
    return rest.literal(" by") && (rest.atEnd() || !isWordByte(rest.rest().front()));
}

// A word character right after the given text.
bool wordFollows(HopLine &line, QByteArrayView literal)
{
    return line.literal(literal) && !line.atEnd() && isWordByte(line.rest().front());
}

bool isCloudService(HopLine line)
{
    HopLine sendGrid = line;
    if (sendGrid.word() && sendGrid.literal(" (unknown) by ") && sendGrid.word()
        && wordFollows(sendGrid, " (SG) with ")) {
        return true;
    }
    HopLine openSmtpd = line;
    if (openSmtpd.word() && openSmtpd.literal(" (") && openSmtpd.word()
        && openSmtpd.literal(" [local]) by ") && openSmtpd.word()
        && wordFollows(openSmtpd, " (OpenSMTPD) with ")) {
        return true;
    }
    HopLine facebook = line;
    if (facebook.literal("facebook.com ") && facebook.comment()
        && facebook.literal(" by facebook.com with Thrift id ") && facebook.word()
        && facebook.atEnd()) {
        return true;
    }
    HopLine gmailApi = line;
    return gmailApi.word() && gmailApi.literal(" named ") && gmailApi.word()
           && gmailApi.literal(" by gmailapi.google.com with HTTPREST") && gmailApi.atEnd();
}

bool isOnlyIdentified(HopLine line)
{
    return line.word() && line.literal(" id ") && line.word() && line.atEnd();
}

bool isMailEnable(HopLine line)
{
    return line.literal("([") && localhost(line) && line.literal("]) with MailEnable ");
}

bool isAuthenticatedOnly(HopLine line)
{
    return line.literal("(AUTH: ") && line.wordEnding(")") && line.literal(" by ") && line.word()
           && line.literal(" with ");
}

bool isAvgScanner(HopLine line)
{
    return line.literal("127.0.0.1 (AVG SMTP ") && line.word() && line.literal(" [")
           && line.wordEnding("])");
}

bool isLocalEsmtp(HopLine line)
{
    return line.word() && line.literal(" ") && line.word() && line.literal(" by ") && line.word()
           && (line.literal(" with local-esmtp ") || line.literal(" with local-smtp "));
}

bool startsOrNamesUseless(HopLine line)
{
    return line.text().startsWith("Unknown/Local (")
           || line.text().startsWith("localhost (localhost [[UNIX: localhost]]) by ")
           || line.has("(LSMTP for") || (line.text().startsWith("[<") && line.has(" (Jetsend"));
}

}  // namespace

bool isHopWithoutUse(const HopLine &line)
{
    static constexpr std::array<bool (*)(HopLine), 12> forms{
        isLocalhostPeer, isLocalEsmtp,        isAvgScanner,       isAddressByHost,
        isGroupWise,     isAuthenticatedOnly, isUnixSocket,       isCloudService,
        isMailEnable,    isOnlyIdentified,    isNamelessTransfer, startsOrNamesUseless};
    return std::any_of(forms.begin(), forms.end(), [&line](auto form) { return form(line); });
}

HopOutcome readUpperCaseForm(HopLine line, Hop &hop)
{
    Hop said = hop;
    said.asksDns = true;
    if (!line.word(said.helo) || !line.literal(" (") || !line.word(said.rdns) || !line.literal(" [")
        || !line.address(said.ip) || !line.literal("]) BY ") || !line.word(said.by)
        || !line.literal(" ")) {
        return HopOutcome::Unknown;
    }
    HopLine remark = line;
    if (remark.comment() && remark.literal(" WITH SMTP ")) {
        line = remark;
    }
    if (!line.literal("ID ")) {
        return HopOutcome::Unknown;
    }
    line.literal("<");
    if (!line.word(said.id)) {
        return HopOutcome::Unknown;
    }
    HopLine recipient = line;
    if (recipient.literal(" FOR <") && recipient.through(">") && recipient.atEnd()) {
        line = recipient;
    }
    if (said.id.size() > 1 && said.id.endsWith('>')) {
        said.id.chop(1);
    }
    said.rdns = said.rdns == QByteArrayView("unverified") ? QByteArrayView() : said.rdns;
    if (!line.atEnd()) {
        return HopOutcome::Unknown;
    }
    hop = said;
    return HopOutcome::Hop;
}

HopOutcome readParenthesisedForm(const HopLine &line, Hop &hop)
{
    Hop said = hop;
    HopLine norton = line;
    if (norton.maybeWord(said.helo) && norton.literal(" [") && norton.address(said.ip)
        && norton.literal("]) by ") && norton.word(said.by) && norton.literal(" (NAVGW ")
        && norton.through(") with ")) {
        hop = said;
        return HopOutcome::Hop;
    }
    HopLine command = line;
    if (command.wordEnding("@localhost)") && command.literal(" by ") && command.word()
        && command.literal(" ")) {
        return HopOutcome::Skip;
    }
    HopLine queue = line;
    QByteArrayView user;
    const bool isQueue = queue.wordUpToLast("@", user) && queue.wordEnding(")")
                         && queue.literal(" by ") && queue.has("(jqueuemail) id ");
    return isQueue ? HopOutcome::Skip : HopOutcome::Unknown;
}

}  // namespace portcullis::spam
