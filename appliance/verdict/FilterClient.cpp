// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/verdict/FilterClient.h"

#include "appliance/verdict/FilterJob.h"

#include <QtCore/QEventLoop>

#include <optional>

namespace portcullis::verdict {

Result<FilterResponse> askFilter(const QString &socketPath,
                                 const QString &scratchFolder,
                                 FilterRequest request,
                                 std::chrono::milliseconds timeout)
{
    QEventLoop loop;
    std::optional<Result<FilterResponse>> answer;
    FilterJob job(
        {socketPath, scratchFolder, timeout}, std::move(request),
        [&](Result<FilterResponse> result) {
            answer = std::move(result);
            loop.quit();
        },
        nullptr);
    job.start();
    if (!answer) {
        loop.exec();
    }
    return *std::move(answer);
}

}  // namespace portcullis::verdict
