// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>
#include <QtCore/QStringList>

#include <vector>

/// Content-Type and Content-Disposition fields (RFC 2045 §5.1, RFC 2183), read in every way that mail
/// programs read the parameters: quotes, comments, RFC 2231 and RFC 2047, duplicates, broken quoting.
namespace portcullis::mail {

/// One `name=value` as it stands.
struct Parameter {
    QByteArray name;                ///< Lower case, with the `*` marks of RFC 2231.
    std::vector<QByteArray> texts;  ///< Ways to read the value, the RFC's first; never empty.
};

/// A field with parameters.
struct ParameterizedValue {
    QByteArray
        value;  ///< What stands before the first `;`: lower case, without comments and blanks.
    std::vector<Parameter> parameters;
    bool isTruncated = false;     ///< There were more parameters than allowed.
    bool hasNoSemicolon = false;  ///< The one before the first parameter was missing.
};

/// `unfolded` has no line breaks.
ParameterizedValue parseParameters(QByteArrayView unfolded, int limit);

/// Values of a parameter that may name octets (boundary, charset): the likeliest first, none twice.
std::vector<QByteArray> octetValues(const ParameterizedValue &field, QByteArrayView name);

/// Values of a parameter that names text (filename, name), RFC 2231 continuations joined in order of
/// number and of appearance, charsets and encoded-words decoded; the likeliest first, none twice.
QStringList textValues(const ParameterizedValue &field, QByteArrayView name);

/// Every name that a mail program or an operating system may make of these: without control and
/// format characters, cut at NUL, folders and stream names removed, trailing dots and blanks removed.
/// At most `limit` (then the bool is true); no empty ones.
std::pair<QStringList, bool> fileNameForms(const QStringList &names, int limit);

}  // namespace portcullis::mail
