// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>
#include <QtCore/QSet>

#include <vector>

namespace portcullis::spam {

/// What "*" may stand for.
enum class GlobStar {
    Anything,     ///< Addresses, subjects.
    WithinLabel,  ///< Anything but dots: domains of freemail_domains.
};

/// File-glob patterns as address lists use them: "*" and "?" and nothing else. Both sides are expected
/// in lower case. The work is at most the product of the lengths.
bool matchesGlob(QByteArrayView glob, QByteArrayView text, GlobStar star = GlobStar::Anything);

/// A list like welcomelist_from: many patterns, one question. The common shapes "user@host", "*@host" and
/// "*@*.domain" are looked up, the others tried one after the other.
class GlobList
{
public:
    /// Longer texts are cut before they are compared: no address is that long (RFC 5321 §4.5.3.1.3), and
    /// the work on hostile ones stays small.
    static constexpr qsizetype longestText = 1'000;

    void add(QByteArrayView pattern);
    /// All patterns of a directive's value, separated by space.
    void addAll(const QByteArray &patterns);
    [[nodiscard]] bool matches(QByteArrayView text) const;
    [[nodiscard]] bool isEmpty() const
    {
        return m_exact.isEmpty() && m_hosts.isEmpty() && m_domains.isEmpty() && m_globs.empty();
    }

private:
    QSet<QByteArray> m_exact;
    QSet<QByteArray> m_hosts;    ///< Of "*@host".
    QSet<QByteArray> m_domains;  ///< Of "*@*.domain".
    std::vector<QByteArray> m_globs;
};

/// The words of a directive's value.
std::vector<QByteArray> wordsOf(const QByteArray &value);

}  // namespace portcullis::spam
