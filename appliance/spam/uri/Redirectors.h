// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>

#include <memory>
#include <optional>
#include <vector>

namespace portcullis::spam {

/// The patterns of redirector_pattern: URIs whose path or query names the URI they lead to.
class Redirectors
{
public:
    explicit Redirectors(quint32 matchLimit);
    ~Redirectors();
    Redirectors(Redirectors &&) noexcept;
    Redirectors &operator=(Redirectors &&) noexcept;

    /// "/…/i" or "m'…'i"; a reason why not, if it cannot be used.
    std::optional<QByteArray> add(const QByteArray &pattern);

    /// What the first pattern captures that fits and captures something with a dot; else empty.
    [[nodiscard]] QByteArray target(const QByteArray &uri) const;

private:
    struct Private;
    std::unique_ptr<Private> d;
};

}  // namespace portcullis::spam
