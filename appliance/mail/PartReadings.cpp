// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/PartReadings.h"

#include "appliance/mail/Decoding.h"
#include "appliance/mail/MimeScanner.h"

#include <algorithm>

namespace portcullis::mail {

namespace {

std::vector<TransferEncoding> declaredEncodings(const Part &part)
{
    std::vector<TransferEncoding> encodings;
    const auto add = [&encodings](QByteArrayView value) {
        const TransferEncoding encoding = transferEncoding(value);
        if (std::find(encodings.begin(), encodings.end(), encoding) == encodings.end()) {
            encodings.push_back(encoding);
        }
    };
    for (const HeaderField &field : part.fields) {
        if (field.isNamed("Content-Transfer-Encoding")) {
            add(field.unfolded());
        }
    }
    if (encodings.empty()) {
        add(part.transferEncoding);
    }
    return encodings;
}

// A first impression only: enough of the alphabet and nothing else.
bool looksLikeBase64(QByteArrayView raw)
{
    const QByteArrayView start = raw.first(std::min<qsizetype>(raw.size(), 512)).trimmed();
    return start.size() >= 16
           && decodeBase64(start, Base64Mode::StopAtForeign).bytes.size()
                  >= start.size() / 4 * 3 - 24;
}

class PartReader
{
public:
    PartReader(const Part &part,
               QByteArrayView raw,
               const MimeLimits &limits,
               qint64 &budget,
               Defects &defects)
        : m_part(part)
        , m_raw(raw)
        , m_limits(limits)
        , m_budget(budget)
        , m_defects(defects)
    {
    }

    PartReadings read()
    {
        if (!m_part.hasContent()) {
            m_result.views.push_back(m_raw);
            return std::move(m_result);
        }
        const std::vector<TransferEncoding> encodings = declaredEncodings(m_part);
        if (encodings.size() > 1) {
            note(m_defects.ambiguous, "several transfer encodings");
        }
        for (const TransferEncoding encoding : encodings) {
            readAs(encoding);
        }
        if (m_result.views.empty()) {
            m_result.views.push_back(m_raw);
        }
        return std::move(m_result);
    }

private:
    void note(QStringList &reasons, const char *what) const
    {
        addReason(reasons,
                  QStringLiteral("part %1: %2").arg(m_part.id).arg(QLatin1StringView(what)));
    }

    // Adds a reading unless it is there already; true if it is new.
    bool add(QByteArray bytes)
    {
        if (isKnown(bytes)) {
            return false;
        }
        if (m_result.views.size() >= static_cast<size_t>(m_limits.readings)
            || bytes.size() > m_budget) {
            addReason(m_defects.unscannable, QStringLiteral("decoded parts exceed the limit"));
            return false;
        }
        m_budget -= bytes.size();
        m_result.owned.push_back(std::move(bytes));
        m_result.views.emplace_back(m_result.owned.back());
        return true;
    }

    void addRaw()
    {
        if (!isKnown(m_raw)) {
            m_result.views.push_back(m_raw);
        }
    }

    [[nodiscard]] bool isKnown(QByteArrayView bytes) const
    {
        return std::find(m_result.views.begin(), m_result.views.end(), bytes)
               != m_result.views.end();
    }

    void readAs(TransferEncoding encoding)
    {
        switch (encoding) {
        case TransferEncoding::Identity:
            addRaw();
            return;
        case TransferEncoding::Base64:
            readBase64();
            return;
        case TransferEncoding::Unknown:
            note(m_defects.ambiguous, "unknown transfer encoding");
            addRaw();
            guess();
            return;
        case TransferEncoding::QuotedPrintable:
        case TransferEncoding::Uuencode:
        case TransferEncoding::YEnc:
            break;
        }
        Decoded decoded = decodeAs(encoding, m_raw);
        add(std::move(decoded.bytes));
        if (!decoded.isClean) {
            note(m_defects.broken, "invalid transfer encoding");
            addRaw();
        }
    }

    void readBase64()
    {
        Decoded decoded = decodeBase64(m_raw, Base64Mode::Restart);
        add(std::move(decoded.bytes));
        if (decoded.isClean) {
            return;
        }
        bool isAmbiguous = false;
        for (const Base64Mode mode :
             {Base64Mode::StopAtPad, Base64Mode::IgnorePad, Base64Mode::StopAtForeign}) {
            isAmbiguous = add(decodeBase64(m_raw, mode).bytes) || isAmbiguous;
        }
        addRaw();
        note(isAmbiguous ? m_defects.ambiguous : m_defects.broken, "invalid base64");
    }

    void guess()
    {
        if (looksLikeBase64(m_raw)) {
            add(decodeBase64(m_raw, Base64Mode::Restart).bytes);
        }
        if (m_raw.contains("=\r\n") || m_raw.contains("=3D")) {
            add(decodeQuotedPrintable(m_raw).bytes);
        }
        if (!findEmbedded(m_raw, 1).first.empty()) {
            add(decodeUuencode(m_raw).bytes);
        }
    }

    const Part &m_part;
    QByteArrayView m_raw;
    const MimeLimits &m_limits;
    qint64 &m_budget;
    Defects &m_defects;
    PartReadings m_result;
};

}  // namespace

PartReadings readPart(const Part &part,
                      QByteArrayView raw,
                      const MimeLimits &limits,
                      qint64 &budget,
                      Defects &defects)
{
    return PartReader(part, raw, limits, budget, defects).read();
}

}  // namespace portcullis::mail
