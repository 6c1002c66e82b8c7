// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/SenderEvidence.h"

namespace portcullis::spam {

QByteArray SignatureEvidence::speaksFor() const
{
    const qsizetype at = identity.lastIndexOf('@');
    return (at < 0 ? domain : identity.sliced(at + 1)).toLower();
}

}  // namespace portcullis::spam
