// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <vector>

/// What the words of single header fields give away.
namespace portcullis::spam {

class DomainTable;
class MessageText;

/// Share and number of octets that need encoding (RFC 2045 §2.7, and controls) in a field, or "ALL".
bool hasIllegalOctets(MessageText &text,
                      const QByteArray &query,
                      double leastShare,
                      double leastCount);
std::vector<QByteArray> charsetsOfEncodedWords(QByteArrayView raw);
bool isSubjectInCapitals(MessageText &text);
/// `part`: "address" or "user": the first recipient's address, or how its local part is often put.
bool namesRecipientInSubject(MessageText &text, const QByteArray &part);
bool hasUnresolvedTemplate(MessageText &text);
int countDifferentValues(MessageText &text, const QByteArray &field);

bool hasWrongOutlookId(MessageText &text);  ///< Its Message-ID tells another time than its Date.
bool hasRatwareNameId(MessageText &text);
bool hasRatwareEnvelopeFrom(MessageText &text, const DomainTable &domains);
bool hasEqualSenders(MessageText &text);  ///< Reverse-path and From, both may be missing.
bool hasDifferentSenderDomains(MessageText &text);

bool lacksRecipients(MessageText &text);
struct RecipientOrder {
    bool isSorted = false;
    double similarity = 0;  ///< How often two recipients begin alike, by the number of pairs.
};
RecipientOrder recipientOrder(MessageText &text);

}  // namespace portcullis::spam
