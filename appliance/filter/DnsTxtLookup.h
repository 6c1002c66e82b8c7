// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/authentication/TxtLookup.h"
#include "appliance/base/BlockingResolver.h"

#include <QtCore/QHash>

#include <chrono>

namespace portcullis::filter {

/// The TXT records that one message's signatures and policies need, from the resolver service.
///
/// One a message: what was asked once is not asked again, and all questions together wait no longer
/// than `total`; then the answer is TemporaryFailure.
class DnsTxtLookup final : public authentication::TxtLookup
{
public:
    DnsTxtLookup(BlockingResolver &resolver, std::chrono::milliseconds total);

    void prefetch(const std::vector<QByteArray> &names) override;
    authentication::TxtAnswer texts(const QByteArray &name) override;

private:
    void ask(const std::vector<QByteArray> &names);

    BlockingResolver &m_resolver;
    std::chrono::steady_clock::time_point m_end;
    QHash<QByteArray, authentication::TxtAnswer> m_known;
};

}  // namespace portcullis::filter
