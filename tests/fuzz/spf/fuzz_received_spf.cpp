// SPDX-License-Identifier: GPL-2.0-or-later
// Whatever peers and domains said, the field is one header field of printable ASCII.
#include "appliance/policy/spf/SpfClient.h"

#include <cstdint>
#include <cstdlib>

using namespace portcullis;

namespace {

void demand(bool isTrue)
{
    if (!isTrue) {
        std::abort();
    }
}

void checkField(const QByteArray &field)
{
    demand(field.startsWith("Received-SPF: ") && field.endsWith("\r\n"));
    qsizetype start = 0;
    while (start < field.size()) {
        const qsizetype end = field.indexOf("\r\n", start);
        demand(end > start && end - start <= 998);
        demand(start == 0 || field.at(start) == ' ');
        for (qsizetype i = start; i < end; ++i) {
            demand(field.at(i) >= ' ' && field.at(i) <= '~');
        }
        start = end + 2;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    const auto parts =
        QByteArray(reinterpret_cast<const char *>(data), static_cast<qsizetype>(size)).split('\n');
    const auto part = [&parts](qsizetype i) { return i < parts.size() ? parts[i] : QByteArray(); };
    verdict::SpfFinding finding;
    finding.result = static_cast<verdict::SpfResult>(size % 7);
    finding.isHelo = size % 2 == 1;
    finding.domain = part(0);
    finding.mechanism = part(1);
    finding.problem = part(2);
    checkField(policy::spf::receivedSpfField(finding, QHostAddress(QString::fromLatin1(part(3))),
                                             part(4), part(5), parts.mid(6).join('\n')));
    return 0;
}
