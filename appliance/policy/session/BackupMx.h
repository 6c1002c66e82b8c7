// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Resolver.h"

#include <QtNetwork/QHostAddress>

#include <functional>

namespace portcullis::policy {

struct BackupMxLimits {
    int hosts = 10;  ///< MX hosts whose addresses are looked up. Range 1 … 50.
    /// For all look-ups together. Range 1 s … 30 s.
    std::chrono::milliseconds deadline = std::chrono::seconds(5);
};

/// Whether a client is a mail server of the recipient's domain: a backup MX that passes on what it
/// took has made its own checks, and neither SPF nor greylisting can say anything about it.
///
/// One a thread, as its Resolver, which also caches.
class BackupMx
{
public:
    enum class Answer { Yes, No, Unknown };  ///< Unknown: DNS did not answer.
    using Callback = std::function<void(Answer)>;

    explicit BackupMx(Resolver &resolver, BackupMxLimits limits = {});

    /// Exactly one `done`, never before this returned, within the deadline, on this thread; not at
    /// all after `context` is gone.
    void check(const QHostAddress &client,
               const QByteArray &recipientDomain,
               QObject *context,
               Callback done);

private:
    Resolver &m_resolver;
    BackupMxLimits m_limits;
};

}  // namespace portcullis::policy
