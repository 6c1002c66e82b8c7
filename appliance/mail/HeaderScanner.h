// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/HeaderField.h"
#include "appliance/mail/MimeLimits.h"

#include <QtCore/QByteArrayView>

#include <vector>

namespace portcullis::mail {

/// What all header blocks of a message may still use of MimeLimits.
struct HeaderBudget {
    int fields = 0;
    qsizetype bytes = 0;
};

/// A header block found at the start of an entity.
struct HeaderBlock {
    std::vector<HeaderField> fields;
    qsizetype headerEnd = 0;  ///< Behind the last field.
    qsizetype bodyBegin = 0;  ///< Behind the empty line.
    /// Where else a reader may end the header: a line of blanks only, or a line that is no field;
    /// -1 if there is no such place. Set only if a Content field follows it.
    qsizetype otherEnd = -1;
    bool isBroken = false;     ///< Holds lines that are no fields, or `Name :` with a blank.
    bool isOverLimit = false;  ///< Fields beyond the budget were left out.
};

/// Reads the header of the entity that is `entity` of `bytes`. `forcedEnd` ends it there.
HeaderBlock scanHeader(QByteArrayView bytes,
                       Span entity,
                       HeaderBudget &budget,
                       qsizetype forcedEnd = -1);

}  // namespace portcullis::mail
