// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/quarantine/QuarantineEntry.h"

namespace portcullis::quarantine {

/// What the filter said of a message to quarantine, as it travels in spool::Entry::note until the
/// store writer takes it over. Sender, recipients, direction, time and content are the spool entry's
/// own.
struct QuarantineNote {
    QByteArray queueId;  ///< Of the message as it was accepted.
    QuarantineKind kind = QuarantineKind::Spam;
    int spamLevel = 0;
    QString virus;
    QString rule;
    QString subject;
    QString fromHeader;
    QJsonObject evidence;

    /// From the filter's answer.
    static QuarantineNote of(const verdict::QuarantineItem &item, const QByteArray &queueId);

    [[nodiscard]] QByteArray toJson() const;

    /// What is missing or odd gets a harmless value (kind: filter failure), because a note that
    /// cannot be read must not keep a mail from being kept.
    static QuarantineNote fromJson(const QByteArray &json);
};

}  // namespace portcullis::quarantine
