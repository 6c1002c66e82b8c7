// SPDX-License-Identifier: GPL-2.0-or-later
// Names of header fields, and what the tokenizer does with them.
#include "appliance/spam/bayes/HeaderChewing.h"

#include <QtCore/QHash>
#include <QtCore/QSet>

#include <algorithm>

namespace portcullis::spam {

namespace {

using View = QByteArrayView;

/// One line a topic; each name in lower case.
constexpr const char *ignoredNames =
    "sender x-sender delivered-to delivery-date envelope-to x-envelope-to "
    "x-mime-autoconverted x-converted-to-plain-text subject date "
    // Mailing lists: one that filters spam would make all of its fields signs of ham.
    "x-list mailing-list x-mailing-list x-unsub x-unsubscribe x-mailman-version x-beenthere x-loop "
    "mail-followup-to x-egroups-return x-egroups-from x-mdmailing-list x-xemacs-list x-sympa-to "
    "resent-from resent-to resent-date x-resent-from x-resent-to x-resent-date "
    "original-from original-to original-date x-original-from x-original-to x-original-date "
    // What other filters found.
    "x-mailscanner x-mailscanner-spamcheck x-spam x-spam-status x-spam-level x-spam-flag "
    "x-spam-report x-spam-hits x-spam-score x-spam-checker-version x-antispam x-rbl-warning "
    "x-mdaemon-deliver-to x-virus-scanned x-mass-check-id x-pyzor x-filtered-by x-scanned-by "
    "x-scanner x-ap-spam-score x-ap-spam-status x-ripe-spam-status x-smtpd spam-apparently-to "
    "x-spam-apparently-to spam x-perlmx-spam x-bogosity "
    // Noise of Outlook, annotations of mailboxes and readers.
    "content-class thread-index thread-topic x-originalarrivaltime "
    "status x-status x-flags x-keywords replied forwarded lines content-length x-uid x-uidl "
    "x-imapbase x-vm-bookmark x-vm-pop-retrieved x-vm-imap-retrieved x-vm-labels "
    "x-vm-last-modified x-vm-summary-format x-vm-vheader x-vm-message-order x-gnus-mail-source "
    "xref";

constexpr const char *listFieldEndings =
    "archive help id owner post subscribe unsubscribe host manager admin comment name url";

QSet<QByteArray> setOf(const char *words)
{
    const auto list = QByteArray(words).split(' ');
    return {list.begin(), list.end()};
}

bool isDigit(char c)
{
    return c >= '0' && c <= '9';
}

/// Families with something free in their names.
bool isIgnoredFamily(View name)
{
    static const QSet<QByteArray> endings = setOf(listFieldEndings);
    const View bare = name.startsWith("x-") ? name.sliced(2) : name;
    if (bare.startsWith("list-") && endings.contains(bare.sliced(5).toByteArray())) {
        return true;
    }
    if (name.startsWith("x-dcc-") && name.endsWith("-metrics")) {
        const qsizetype free = name.size() - 6 - 8;
        return free >= 2 && free <= 25 && !name.contains(' ') && !name.contains('\t');
    }
    if ((name.startsWith("x-spamcop-") && name.size() > 10)
        || (name.startsWith("x-bugzilla-") && name.size() > 11)) {
        return true;
    }
    // "X-VM-v5-Data": the format of a mail reader, with its version.
    return name.size() == 12 && name.startsWith("x-vm-v") && isDigit(name[6])
           && name.endsWith("-data");
}

bool isOneOf(View lowerName, const char *words)
{
    const View all(words);
    for (qsizetype at = 0; at < all.size();) {
        qsizetype end = all.indexOf(' ', at);
        end = end < 0 ? all.size() : end;
        if (all.sliced(at, end - at) == lowerName) {
            return true;
        }
        at = end + 1;
    }
    return false;
}

/// The name without "X-" or "Resent-" before it.
QByteArray withoutOrigin(View name)
{
    const QByteArray lower = name.toByteArray().toLower();
    return lower.startsWith("x-")        ? lower.sliced(2)
           : lower.startsWith("resent-") ? lower.sliced(7)
                                         : lower;
}

}  // namespace

bool isIgnoredField(View name)
{
    static const QSet<QByteArray> names = setOf(ignoredNames);
    const QByteArray lower = name.toByteArray().toLower();
    return names.contains(lower) || isIgnoredFamily(lower);
}

bool isPresenceOnlyField(View name)
{
    static const QSet<QByteArray> names = setOf(
        "x-face dkim-signature domainkey-signature x-google-dkim-signature arc-message-signature "
        "arc-seal autocrypt x-gnupg-fingerprint x-gnu-pg-fingerprint x-pgp-fingerprint "
        "x-gpg-fingerprint x-gnupg-key-fingerprint x-gnu-pg-key-fingerprint "
        "x-pgp-key-fingerprint x-gpg-key-fingerprint");
    return names.contains(name.toByteArray().toLower());
}

bool isMessageIdField(View name)
{
    return withoutOrigin(name) == "message-id";
}

bool isAddressField(View name)
{
    return isOneOf(withoutOrigin(name),
                   "return-path from to cc reply-to errors-to mail-followup-to sender");
}

QByteArray shortFieldName(const QByteArray &name)
{
    // The spelling counts: programs that write "Message-ID" and those that write "Message-Id" are
    // told apart.
    static const QHash<QByteArray, QByteArray> names{
        {"Message-Id", "*m"},
        {"Message-ID", "*M"},
        {"Received", "*r"},
        {"User-Agent", "*u"},
        {"References", "*f"},
        {"In-Reply-To", "*i"},
        {"From", "*F"},
        {"Reply-To", "*R"},
        {"Return-Path", "*p"},
        {"Return-path", "*rp"},
        {"X-Mailer", "*x"},
        {"X-Authentication-Warning", "*a"},
        {"Organization", "*o"},
        {"Organisation", "*o"},
        {"Content-Type", "*ct"},
        {"Content-Disposition", "*cd"},
        {"Content-Transfer-Encoding", "*ce"},
        {"x-spam-relays-trusted", "*RT"},
        {"x-spam-relays-untrusted", "*RU"},
    };
    return names.value(name, name);
}

QByteArray groupOfField(View name)
{
    const QByteArray lower = name.toByteArray().toLower();
    if (isOneOf(lower, "in-reply-to references message-id")) {
        return "*MI";
    }
    if (isOneOf(lower, "from to cc")) {
        return "*Ad";
    }
    return isOneOf(lower, "x-mailer user-agent") ? QByteArray("*UA") : QByteArray();
}

}  // namespace portcullis::spam
