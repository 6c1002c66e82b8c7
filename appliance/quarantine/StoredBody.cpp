// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/quarantine/StoredBody.h"

#include <zstd.h>

namespace portcullis::quarantine {

namespace {

constexpr int compressionLevel = 3;

Error damaged(const QString &reason)
{
    return Error::permanent("quarantine.damaged", reason);
}

struct FreeContext {
    void operator()(ZSTD_CCtx *context) const { ZSTD_freeCCtx(context); }
};

}  // namespace

Result<std::vector<QByteArray>> packBody(QByteArrayView content)
{
    const std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, compressionLevel);
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
    QByteArray packed(
        static_cast<qsizetype>(ZSTD_compressBound(static_cast<size_t>(content.size()))),
        Qt::Uninitialized);
    const size_t size = ZSTD_compress2(context.get(), packed.data(),
                                       static_cast<size_t>(packed.size()), content.data(),
                                       static_cast<size_t>(content.size()));
    if (ZSTD_isError(size) != 0) {
        return Error::permanent("quarantine.unstorable",
                                QString::fromLatin1(ZSTD_getErrorName(size)));
    }
    std::vector<QByteArray> chunks;
    for (qsizetype start = 0; start < static_cast<qsizetype>(size); start += chunkBytes) {
        chunks.push_back(
            packed.mid(start, std::min(chunkBytes, static_cast<qsizetype>(size) - start)));
    }
    return chunks;
}

Result<QByteArray> unpackBody(QByteArrayView packed, qint64 expectedBytes)
{
    const unsigned long long declared = ZSTD_getFrameContentSize(
        packed.data(), static_cast<size_t>(packed.size()));
    if (expectedBytes < 0 || declared != static_cast<unsigned long long>(expectedBytes)) {
        return damaged(QStringLiteral("the stored mail is not as long as it should be"));
    }
    QByteArray content(expectedBytes, Qt::Uninitialized);
    const size_t size = ZSTD_decompress(content.data(), static_cast<size_t>(content.size()),
                                        packed.data(), static_cast<size_t>(packed.size()));
    if (ZSTD_isError(size) != 0 || size != static_cast<size_t>(expectedBytes)) {
        return damaged(ZSTD_isError(size) != 0
                           ? QString::fromLatin1(ZSTD_getErrorName(size))
                           : QStringLiteral("the stored mail is shorter than it should be"));
    }
    return content;
}

}  // namespace portcullis::quarantine
