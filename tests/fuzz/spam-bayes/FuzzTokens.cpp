// SPDX-License-Identifier: GPL-2.0-or-later
// The first octet says which region the rest is of.
#include "appliance/spam/bayes/Tokenizer.h"

using namespace portcullis::spam;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static const BayesSettings settings;
    static Tokenizer tokenizer(settings);
    static const char *const names[] = {"Received",     "From",         "Message-ID",
                                        "Content-Type", "MIME-Version", "X-Mailer"};
    if (size == 0) {
        return 0;
    }
    const QByteArray text(reinterpret_cast<const char *>(data) + 1, qsizetype(size) - 1);
    TokenSources sources;
    switch (data[0] % 10) {
    case 0:
        sources.visible = {text};
        break;
    case 1:
        sources.invisible = {text};
        break;
    case 2:
        sources.uris = {text};
        break;
    case 3:
        sources.metadata = {{"x-spam-relays-untrusted", text}};
        break;
    default:
        sources.fields = {{names[data[0] % 10 - 4], text}};
    }
    const TokenSet tokens = tokenizer.tokenize(sources);
    for (const TokenSet::Entry &entry : tokens.entries()) {
        if (tokens.text(entry).isEmpty()) {
            __builtin_trap();
        }
    }
    return 0;
}
