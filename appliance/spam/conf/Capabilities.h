// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>

namespace portcullis::spam {

inline constexpr char engineVersion[] = "4.000001";  ///< What `version` is in conditions.
inline constexpr char perlVersion[] = "5.036000";    ///< What `perl_version` is: Debian 12's.

/// Whether this is one of the plugins that come with SpamAssassin 4.0.1, by its full name.
[[nodiscard]] bool isKnownPlugin(const QByteArray &package);
/// The name a plugin has today: Dmarc is DMARC, WhiteListSubject is WelcomeListSubject.
[[nodiscard]] QByteArray newestPlugin(const QByteArray &package);
/// Whether `can(package::name)` holds for 4.0.1, if the package is loaded.
[[nodiscard]] bool isCapable(const QByteArray &package, const QByteArray &name);

}  // namespace portcullis::spam
