// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/uri/DomainTable.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <vector>

/// Finding addresses in running text, for the FreeMail tests.
namespace portcullis::spam {

/// An address within a text.
struct FoundAddress {
    qsizetype begin = 0;
    qsizetype end = 0;
    QByteArray address;  ///< Lower case.
};

/// The first address that begins at `from` or later: a dot-atom of at most 64 octets, "@", one to four
/// labels and a valid top level domain. Nothing: `address` is empty. Linear over repeated calls.
FoundAddress nextAddress(QByteArrayView text, qsizetype from, const DomainTable &domains);

/// A line as check_freemail_replyto reads it: without links that carry an address, without addresses in
/// angle brackets and without those somebody is quoted by ("a@b.example wrote:").
QByteArray withoutQuotedAddresses(QByteArrayView line, const DomainTable &domains);

/// Addresses of roles and of forwarders, which say nothing about who writes: "abuse@", "bounce-@" …
bool isRoleAddress(QByteArrayView address);

/// Reverse-paths of lists and robots, whose Reply-To rightly differs: "owner-x@", "x-bounces@",
/// "noreply@", VERP.
bool isBulkSender(QByteArrayView reversePath);

}  // namespace portcullis::spam
