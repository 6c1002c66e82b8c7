// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/tracking/JournalReader.h"

#include <QtCore/QJsonDocument>
#include <QtCore/QtEndian>

#include <zlib.h>

#include <limits>

namespace portcullis::tracking {

namespace {

constexpr qsizetype maxFieldBytes = 4096;  ///< Of one text; a reply line is at most 512 octets.

void putNumber(QByteArray &out, quint64 value)
{
    while (value >= 0x80) {
        out.append(static_cast<char>(value | 0x80));
        value >>= 7;
    }
    out.append(static_cast<char>(value));
}

void putSigned(QByteArray &out, qint64 value)
{
    putNumber(out, (static_cast<quint64>(value) << 1) ^ static_cast<quint64>(value >> 63));
}

void putBytes(QByteArray &out, QByteArrayView bytes, qsizetype limit = maxFieldBytes)
{
    bytes = bytes.first(std::min(bytes.size(), limit));
    putNumber(out, static_cast<quint64>(bytes.size()));
    out.append(bytes.data(), bytes.size());
}

/// Reads what the put functions wrote. After the first fault everything reads as empty.
class PayloadReader
{
public:
    explicit PayloadReader(QByteArrayView bytes)
        : m_rest(bytes)
    {
    }

    quint64 number()
    {
        quint64 value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            const quint8 byte = this->byte();
            value |= static_cast<quint64>(byte & 0x7f) << shift;
            if ((byte & 0x80) == 0) {
                return value;
            }
        }
        m_isSound = false;
        return 0;
    }

    qint64 signedNumber()
    {
        const quint64 value = number();
        return static_cast<qint64>(value >> 1) ^ -static_cast<qint64>(value & 1);
    }

    quint8 byte()
    {
        if (m_rest.isEmpty()) {
            m_isSound = false;
            return 0;
        }
        const auto value = static_cast<quint8>(m_rest.front());
        m_rest = m_rest.sliced(1);
        return value;
    }

    QByteArray bytes()
    {
        const quint64 length = number();
        if (length > static_cast<quint64>(m_rest.size())) {
            m_isSound = false;
            m_rest = {};
            return {};
        }
        const QByteArray value = m_rest.first(static_cast<qsizetype>(length)).toByteArray();
        m_rest = m_rest.sliced(static_cast<qsizetype>(length));
        return value;
    }

    QString text() { return QString::fromUtf8(bytes()); }

    [[nodiscard]] bool isSound() const { return m_isSound; }
    [[nodiscard]] bool isAtEnd() const { return m_rest.isEmpty(); }

private:
    QByteArrayView m_rest;
    bool m_isSound = true;
};

void putPayload(const TrackingEvent &event,
                QByteArrayView detail,
                size_t recipients,
                QByteArray &out)
{
    out.append(static_cast<char>(recordVersion));
    out.append(static_cast<char>(event.kind));
    out.append(static_cast<char>(event.direction));
    putSigned(out, event.at.time_since_epoch().count());
    putSigned(out, event.size);
    putSigned(out, event.spamLevel);
    putSigned(out, event.duration.count());
    putBytes(out, event.queueId);
    putBytes(out, event.client);
    putBytes(out, event.sender);
    putBytes(out, event.nextHop);
    putBytes(out, event.reply);
    putBytes(out, event.tls);
    putBytes(out, event.rule.toUtf8());
    putBytes(out, event.reason.toUtf8());
    putBytes(out, event.virus.toUtf8());
    putNumber(out, recipients);
    for (size_t i = 0; i < recipients; ++i) {
        putBytes(out, event.recipients[i]);
    }
    putBytes(out, detail, maxRecordBytes);
}

/// How many recipients surely fit beside the other fields.
size_t recipientsThatFit(const TrackingEvent &event)
{
    qsizetype room = maxRecordBytes - 64 * 1024;
    size_t count = 0;
    while (count < event.recipients.size()) {
        room -= std::min(event.recipients[count].size(), maxFieldBytes) + 3;
        if (room < 0) {
            break;
        }
        ++count;
    }
    return count;
}

}  // namespace

void encodeRecord(const TrackingEvent &event, QByteArray &out)
{
    const qsizetype start = out.size();
    out.append(recordHeadBytes, '\0');
    const QByteArray detail = event.detail.isEmpty()
                                  ? QByteArray()
                                  : QJsonDocument(event.detail).toJson(QJsonDocument::Compact);
    putPayload(event, detail, event.recipients.size(), out);
    if (out.size() - start - recordHeadBytes > maxRecordBytes) {
        out.truncate(start + recordHeadBytes);
        putPayload(event, "{\"shortened\":true}", recipientsThatFit(event), out);
    }
    const qsizetype length = out.size() - start - recordHeadBytes;
    const char *payload = out.constData() + start + recordHeadBytes;
    const uLong sum = ::crc32_z(0, reinterpret_cast<const Bytef *>(payload),
                                static_cast<z_size_t>(length));
    qToLittleEndian(static_cast<quint32>(length), out.data() + start);
    qToLittleEndian(static_cast<quint32>(sum), out.data() + start + 4);
}

Result<TrackingEvent> decodePayload(QByteArrayView payload)
{
    PayloadReader in(payload);
    if (in.byte() != recordVersion) {
        return Error::permanent("tracking.record", QStringLiteral("unknown version"));
    }
    const auto kind = eventKindOf(in.byte());
    const quint8 direction = in.byte();
    TrackingEvent event;
    event.at = Clock::WallTime(std::chrono::microseconds(in.signedNumber()));
    event.size = in.signedNumber();
    const qint64 level = in.signedNumber();
    event.duration = std::chrono::milliseconds(in.signedNumber());
    event.queueId = in.bytes();
    event.client = in.bytes();
    event.sender = in.bytes();
    event.nextHop = in.bytes();
    event.reply = in.bytes();
    event.tls = in.bytes();
    event.rule = in.text();
    event.reason = in.text();
    event.virus = in.text();
    const quint64 recipients = in.number();
    for (quint64 i = 0; i < recipients && in.isSound(); ++i) {
        event.recipients.push_back(in.bytes());
    }
    const QByteArray detail = in.bytes();
    if (!in.isSound() || !in.isAtEnd() || !kind || direction > 1
        || level < std::numeric_limits<int>::min() || level > std::numeric_limits<int>::max()) {
        return Error::permanent("tracking.record", QStringLiteral("fields do not fit"));
    }
    event.kind = *kind;
    event.direction = static_cast<mail::Direction>(direction);
    event.spamLevel = static_cast<int>(level);
    event.detail = QJsonDocument::fromJson(detail).object();
    return event;
}

}  // namespace portcullis::tracking
