// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/conf/RuleSet.h"

#include <optional>

namespace portcullis::spam {

/// What became of a regex literal.
struct RegexReading {
    std::optional<Regex> regex;
    QByteArray error;    ///< Why there is none.
    QByteArray warning;  ///< It can be used, but hardly means what it says.
};

/// Reads "/…/i", "m{…}x", "qr!…!" and checks that PCRE2 can compile it.
[[nodiscard]] RegexReading readRegex(QByteArrayView text);
/// Why PCRE2 cannot compile it; empty: it can. A pattern that is only too large for the installed library
/// passes: match/ takes such ones apart.
[[nodiscard]] QByteArray compileError(const Regex &regex);

}  // namespace portcullis::spam
