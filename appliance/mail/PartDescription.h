// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/MimeLimits.h"
#include "appliance/mail/Part.h"

#include <QtCore/QByteArrayView>

#include <vector>

namespace portcullis::mail {

/// One way to read what kind of entity this is.
struct TypeReading {
    QByteArray type;      ///< Lower case `type/subtype`.
    QByteArray boundary;  ///< Of a multipart; may be empty.

    [[nodiscard]] bool isMultipart() const { return type.startsWith("multipart/"); }
    friend bool operator==(const TypeReading &, const TypeReading &) = default;
};

/// What the Content fields of an entity say, in every way they can be read.
struct PartDescription {
    std::vector<TypeReading> readings;  ///< The likeliest first; never empty.
    bool hasConflictingTypes = false;   ///< Several Content-Type fields or boundaries that differ.
    bool hasConflictingNames = false;   ///< File names with different extensions.
    bool hasInvalidType = false;
    bool isOverLimit = false;  ///< Too many parameters, fields or names.
    bool isEncrypted = false;  ///< S/MIME enveloped data or OpenPGP by its type.
    bool isFragment = false;   ///< message/partial.
};

/// Reads the fields of `part` and fills its type, charset, names, disposition and encoding.
PartDescription describe(Part &part, const QByteArray &defaultType, const MimeLimits &limits);

}  // namespace portcullis::mail
