// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/conf/RuleSet.h"

#include <functional>

namespace portcullis::spam {

/// Collects directives in file order and applies those that take back what others said.
class DirectiveStore
{
public:
    explicit DirectiveStore(size_t maxCount)
        : m_maxCount(maxCount)
    {
    }

    /// False: there are too many.
    bool add(const QByteArray &name, const QByteArray &value, const Origin &origin);
    /// If `name` is one that takes back, does so. What is left to record goes through add().
    /// False: it is an ordinary name.
    bool takeBack(const QByteArray &name, const QByteArray &value);

    [[nodiscard]] std::map<QByteArray, std::vector<Directive>> take()
    {
        return std::move(m_byName);
    }

private:
    using IsWanted = std::function<bool(const QByteArray &word)>;

    void keepWords(const QByteArray &name, const IsWanted &isKept);
    void dropEntries(const QByteArray &name, const IsWanted &isDropped);
    void dropHosts(const QByteArray &value);

    std::map<QByteArray, std::vector<Directive>> m_byName;
    size_t m_maxCount;
    quint32 m_sequence = 0;
    size_t m_count = 0;
};

}  // namespace portcullis::spam
