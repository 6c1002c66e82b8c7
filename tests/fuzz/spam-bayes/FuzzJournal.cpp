// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/learning/LearnJournal.h"
#include "appliance/spam/learning/LearnRequest.h"

using namespace portcullis::spam;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    const QByteArrayView bytes(reinterpret_cast<const char *>(data), qsizetype(size));
    qint64 position = 0;
    while (!nextJournalRecord(bytes, position, 1'000'000).isNull()) {
    }
    if (position != bytes.size()) {
        __builtin_trap();
    }
    const auto request = decodeLearnRequest(bytes);
    if (request && !decodeLearnRequest(encodeLearnRequest(*request))) {
        __builtin_trap();
    }
    return 0;
}
