// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Envelope.h"
#include "appliance/smtp/server/CommandSyntax.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

namespace portcullis::smtp {

/// The two Postfix extensions by which a trusted peer tells of another client: XCLIENT replaces the
/// session's client, XFORWARD names the origin of the next transaction.
enum class AttributeCommand { Xclient, Xforward };

/// Names as announced after the keyword in the EHLO reply.
[[nodiscard]] QByteArray announcedAttributes(AttributeCommand command);

/// `client` with the attributes of the command's argument applied. An attribute that is
/// `[UNAVAILABLE]` or `[TEMPUNAVAIL]` becomes empty. Unknown attributes and values that could not be
/// a name, an address or a protocol are refused with 501 5.5.4. But XFORWARD hands on what a stranger
/// said at HELO: refusing that would pass him off as the forwarding peer, so it is cleaned instead.
[[nodiscard]] Parsed<mail::Client> applyAttributes(AttributeCommand command,
                                                   QByteArrayView argument,
                                                   mail::Client client,
                                                   const SessionLimits &limits);

}  // namespace portcullis::smtp
