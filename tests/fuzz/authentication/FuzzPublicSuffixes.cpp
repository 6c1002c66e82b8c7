// SPDX-License-Identifier: GPL-2.0-or-later
// A name and a list: the organisation is a suffix of the name, and its own organisation.
#include "appliance/authentication/PublicSuffixes.h"

#include <cstdlib>

using namespace portcullis::authentication;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const QByteArray input(reinterpret_cast<const char *>(data), static_cast<qsizetype>(size));
    const qsizetype split = input.indexOf('\0');
    const QByteArray name = input.left(split);
    const auto list = PublicSuffixes::parse(input.mid(split + 1));
    const QByteArray organisation = list.organisationOf(name);
    if (!name.endsWith(organisation) || list.organisationOf(organisation) != organisation) {
        std::abort();
    }
    return 0;
}
