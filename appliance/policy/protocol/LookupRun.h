// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Resolver.h"

#include <QtCore/QTimer>

#include <functional>
#include <memory>
#include <utility>

namespace portcullis::policy {

/// A question that takes several look-ups and a common deadline. Kept alive by the look-ups it waits
/// for; end() or the deadline calls `done`, whichever comes first, once. `Outcome{}` must be what is
/// said of DNS that does not answer.
template<typename Outcome>
class LookupRun : public std::enable_shared_from_this<LookupRun<Outcome>>
{
public:
    using Done = std::function<void(const Outcome &)>;

    LookupRun(Resolver &resolver, QObject *context, std::chrono::milliseconds deadline, Done done)
        : m_resolver(resolver)
        , m_context(context)
        , m_done(std::move(done))
    {
        m_timer.setSingleShot(true);
        // With the context as receiver the deadline ends with it, and look-ups do anyway.
        QObject::connect(&m_timer, &QTimer::timeout, context, [this] {
            const auto self = this->shared_from_this();
            end(Outcome{});
        });
        m_timer.start(deadline);
    }
    virtual ~LookupRun() = default;
    Q_DISABLE_COPY_MOVE(LookupRun)

protected:
    /// `take` is not called any more once the run has ended.
    void lookup(const QByteArray &name,
                DnsType type,
                std::function<void(const Result<DnsAnswer> &)> take)
    {
        m_resolver.lookup(name, type, m_context,
                          [self = this->shared_from_this(),
                           take = std::move(take)](const Result<DnsAnswer> &answer) {
                              if (self->m_done) {
                                  take(answer);
                              }
                          });
    }

    void end(const Outcome &outcome)
    {
        m_timer.stop();
        if (const Done done = std::exchange(m_done, nullptr)) {
            done(outcome);
        }
    }

private:
    Resolver &m_resolver;
    QObject *m_context;  ///< Valid whenever one of our callbacks runs.
    Done m_done;
    QTimer m_timer;
};

}  // namespace portcullis::policy
