// SPDX-License-Identifier: GPL-2.0-or-later
// A head whose checksum is right (the first octet asks for it) and slots of any kind.
#include "appliance/spam/learning/SnapshotFormat.h"

#include <cstring>
#include <memory>

using namespace portcullis::spam;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    const size_t length = size - 1;
    const auto bytes = std::make_unique<SnapshotSlot[]>(length / sizeof(SnapshotSlot) + 1);
    char *raw = reinterpret_cast<char *>(bytes.get());
    std::memcpy(raw, data + 1, length);
    if ((data[0] & 1) != 0 && length >= sizeof(SnapshotHead)) {
        SnapshotHead head;
        std::memcpy(&head, raw, sizeof head);
        std::memcpy(head.magic, snapshotMagic, sizeof head.magic);
        head.version = snapshotVersion;
        head.checksum = checksumOf(head);
        std::memcpy(raw, &head, sizeof head);
    }
    const QByteArrayView view(raw, qsizetype(length));
    for (const SnapshotKind kind : {SnapshotKind::Bayes, SnapshotKind::Reputation}) {
        if (const auto snapshot = SnapshotView::of(view, kind)) {
            for (quint64 key = 1; key < 64; ++key) {
                static_cast<void>(snapshot->find(key << 24));
                static_cast<void>(snapshot->find(key * 0x9e3779b97f4a7c15ULL));
            }
        }
    }
    return 0;
}
