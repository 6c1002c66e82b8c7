// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <optional>
#include <vector>

/// Dates of mail as SpamAssassin reads them: much more is taken for a date than RFC 5322 §3.3 allows.
namespace portcullis::spam {

/// Seconds since 1970 (UTC) of "Thu, 13 Mar 2003 15:23:15 -0500 (EST)", also of the order that ctime has,
/// of years of two digits and of well-known zone names; nothing: no date.
std::optional<qint64> readMailDate(QByteArrayView text);

/// The first "13 Mar 2003 15:23:15 -0500" in a line, with the blank before it; empty: none.
QByteArrayView dateInReceived(QByteArrayView line);

/// What the dates of one message tell.
struct HeaderDates {
    std::optional<qint64> header;   ///< Of Resent-Date, else of Date.
    std::vector<qint64> received;   ///< Of the Received fields that have one, newest first.
    std::optional<qint64> fetched;  ///< The newest that fetchmail wrote.
    /// Date less the nearest time in Received; 0 where one of them is missing.
    qint64 difference = 0;
    /// When the message probably came: the median of what there is; 0: unknown.
    qint64 probable = 0;
};

/// `dates`: values of Resent-Date, then of Date. `received`: values of Received, newest first.
HeaderDates readHeaderDates(const std::vector<QByteArray> &dates,
                            const std::vector<QByteArray> &received,
                            qint64 now);

}  // namespace portcullis::spam
