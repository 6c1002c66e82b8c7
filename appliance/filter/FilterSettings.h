// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Address.h"
#include "appliance/mail/MimeLimits.h"

#include <QtCore/QByteArray>
#include <QtCore/QString>

namespace portcullis::filter {

/// What the configuration says about judging mail. Immutable; a worker has one for its life.
struct FilterSettings {
    QString hostName;  ///< Macros __HOST__, __DOMAIN__, __FQDN__.
    QString domain;
    QString fqdn;
    QString version;                    ///< __VERSION__
    mail::Address administrator;        ///< __ADMIN__
    QString mailFromName;               ///< Display name of our own mail.
    mail::Address mailFrom;             ///< Address of our own mail.
    bool hidesReceived = false;         ///< `hide_received`, outgoing mail only.
    int heuristicScore = 3;             ///< Points for a heuristic find of a scanner, 0 … 1000.
    bool encryptedIsHeuristic = false;  ///< `archiveblockencrypted`
    qint64 maxSpamSize = 262'144;       ///< Bytes that the spam engine looks at.
    int spamThreshold = 5;              ///< Points from which further spam tests are not asked.
    mail::MimeLimits mimeLimits;
    QString scratchFolder;
};

}  // namespace portcullis::filter
