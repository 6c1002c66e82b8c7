// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/StsPolicy.h"

#include <QtCore/QByteArrayList>

#include <algorithm>

namespace portcullis::delivery {

namespace {

bool isAlphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

Error policyError(const QString &reason)
{
    return Error::permanent("sts.policy", reason);
}

/// `mx.example.org` or `*.example.org`, nothing else.
bool isHostPattern(QByteArrayView pattern)
{
    if (pattern.startsWith("*.")) {
        pattern = pattern.sliced(2);
    }
    constexpr qsizetype longestName = 253;
    return !pattern.isEmpty() && pattern.size() <= longestName && !pattern.startsWith('.')
           && !pattern.endsWith('.') && std::all_of(pattern.begin(), pattern.end(), [](char c) {
                  return isAlphanumeric(c) || c == '-' || c == '.' || c == '_';
              });
}

/// The fields of a policy as they come; the first of each name counts.
class FieldReader
{
public:
    explicit FieldReader(const StsPolicyLimits &limits)
        : m_limits(limits)
    {
    }
    Status read(QByteArrayView name, const QByteArray &value);
    [[nodiscard]] Result<StsPolicy> policy() const;

private:
    StsPolicyLimits m_limits;
    StsPolicy m_policy;
    bool m_hasVersion = false;
    bool m_hasMode = false;
    bool m_hasMaxAge = false;
};

Status FieldReader::read(QByteArrayView name, const QByteArray &value)
{
    if (name == "version" && !std::exchange(m_hasVersion, true)) {
        if (value != "STSv1") {
            return policyError(QStringLiteral("unknown version"));
        }
    } else if (name == "mode" && !std::exchange(m_hasMode, true)) {
        if (value == "enforce") {
            m_policy.mode = StsPolicy::Mode::Enforce;
        } else if (value == "testing") {
            m_policy.mode = StsPolicy::Mode::Testing;
        } else if (value != "none") {
            return policyError(QStringLiteral("unknown mode"));
        }
    } else if (name == "max_age" && !std::exchange(m_hasMaxAge, true)) {
        constexpr qsizetype mostDigits = 10;
        bool isNumber = value.size() <= mostDigits
                        && std::all_of(value.begin(), value.end(),
                                       [](char c) { return c >= '0' && c <= '9'; });
        const qlonglong seconds = isNumber ? value.toLongLong(&isNumber) : 0;
        if (!isNumber) {
            return policyError(QStringLiteral("max_age is no number of seconds"));
        }
        m_policy.maxAge = std::min(std::chrono::seconds(seconds), m_limits.maxAge);
    } else if (name == "mx") {
        if (!isHostPattern(value)) {
            return policyError(QStringLiteral("an mx is no host name"));
        }
        if (m_policy.hosts.size() < m_limits.hosts) {
            m_policy.hosts.push_back(value.toLower());
        }
    }
    return ok();
}

Result<StsPolicy> FieldReader::policy() const
{
    if (!m_hasVersion || !m_hasMode || !m_hasMaxAge) {
        return policyError(QStringLiteral("version, mode or max_age is missing"));
    }
    if (m_policy.mode != StsPolicy::Mode::None && m_policy.hosts.empty()) {
        return policyError(QStringLiteral("no mx is listed"));
    }
    return m_policy;
}

}  // namespace

Result<StsPolicy> StsPolicy::parse(QByteArrayView text, const StsPolicyLimits &limits)
{
    if (text.size() > limits.text) {
        return policyError(QStringLiteral("longer than %1 octets").arg(limits.text));
    }
    FieldReader reader(limits);
    while (!text.isEmpty()) {
        const qsizetype end = text.indexOf('\n');
        const QByteArrayView line = (end < 0 ? text : text.first(end)).trimmed();
        text = end < 0 ? QByteArrayView() : text.sliced(end + 1);
        if (line.isEmpty()) {
            continue;
        }
        const qsizetype colon = line.indexOf(':');
        if (colon <= 0) {
            return policyError(QStringLiteral("a line without a field"));
        }
        TRY(reader.read(line.first(colon), line.sliced(colon + 1).trimmed().toByteArray()));
    }
    return reader.policy();
}

bool StsPolicy::allows(const QByteArray &host) const
{
    const QByteArray name = host.toLower();
    const qsizetype dot = name.indexOf('.');
    return std::any_of(hosts.begin(), hosts.end(), [&](const QByteArray &pattern) {
        if (!pattern.startsWith("*.")) {
            return pattern == name;
        }
        return dot > 0 && QByteArrayView(pattern).sliced(1) == QByteArrayView(name).sliced(dot);
    });
}

const char *nameOf(StsPolicy::Mode mode)
{
    switch (mode) {
    case StsPolicy::Mode::None:
        return "none";
    case StsPolicy::Mode::Testing:
        return "testing";
    case StsPolicy::Mode::Enforce:
        break;
    }
    return "enforce";
}

std::optional<QByteArray> stsIdOf(const std::vector<QByteArray> &texts)
{
    std::optional<QByteArray> record;
    for (const QByteArray &text : texts) {
        // RFC 8461 §3.1: what does not begin so is not one of ours.
        const QByteArrayView rest = QByteArrayView(text).sliced(text.startsWith("v=STSv1") ? 7 : 0);
        if (rest.size() == text.size() || !rest.trimmed().startsWith(';')) {
            continue;
        }
        if (record) {
            return std::nullopt;
        }
        record = text;
    }
    if (!record) {
        return std::nullopt;
    }
    for (const QByteArray &field : record->split(';')) {
        const QByteArray trimmed = field.trimmed();
        if (!trimmed.startsWith("id=")) {
            continue;
        }
        const QByteArray id = trimmed.sliced(3);
        constexpr qsizetype longestId = 32;
        const bool isId = !id.isEmpty() && id.size() <= longestId
                          && std::all_of(id.begin(), id.end(), isAlphanumeric);
        return isId ? std::optional(id) : std::nullopt;
    }
    return std::nullopt;
}

}  // namespace portcullis::delivery
