// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/learning/Snapshot.h"

#include "appliance/base/Log.h"
#include "appliance/spam/learning/SnapshotFormat.h"

#include <QtCore/QFile>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

namespace portcullis::spam {

std::optional<SnapshotView> SnapshotView::of(QByteArrayView bytes, SnapshotKind kind)
{
    SnapshotHead head;
    if (bytes.size() < qsizetype(sizeof head)
        || reinterpret_cast<quintptr>(bytes.data()) % alignof(SnapshotSlot) != 0) {
        return std::nullopt;
    }
    std::memcpy(&head, bytes.data(), sizeof head);
    const quint64 room = quint64(bytes.size()) - sizeof head;
    const bool isPowerOfTwo = head.slots != 0 && (head.slots & (head.slots - 1)) == 0;
    if (std::memcmp(head.magic, snapshotMagic, sizeof head.magic) != 0
        || head.version != snapshotVersion || head.kind != quint32(kind) || !isPowerOfTwo
        || head.slots > room / sizeof(SnapshotSlot) || head.slots * sizeof(SnapshotSlot) != room
        || head.longestProbe >= head.slots || head.checksum != checksumOf(head)) {
        return std::nullopt;
    }
    SnapshotView view;
    view.m_slots = reinterpret_cast<const SnapshotSlot *>(bytes.data() + sizeof head);
    view.m_mask = head.slots - 1;
    view.m_longestProbe = head.longestProbe;
    view.m_ignoredBits = ignoredBitsOf(kind);
    view.m_entries = head.entries;
    view.m_totals = head.totals;
    return view;
}

const SnapshotSlot *SnapshotView::find(quint64 key) const
{
    const quint64 start = slotHash(key >> m_ignoredBits);
    for (quint64 probe = 0; probe <= m_longestProbe; ++probe) {
        const SnapshotSlot &slot = m_slots[(start + probe) & m_mask];
        if (slot.key == 0) {
            return nullptr;
        }
        if (slot.key >> m_ignoredBits == key >> m_ignoredBits) {
            return &slot;
        }
    }
    return nullptr;
}

struct SnapshotReader::Mapping {
    void *memory = nullptr;
    size_t length = 0;
    SnapshotView view;

    Mapping(void *address, size_t bytes, SnapshotView seen)
        : memory(address)
        , length(bytes)
        , view(seen)
    {
    }
    ~Mapping() { munmap(memory, length); }
    Q_DISABLE_COPY_MOVE(Mapping)

    static std::unique_ptr<Mapping> of(int file, size_t length, SnapshotKind kind)
    {
        // Readers never meet a file that shrinks: it is replaced, never written to.
        void *memory = mmap(nullptr, length, PROT_READ, MAP_SHARED, file, 0);
        if (memory == MAP_FAILED) {
            return nullptr;
        }
        const auto view = SnapshotView::of(
            QByteArrayView(static_cast<const char *>(memory), qsizetype(length)), kind);
        if (!view) {
            munmap(memory, length);
            return nullptr;
        }
        return std::make_unique<Mapping>(memory, length, *view);
    }
};

SnapshotReader::SnapshotReader(QString path, SnapshotKind kind)
    : m_path(std::move(path))
    , m_encodedPath(QFile::encodeName(m_path))
    , m_kind(kind)
{
}

SnapshotReader::~SnapshotReader() = default;

const SnapshotView *SnapshotReader::current()
{
    struct stat status {
    };
    const bool isThere = stat(m_encodedPath.constData(), &status) == 0;
    const std::array<qint64, 4> stamp{qint64(status.st_ino), status.st_mtim.tv_sec,
                                      status.st_mtim.tv_nsec, status.st_size};
    if (isThere && stamp != m_stamp) {
        m_stamp = stamp;
        const int file = open(m_encodedPath.constData(), O_RDONLY | O_CLOEXEC);
        if (file >= 0 && fstat(file, &status) == 0 && status.st_size > 0) {
            if (auto mapping = Mapping::of(file, size_t(status.st_size), m_kind)) {
                m_mapping = std::move(mapping);
            } else {
                log::write(log::Severity::Warning, "learn.snapshot-broken", {},
                           {{"file", m_path.toUtf8()},
                            {"consequence", m_mapping ? "the one before stays in force"
                                                      : "what was learnt is not used"}});
            }
        }
        if (file >= 0) {
            close(file);
        }
    }
    return m_mapping ? &m_mapping->view : nullptr;
}

}  // namespace portcullis::spam
