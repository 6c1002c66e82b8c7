// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/verdict/Frame.h"
#include "shared/base/Result.h"

namespace portcullis::filter {

/// A worker's end of one connection, with plain blocking calls: read one frame, write one frame.
/// The descriptor stays the caller's.
class Connection
{
public:
    Connection(int descriptor, QString scratchFolder);

    /// Errors: `filter.connection` (the peer is gone), `verdict.protocol`, `content.storage`.
    Result<verdict::Frame> readFrame();
    Status writeFrame(const verdict::Frame &frame);
    /// Answers a request that could not be read with the reason, and lets the session finish sending.
    void refuse(const Error &error);

private:
    Status writeAll(QByteArrayView bytes);

    int m_descriptor;
    QString m_scratchFolder;
};

}  // namespace portcullis::filter
