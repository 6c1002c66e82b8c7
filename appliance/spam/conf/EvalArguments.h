// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/conf/RuleSet.h"

#include <optional>
#include <vector>

namespace portcullis::spam {

/// "check_x('a', 5)": arguments are quoted, or made of letters, digits, '.', ':' and '-'.
[[nodiscard]] std::optional<EvalCall> readEvalCall(QByteArrayView text);

/// One condition of uri_detail, its regex still as written.
struct UriDetailPart {
    QByteArray key;
    bool isNegated = false;
    QByteArray pattern;
};
/// "text =~ /Click/i domain !~ /example\.com/". What is not a condition is passed over.
[[nodiscard]] std::vector<UriDetailPart> cutUriDetail(QByteArrayView text);

/// "_SENDERDOMAIN_.example.org TXT /^v=1/"; without types, A.
[[nodiscard]] std::optional<AskDnsTest> readAskDns(const QByteArray &text);

}  // namespace portcullis::spam
