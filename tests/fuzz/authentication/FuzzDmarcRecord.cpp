// SPDX-License-Identifier: GPL-2.0-or-later
// Any TXT record as a DMARC record, through libopendmarc.
#include "appliance/authentication/DmarcEvaluator.h"
#include "appliance/authentication/DmarcRecord.h"

#include <cstdlib>

using namespace portcullis::authentication;

namespace {

class OneRecord final : public TxtLookup
{
public:
    explicit OneRecord(QByteArray record)
        : m_record(std::move(record))
    {
    }
    void prefetch(const std::vector<QByteArray> & /*names*/) override {}
    TxtAnswer texts(const QByteArray & /*name*/) override
    {
        return {TxtAnswer::Kind::Records, {m_record}};
    }

private:
    QByteArray m_record;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const QByteArray text(reinterpret_cast<const char *>(data), static_cast<qsizetype>(size));
    const auto record = parseDmarcRecord(text);
    if (record) {
        const auto again = parseDmarcRecord(record->plainText());
        if (!again || again->policy != record->policy || record->percentage > 100) {
            std::abort();
        }
    }
    OneRecord dns(text);
    DmarcEvidence evidence;
    evidence.author.domain = "mail.example.org";
    const PublicSuffixes suffixes = PublicSuffixes::parse("org\n");
    const auto finding = DmarcEvaluator(suffixes).evaluate(evidence, dns, 50, {});
    const bool isRight = record ? finding.result == DmarcResult::Fail
                                      && finding.policy == record->policy
                                : finding.result == DmarcResult::None;
    if (!isRight) {
        std::abort();
    }
    return 0;
}
