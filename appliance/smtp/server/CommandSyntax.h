// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/smtp/Reply.h"
#include "appliance/smtp/server/SessionHandler.h"
#include "appliance/smtp/server/SessionSettings.h"

#include <QtCore/QByteArrayView>

#include <tl/expected.hpp>

#include <optional>

namespace portcullis::smtp {

/// A command read, or the reply that says what is wrong with it.
template<typename T>
using Parsed = tl::expected<T, Reply>;

/// A verb and what follows it, white space trimmed. Both look into the line.
struct CommandLine {
    QByteArrayView verb;
    QByteArrayView argument;
};
[[nodiscard]] CommandLine splitCommand(QByteArrayView line);

/// Whether `verb` is `name` in any case (RFC 5321 §2.4).
[[nodiscard]] bool isVerb(QByteArrayView verb, QByteArrayView name);

/// Whether this is the first word of another protocol: HTTP and its headers, mail headers sent as
/// commands, TLS. Nothing good follows it.
[[nodiscard]] bool isForeignVerb(QByteArrayView verb);

/// The domain or address literal of EHLO, HELO, LHLO (RFC 5321 §4.1.1.1). Lenient in what real
/// clients send (underscores), strict in what could confuse a Received header.
[[nodiscard]] bool isHeloName(QByteArrayView name, const SessionLimits &limits);

/// The argument of MAIL, from `FROM:` on, with the parameters of the announced extensions.
[[nodiscard]] Parsed<MailCommand> parseMail(QByteArrayView argument,
                                            const SessionSettings &settings);

/// The argument of RCPT, from `TO:` on. `isSmtpUtf8` is that of the transaction.
[[nodiscard]] Parsed<mail::Recipient> parseRcpt(QByteArrayView argument,
                                                const SessionSettings &settings,
                                                bool isSmtpUtf8);

/// BDAT's `size [LAST]` (RFC 3030 §2).
struct ChunkCommand {
    qint64 size = 0;  ///< Sizes beyond qint64 become its maximum.
    bool isLast = false;
};
[[nodiscard]] std::optional<ChunkCommand> parseBdat(QByteArrayView argument);

/// Whether `value` is xtext (RFC 3461 §4).
[[nodiscard]] bool isXtext(QByteArrayView value);

/// xtext decoded; nothing if it is none.
[[nodiscard]] std::optional<QByteArray> fromXtext(QByteArrayView value);

}  // namespace portcullis::smtp
