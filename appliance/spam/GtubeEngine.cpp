// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/GtubeEngine.h"

#include <QtCore/QByteArrayMatcher>

#include <algorithm>

namespace portcullis::spam {

namespace {

// In two halves, so that this file can be mailed through a gateway.
const QByteArrayMatcher &gtubeMatcher()
{
    static const QByteArrayMatcher matcher(
        QByteArrayLiteral("XJS*C4JDBQADN1.NSBN3*2IDNEN*"
                          "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"));
    return matcher;
}

constexpr double gtubeScore = 1000;
constexpr qint64 leastBytes = 64 * 1024;

}  // namespace

Result<SpamFinding> GtubeEngine::check(const mail::Content &content, const SpamContext &context)
{
    SpamFinding finding;
    const qint64 limit = std::max(context.maxBytes, leastBytes);
    const QByteArrayView bytes = content.view().first(std::min(content.size(), limit));
    if (gtubeMatcher().indexIn(bytes.data(), bytes.size()) >= 0) {
        finding.add(
            {"GTUBE", gtubeScore, QStringLiteral("Generic Test for Unsolicited Bulk Email")});
    }
    return finding;
}

}  // namespace portcullis::spam
