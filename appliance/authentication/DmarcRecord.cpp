// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/authentication/DmarcRecord.h"

#include <QtCore/QList>

#include <algorithm>

namespace portcullis::authentication {

namespace {

constexpr qsizetype c_longestRecord = 8 * 1024;
constexpr qsizetype c_mostRecordTags = 100;

std::optional<DmarcPolicy> policyNamed(const QByteArray &name)
{
    if (name == "none") {
        return DmarcPolicy::None;
    }
    if (name == "quarantine") {
        return DmarcPolicy::Quarantine;
    }
    if (name == "reject") {
        return DmarcPolicy::Reject;
    }
    return std::nullopt;
}

std::optional<int> percentageIn(const QByteArray &text)
{
    const bool isNumber = !text.isEmpty() && text.size() <= 3
                          && std::all_of(text.begin(), text.end(),
                                         [](char c) { return c >= '0' && c <= '9'; });
    if (!isNumber || text.toInt() > 100) {
        return std::nullopt;
    }
    return text.toInt();
}

// "v=DMARC1" first, with blanks around the equals sign; the value in capitals.
bool hasVersion(const QByteArray &part)
{
    const qsizetype equals = part.indexOf('=');
    return equals > 0 && part.left(equals).trimmed() == "v"
           && part.mid(equals + 1).trimmed() == "DMARC1";
}

}  // namespace

QByteArray DmarcRecord::plainText() const
{
    return QByteArray("v=DMARC1; p=") + nameOf(policy)
           + "; sp=" + nameOf(subdomainPolicy.value_or(policy)) + "; adkim=s; aspf=s";
}

std::optional<DmarcRecord> parseDmarcRecord(const QByteArray &text)
{
    if (text.size() > c_longestRecord) {
        return std::nullopt;
    }
    const auto parts = text.split(';');
    if (!hasVersion(parts.front())) {
        return std::nullopt;
    }
    DmarcRecord record;
    record.text = text;
    std::optional<DmarcPolicy> policy;
    bool isSubdomainPolicyBroken = false;
    for (qsizetype i = 1; i < std::min(parts.size(), c_mostRecordTags); ++i) {
        const qsizetype equals = parts[i].indexOf('=');
        const QByteArray tag = parts[i].left(std::max<qsizetype>(0, equals)).trimmed().toLower();
        const QByteArray value = parts[i].mid(equals + 1).trimmed().toLower();
        if (tag == "p" && !policy) {
            policy = policyNamed(value);
        } else if (tag == "sp") {
            record.subdomainPolicy = policyNamed(value);
            isSubdomainPolicyBroken = !record.subdomainPolicy;
        } else if (tag == "adkim") {
            record.isDkimStrict = value == "s";
        } else if (tag == "aspf") {
            record.isSpfStrict = value == "s";
        } else if (tag == "pct") {
            record.percentage = percentageIn(value).value_or(record.percentage);
        } else if (tag == "rua") {
            record.wantsReports = value.contains("mailto:");
        }
    }
    if (!policy || isSubdomainPolicyBroken) {
        // RFC 7489 §6.6.3 point 6.
        if (!record.wantsReports) {
            return std::nullopt;
        }
        policy = DmarcPolicy::None;
        record.subdomainPolicy.reset();
    }
    record.policy = *policy;
    return record;
}

std::optional<DmarcRecord> chooseDmarcRecord(const std::vector<QByteArray> &texts)
{
    const auto isDmarc = [](const QByteArray &text) { return hasVersion(text.split(';').front()); };
    if (std::count_if(texts.begin(), texts.end(), isDmarc) != 1) {
        return std::nullopt;
    }
    return parseDmarcRecord(*std::find_if(texts.begin(), texts.end(), isDmarc));
}

}  // namespace portcullis::authentication
