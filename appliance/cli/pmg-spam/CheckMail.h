// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/config/ConfigLoader.h"
#include "appliance/mail/Content.h"
#include "appliance/mail/Envelope.h"
#include "appliance/spam/SenderEvidence.h"
#include "shared/base/Result.h"

#include <QtCore/QString>
#include <QtCore/QStringList>

namespace portcullis::cli::spamrules {

/// What is known of a mail besides its bytes: what options said.
struct CheckedMail {
    mail::Content content;
    mail::Envelope envelope;
    mail::Client client;
    bool hasArrival =
        false;  ///< Something was said; else the mail's own fields tell the way it came.
};

/// Options of `pmg-spam check` about the way a mail came.
struct ArrivalWords {
    QString sender;  ///< Reverse-path.
    QStringList recipients;
    QString clientAddress;
    QString clientName;
    QString helo;
};

/// Reads a mail ("-": standard input) and the words. Errors: `pmg-spam.file`, `pmg-spam.usage`
/// (permanent), those of mail::Address.
Result<CheckedMail> readCheckedMail(const QString &file, const ArrivalWords &words);

/// DKIM, ARC and DMARC as the gateway finds them out on arrival: asks the resolver of the running filter.
/// SPF is not asked again; the rules take it from Received-SPF fields of the gateway's own.
spam::SenderEvidence senderEvidence(const CheckedMail &mail,
                                    const config::ConfigPtr &config,
                                    const QString &resolverSocket);

}  // namespace portcullis::cli::spamrules
