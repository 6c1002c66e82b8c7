// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/uri/UriList.h"

#include <QtCore/QByteArray>
#include <QtCore/QHash>

#include <optional>

namespace portcullis::spam {

/// The lists of hosts that enlist_uri_host makes: the most specific entry decides, "!" takes out.
class WelcomeListHosts
{
public:
    /// "(NAME) example.com !sub.example.com"; false: not understood.
    bool add(const QByteArray &value);
    /// The entry of `list` that a link of the message leads to ("www.example.com (example.com)").
    [[nodiscard]] std::optional<QByteArray> find(const QByteArray &list, const UriList &uris) const;

private:
    using Hosts = QHash<QByteArray, bool>;  ///< false: taken out.
    static std::optional<QByteArray> findHost(const Hosts &hosts, const QByteArray &host);

    QHash<QByteArray, Hosts> m_lists;
};

/// "(NAME) words" taken apart; an empty name: not of that form.
struct NamedWords {
    QByteArray name;
    QByteArray words;

    static NamedWords read(const QByteArray &value);
};

}  // namespace portcullis::spam
