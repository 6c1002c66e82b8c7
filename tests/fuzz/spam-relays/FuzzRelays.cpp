// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/relays/RelayChain.h"

#include <QtCore/QList>

#include <cstdlib>

using namespace portcullis::spam;

// Lines are Received fields, newest first; the first line is of X-Originating-IP. Whatever they say, each
// relay is either trusted or not, either internal or not, and no text breaks out of its brackets by a
// line end or a blank in a field that rules split at.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    constexpr size_t limit = 65'536;
    if (size > limit) {
        return 0;
    }
    const QByteArray input(reinterpret_cast<const char *>(data), static_cast<qsizetype>(size));
    const QList<QByteArray> lines = input.split('\n');
    RelaySettings settings;
    if (input.startsWith('T')) {
        settings.areTrustedSet = settings.trusted.add("198.51.100.0/24");
        settings.msa.add("10/8");
    }
    const std::vector<QByteArray> received(lines.begin() + 1, lines.end());
    const RelayChain chain = readRelays(received, settings, {lines.first()});
    if (chain.trusted.size() + chain.untrusted.size()
        < chain.internal.size() + chain.external.size()) {
        std::abort();
    }
    for (const std::vector<Relay> &relays : {chain.trusted, chain.untrusted}) {
        for (const Relay &relay : relays) {
            for (const QByteArray &field :
                 {relay.ip, relay.rdns, relay.helo, relay.by, relay.ident}) {
                if (field.contains(' ') || field.contains('\n') || field.contains(']')) {
                    std::abort();
                }
            }
        }
    }
    return 0;
}
