// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/uri/DomainTable.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <vector>

namespace portcullis::spam {

/// Which addresses in a text count.
struct MailboxFilter {
    bool skipsUris = false;    ///< Not those within http links.
    bool skipsQuotes = false;  ///< Not "<a@b.c>" and "a@b.c wrote:".
};

/// Mail addresses in free text, in the order found, as written. Linear.
std::vector<QByteArray> mailboxesIn(QByteArrayView text,
                                    const DomainTable &domains,
                                    const MailboxFilter &filter = {});

/// Role accounts and machine-made addresses, which say nothing about a sender.
bool isImpersonal(QByteArrayView mailbox);

}  // namespace portcullis::spam
