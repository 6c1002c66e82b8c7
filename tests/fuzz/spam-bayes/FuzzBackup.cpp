// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/bayes/BayesBackup.h"
#include "appliance/spam/bayes/MemoryBayesStore.h"

#include <QtCore/QBuffer>

using namespace portcullis::spam;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    QByteArray text(reinterpret_cast<const char *>(data), qsizetype(size));
    QBuffer file(&text);
    file.open(QIODevice::ReadOnly);
    MemoryBayesStore store;
    if (!restoreBackup(file, store, 2'000'000'000)) {
        return 0;
    }
    // What was restored can be written, and that be restored without a line of no use.
    QBuffer written;
    written.open(QIODevice::ReadWrite);
    MemoryBayesStore other;
    if (!writeBackup(written, store)) {
        __builtin_trap();
    }
    written.seek(0);
    if (!restoreBackup(written, other, 2'000'000'000)
        || other.status()->tokens != store.status()->tokens) {
        __builtin_trap();
    }
    return 0;
}
