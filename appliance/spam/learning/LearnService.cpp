// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/learning/LearnService.h"

#include "appliance/base/Log.h"

namespace portcullis::spam {

LearnService::LearnService(const QString &folder,
                           std::vector<std::unique_ptr<LearnSink>> sinks,
                           Tokenize tokenize,
                           JournalLimits limits)
    : m_drain(folder, limits)
    , m_sinks(std::move(sinks))
    , m_tokenize(std::move(tokenize))
{
}

Result<bool> LearnService::run()
{
    const auto drained = m_drain.drain(
        [this](const std::vector<QByteArray> &records) { return apply(records); });
    Status refreshed = ok();
    for (const std::unique_ptr<LearnSink> &sink : m_sinks) {
        if (Status status = sink->refresh(); !status && refreshed) {
            refreshed = std::move(status);
        }
    }
    if (drained && !refreshed) {
        return refreshed.error();
    }
    return drained;
}

Status LearnService::apply(const std::vector<QByteArray> &records)
{
    std::vector<LearnRequest> requests;
    requests.reserve(records.size());
    for (const QByteArray &record : records) {
        auto request = decodeLearnRequest(record);
        if (!request) {
            log::write(log::Severity::Warning, "learn.request", {},
                       {{"reason", request.error().detail.toUtf8()}});
            continue;
        }
        const auto *message = std::get_if<LearnMessage>(&*request);
        if (message == nullptr) {
            requests.push_back(*std::move(request));
            continue;
        }
        auto tokens = m_tokenize(*message);
        if (!tokens) {
            log::write(log::Severity::Warning, "learn.message", {},
                       {{"id", tokens.error().id}, {"reason", tokens.error().detail.toUtf8()}});
            continue;
        }
        requests.emplace_back(*std::move(tokens));
    }
    for (const std::unique_ptr<LearnSink> &sink : m_sinks) {
        TRY(sink->apply(requests));
    }
    return ok();
}

}  // namespace portcullis::spam
