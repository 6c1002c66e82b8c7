// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/Part.h"

#include <algorithm>

namespace portcullis::mail {

const HeaderField *Part::field(QByteArrayView name) const
{
    const auto found = std::find_if(fields.begin(), fields.end(), [name](const HeaderField &field) {
        return field.isNamed(name);
    });
    return found == fields.end() ? nullptr : &*found;
}

}  // namespace portcullis::mail
