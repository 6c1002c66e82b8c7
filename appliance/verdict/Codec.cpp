// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/verdict/Codec.h"

#include "appliance/mail/Serialize.h"

#include <QtCore/QJsonDocument>

#include <algorithm>

namespace portcullis::verdict {

namespace {

using mail::readList;
using mail::writeList;

constexpr quint8 codecVersion = 3;

QByteArray toJson(const QJsonObject &object)
{
    return object.isEmpty() ? QByteArray() : QJsonDocument(object).toJson(QJsonDocument::Compact);
}

QJsonObject fromJson(const QByteArray &json)
{
    return QJsonDocument::fromJson(json).object();
}

void writeItem(QDataStream &out, const OutgoingMessage &message)
{
    out << static_cast<quint8>(message.origin) << message.envelope << message.content;
}

void readItem(QDataStream &in, OutgoingMessage &message)
{
    quint8 origin = 0;
    in >> origin >> message.envelope >> message.content;
    message.origin = static_cast<Origin>(std::min<quint8>(origin, 2));
}

void writeItem(QDataStream &out, const QuarantineItem &item)
{
    out << static_cast<quint8>(item.kind) << item.sender;
    writeList(out, item.recipients);
    out << item.content << static_cast<qint32>(item.spamLevel) << item.virus << item.rule
        << item.subject << item.fromHeader << toJson(item.evidence);
}

void readItem(QDataStream &in, QuarantineItem &item)
{
    quint8 kind = 0;
    qint32 spamLevel = 0;
    QByteArray evidence;
    in >> kind >> item.sender;
    readList(in, item.recipients);
    in >> item.content >> spamLevel >> item.virus >> item.rule >> item.subject >> item.fromHeader
        >> evidence;
    item.kind = static_cast<QuarantineKind>(kind);
    item.spamLevel = spamLevel;
    item.evidence = fromJson(evidence);
}

void writeItem(QDataStream &out, const RecipientFate &fate)
{
    out << fate.recipient << static_cast<quint8>(fate.fate) << fate.rule << fate.reason
        << fate.reply;
}

void readItem(QDataStream &in, RecipientFate &fate)
{
    quint8 value = 0;
    in >> fate.recipient >> value >> fate.rule >> fate.reason >> fate.reply;
    fate.fate = static_cast<Fate>(std::min<quint8>(value, 2));
}

template<typename Item>
void writeItems(QDataStream &out, const std::vector<Item> &items)
{
    out << static_cast<quint32>(items.size());
    for (const Item &item : items) {
        writeItem(out, item);
    }
}

template<typename Item>
void readItems(QDataStream &in, std::vector<Item> &items)
{
    quint32 count = 0;
    in >> count;
    for (quint32 i = 0; i < count && in.status() == QDataStream::Ok; ++i) {
        readItem(in, items.emplace_back());
    }
}

bool isWhole(const QDataStream &in)
{
    return in.status() == QDataStream::Ok && in.atEnd();
}

Error malformed(const char *what)
{
    return Error::transient("verdict.protocol", QString::fromLatin1(what));
}

}  // namespace

Frame encodeRequest(const FilterRequest &request)
{
    Frame frame{FrameKind::Request, {}, {request.content}};
    QDataStream out(&frame.metadata, QIODevice::WriteOnly);
    out.setVersion(QDataStream::Qt_6_4);
    out << codecVersion << request.queueId << static_cast<quint8>(request.direction)
        << request.client << request.envelope
        << static_cast<qint64>(request.receivedAt.time_since_epoch().count()) << request.session
        << request.isAccepted << request.isDryRun;
    return frame;
}

Result<FilterRequest> decodeRequest(Frame frame)
{
    if (frame.kind != FrameKind::Request || frame.contents.size() != 1) {
        return malformed("expected a request with one content");
    }
    QDataStream in(frame.metadata);
    in.setVersion(QDataStream::Qt_6_4);
    FilterRequest request;
    quint8 version = 0;
    quint8 direction = 0;
    qint64 receivedAt = 0;
    in >> version >> request.queueId >> direction >> request.client >> request.envelope
        >> receivedAt >> request.session >> request.isAccepted >> request.isDryRun;
    if (!isWhole(in) || version != codecVersion || direction > 1) {
        return malformed("a request that cannot be read");
    }
    request.direction = static_cast<mail::Direction>(direction);
    request.receivedAt = Clock::WallTime(std::chrono::microseconds(receivedAt));
    request.content = std::move(frame.contents.front());
    return request;
}

Frame encodeResponse(const FilterResponse &response)
{
    Frame frame{FrameKind::Response, {}, response.contents};
    if (frame.contents.empty()) {
        frame.contents.emplace_back();
    }
    frame.contents.front() = {};
    QDataStream out(&frame.metadata, QIODevice::WriteOnly);
    out.setVersion(QDataStream::Qt_6_4);
    out << codecVersion;
    writeItems(out, response.outgoing);
    writeItems(out, response.quarantined);
    writeItems(out, response.fates);
    out << toJson(response.evidence) << toJson(response.explanation);
    return frame;
}

Frame encodeFailure(const Error &error)
{
    Frame frame{FrameKind::Failure, {}, {}};
    QDataStream out(&frame.metadata, QIODevice::WriteOnly);
    out.setVersion(QDataStream::Qt_6_4);
    out << codecVersion << error.id << error.isTransient() << error.detail;
    return frame;
}

namespace {

Error decodeFailure(const QByteArray &metadata)
{
    QDataStream in(metadata);
    in.setVersion(QDataStream::Qt_6_4);
    quint8 version = 0;
    bool isTransient = true;
    Error error;
    in >> version >> error.id >> isTransient >> error.detail;
    if (!isWhole(in) || version != codecVersion) {
        return malformed("a failure that cannot be read");
    }
    error.persistence = isTransient ? Persistence::Transient : Persistence::Permanent;
    return error;
}

bool namesExistingContents(const FilterResponse &response)
{
    const auto exists = [&response](const auto &item) {
        return item.content < response.contents.size();
    };
    return std::ranges::all_of(response.outgoing, exists)
           && std::ranges::all_of(response.quarantined, exists);
}

}  // namespace

Result<FilterResponse> decodeResponse(Frame frame)
{
    if (frame.kind == FrameKind::Failure) {
        return decodeFailure(frame.metadata);
    }
    if (frame.kind != FrameKind::Response || frame.contents.empty()) {
        return malformed("expected a response");
    }
    FilterResponse response;
    response.contents = std::move(frame.contents);
    QDataStream in(frame.metadata);
    in.setVersion(QDataStream::Qt_6_4);
    quint8 version = 0;
    QByteArray evidence;
    QByteArray explanation;
    in >> version;
    readItems(in, response.outgoing);
    readItems(in, response.quarantined);
    readItems(in, response.fates);
    in >> evidence >> explanation;
    if (!isWhole(in) || version != codecVersion || !namesExistingContents(response)) {
        return malformed("a response that cannot be read");
    }
    response.evidence = fromJson(evidence);
    response.explanation = fromJson(explanation);
    return response;
}

}  // namespace portcullis::verdict
