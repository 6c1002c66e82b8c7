// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/authentication/Findings.h"
#include "appliance/mail/HeaderField.h"
#include "appliance/verdict/SessionEvidence.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <optional>
#include <vector>

namespace portcullis::authentication {

/// What a message's Authentication-Results field is made of.
struct ResultsInput {
    QByteArray authservId;                   ///< Our name in the field (RFC 8601 §2.5).
    std::optional<verdict::SpfFinding> spf;  ///< Nothing: not checked, not mentioned.
    std::optional<Findings> findings;        ///< Nothing: not checked, not mentioned.
    bool isDmarcWanted = true;               ///< False: switched off, not mentioned.
    std::optional<QByteArray> reverseName;   ///< For iprev (RFC 8601 §3): empty means fail.
    QByteArray clientAddress;                ///< policy.iprev
};

/// The whole field `Authentication-Results: …` with its final CRLF, folded at 78 columns, every value
/// quoted where RFC 8601 §2.2 needs it and free of what is not printable ASCII.
QByteArray writeAuthenticationResults(const ResultsInput &input);

/// The whole field `Received-SPF: …` with CRLF (RFC 7208 §9.1).
QByteArray writeReceivedSpf(const verdict::SpfFinding &spf,
                            const QByteArray &clientAddress,
                            const QByteArray &helo,
                            const QByteArray &receiver);

/// One result of an Authentication-Results field.
struct MethodResult {
    QByteArray method;  ///< Lower case.
    QByteArray result;  ///< Lower case.
    /// "header.from" and its value, unquoted; in order.
    std::vector<std::pair<QByteArray, QByteArray>> properties;

    [[nodiscard]] QByteArray property(QByteArrayView name) const;  ///< Empty if there is none.
};

/// A field as RFC 8601 §2.2 writes it.
struct ParsedResults {
    QByteArray authservId;
    std::vector<MethodResult> results;  ///< What could be read; a broken part is left out.
};

/// Reads a value (unfolded or not), comments skipped. Nothing: not even the authserv-id is readable.
std::optional<ParsedResults> parseAuthenticationResults(QByteArrayView value);

/// Tells whether a reader could take this field for one of ours, so that it must go (RFC 8601 §5).
///
/// On purpose wider than the grammar: case, comments, quotes, folding, NUL and blanks before the colon
/// do not hide the name; subdomains of `authservId` count; so does a field that cannot be read, and
/// one without authserv-id.
bool claimsToBeOurs(const mail::HeaderField &field, const QByteArray &authservId);

}  // namespace portcullis::authentication
