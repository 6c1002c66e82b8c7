// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/authentication/ReceivedMessage.h"

#include <QtCore/QByteArray>

namespace portcullis::authentication {

/// Whose message it claims to be, for DMARC (RFC 7489 §6.6.1).
struct AuthorDomain {
    QByteArray domain;      ///< A-labels, lower case; empty if isForged.
    bool isForged = false;  ///< No clear answer: readers may see different authors.
    QByteArray reason;      ///< Why it is forged; printable ASCII.
};

/// Reads From as strictly as an attacker reads it leniently: exactly one field, written `From:`, whose
/// mailboxes share one domain. Groups, source routes, control characters, text that is neither name
/// nor address, an unquoted second address in the display name and From-like lines that are no
/// fields all make it forged. Quoted and encoded display names may hold anything.
AuthorDomain authorDomain(const ReceivedMessage &message);

}  // namespace portcullis::authentication
