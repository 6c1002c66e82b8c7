// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/Content.h"

#include <QtCore/QFile>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <numeric>

namespace portcullis::mail {

struct Content::Mapping {
    Mapping(void *address, size_t length)
        : m_address(address)
        , m_length(length)
    {
    }
    ~Mapping() { ::munmap(m_address, m_length); }
    Q_DISABLE_COPY_MOVE(Mapping)

private:
    void *m_address;
    size_t m_length;
};

Content::Content(QByteArray bytes)
{
    auto owner = std::make_shared<const QByteArray>(std::move(bytes));
    m_view = *owner;
    m_keepAlive = std::move(owner);
}

Content::Content(std::shared_ptr<const Mapping> mapping, QByteArrayView view)
    : m_keepAlive(std::move(mapping))
    , m_view(view)
{
}

Content::Content(std::shared_ptr<const void> keepAlive, QByteArrayView view)
    : m_keepAlive(std::move(keepAlive))
    , m_view(view)
{
}

Content Content::joined(const std::vector<QByteArrayView> &pieces)
{
    QByteArray bytes;
    bytes.reserve(
        std::accumulate(pieces.begin(), pieces.end(), qsizetype(0),
                        [](qsizetype sum, QByteArrayView piece) { return sum + piece.size(); }));
    for (const QByteArrayView piece : pieces) {
        bytes.append(piece);
    }
    return Content(std::move(bytes));
}

ContentBuilder::ContentBuilder(QString scratchFolder, qint64 memoryLimit)
    : m_scratchFolder(std::move(scratchFolder))
    , m_memoryLimit(memoryLimit)
{
}

ContentBuilder::~ContentBuilder()
{
    if (m_file >= 0) {
        ::close(m_file);
    }
}

ContentBuilder::ContentBuilder(ContentBuilder &&other) noexcept
    : m_scratchFolder(std::move(other.m_scratchFolder))
    , m_memoryLimit(other.m_memoryLimit)
    , m_size(std::exchange(other.m_size, 0))
    , m_memory(std::move(other.m_memory))
    , m_file(std::exchange(other.m_file, -1))
{
}

ContentBuilder &ContentBuilder::operator=(ContentBuilder &&other) noexcept
{
    std::swap(m_scratchFolder, other.m_scratchFolder);
    std::swap(m_memoryLimit, other.m_memoryLimit);
    std::swap(m_size, other.m_size);
    m_memory.swap(other.m_memory);
    std::swap(m_file, other.m_file);
    return *this;
}

namespace {

Status writeAll(int file, QByteArrayView bytes)
{
    while (!bytes.isEmpty()) {
        const ssize_t written = ::write(file, bytes.data(), static_cast<size_t>(bytes.size()));
        if (written < 0) {
            if (errno == EINTR) {
                continue;
            }
            return Error::fromErrno("content.storage", QStringLiteral("writing a message"), errno);
        }
        bytes = bytes.sliced(written);
    }
    return ok();
}

}  // namespace

Status ContentBuilder::spill()
{
    m_file = ::open(QFile::encodeName(m_scratchFolder).constData(), O_TMPFILE | O_RDWR | O_CLOEXEC,
                    0600);
    if (m_file < 0) {
        return Error::fromErrno("content.storage",
                                QStringLiteral("a temporary file in ") + m_scratchFolder, errno);
    }
    TRY(writeAll(m_file, m_memory));
    m_memory = {};
    return ok();
}

Status ContentBuilder::append(QByteArrayView bytes)
{
    m_size += bytes.size();
    if (m_file < 0) {
        if (m_size <= m_memoryLimit) {
            m_memory.append(bytes);
            return ok();
        }
        TRY(spill());
    }
    return writeAll(m_file, bytes);
}

Result<Content> ContentBuilder::finish()
{
    const qint64 size = std::exchange(m_size, 0);
    if (m_file < 0) {
        return Content(std::exchange(m_memory, {}));
    }
    const int file = std::exchange(m_file, -1);
    const auto length = static_cast<size_t>(size);
    void *address = ::mmap(nullptr, length, PROT_READ, MAP_SHARED, file, 0);
    const int mapError = errno;
    ::close(file);
    if (address == MAP_FAILED) {
        return Error::fromErrno("content.storage", QStringLiteral("mapping a message"), mapError);
    }
    auto mapping = std::make_shared<const Content::Mapping>(address, length);
    return Content(std::move(mapping), QByteArrayView(static_cast<const char *>(address), size));
}

}  // namespace portcullis::mail
