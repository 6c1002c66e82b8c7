// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/base/ResolverWire.h"

#include <QtCore/QtEndian>

#include <algorithm>
#include <array>

namespace portcullis::resolverwire {

namespace {

constexpr quint32 requestMagic = 0x50445131;   // "PDQ1"
constexpr quint32 responseMagic = 0x50445231;  // "PDR1"
constexpr qsizetype maxName = 255;
constexpr qsizetype smallestQuestion = 3;  ///< Type and an empty name.

/// How an answer is coded: the kinds of DnsAnswer, then the errors of Resolver.
enum class Code : quint8 { Records, NoData, NoName, Timeout, ServFail, Bogus };

class FrameWriter
{
public:
    explicit FrameWriter(quint32 magic)
    {
        number(magic);
        number(quint32(0));  // The length, known at the end.
    }

    template<typename T>
    void number(T value)
    {
        std::array<char, sizeof(T)> octets{};
        qToBigEndian(value, octets.data());
        m_bytes.append(octets.data(), octets.size());
    }
    template<typename Size>
    void text(QByteArrayView value)
    {
        number(static_cast<Size>(value.size()));
        m_bytes.append(value);
    }
    [[nodiscard]] qsizetype size() const { return m_bytes.size(); }
    QByteArray take()
    {
        qToBigEndian(static_cast<quint32>(m_bytes.size() - headSize), m_bytes.data() + 4);
        return std::move(m_bytes);
    }

private:
    QByteArray m_bytes;
};

/// Reads what may be anything; after the first surprise all further reads give zeros.
class FrameParser
{
public:
    explicit FrameParser(QByteArrayView bytes)
        : m_bytes(bytes)
    {
    }

    template<typename T>
    T number()
    {
        if (m_bytes.size() < static_cast<qsizetype>(sizeof(T))) {
            expect(false);
            return T();
        }
        const T value = qFromBigEndian<T>(m_bytes.data());
        m_bytes = m_bytes.sliced(sizeof(T));
        return value;
    }
    template<typename Size>
    QByteArrayView text()
    {
        const auto size = static_cast<qsizetype>(number<Size>());
        expect(size <= m_bytes.size());
        if (!m_isGood) {
            return {};
        }
        const QByteArrayView value = m_bytes.first(size);
        m_bytes = m_bytes.sliced(size);
        return value;
    }
    void expect(bool isTrue)
    {
        if (!isTrue) {
            m_isGood = false;
            m_bytes = {};
        }
    }
    [[nodiscard]] bool isGood() const { return m_isGood; }
    [[nodiscard]] qsizetype left() const { return m_bytes.size(); }
    [[nodiscard]] bool isDone() const { return m_isGood && m_bytes.isEmpty(); }

private:
    QByteArrayView m_bytes;
    bool m_isGood = true;
};

Code codeOf(const Result<DnsAnswer> &answer)
{
    if (answer) {
        return static_cast<Code>(answer->kind);
    }
    const QByteArray &id = answer.error().id;
    return id == "dns.timeout" ? Code::Timeout : id == "dns.bogus" ? Code::Bogus : Code::ServFail;
}

const char *errorId(Code code)
{
    return code == Code::Timeout ? "dns.timeout"
           : code == Code::Bogus ? "dns.bogus"
                                 : "dns.servfail";
}

bool fitsFrame(const DnsAnswer &answer, qsizetype room)
{
    qsizetype size = answer.canonicalName.size();
    for (const QByteArray &record : answer.records) {
        size += 2 + record.size();
        if (record.size() > 0xffff) {
            return false;
        }
    }
    return answer.records.size() <= 0xffff && answer.canonicalName.size() <= maxName
           && size <= room;
}

void writeAnswer(FrameWriter &writer, const DnsAnswer &answer)
{
    writer.number(static_cast<quint8>(answer.isSecure));
    writer.number(static_cast<quint32>(std::clamp<qint64>(answer.ttl.count(), 0, 0x7fffffff)));
    writer.text<quint8>(answer.canonicalName);
    writer.number(static_cast<quint16>(answer.records.size()));
    for (const QByteArray &record : answer.records) {
        writer.text<quint16>(record);
    }
}

DnsAnswer readAnswer(FrameParser &parser, Code code)
{
    DnsAnswer answer;
    answer.kind = static_cast<DnsAnswer::Kind>(code);
    const auto secure = parser.number<quint8>();
    parser.expect(secure <= 1);
    answer.isSecure = secure == 1;
    answer.ttl = std::chrono::seconds(parser.number<quint32>());
    answer.canonicalName = parser.text<quint8>().toByteArray();
    const auto count = parser.number<quint16>();
    parser.expect(count <= parser.left() / 2);
    for (quint16 i = 0; parser.isGood() && i < count; ++i) {
        answer.records.push_back(parser.text<quint16>().toByteArray());
    }
    return answer;
}

Result<DnsAnswer> readResult(FrameParser &parser)
{
    const auto value = parser.number<quint8>();
    parser.expect(value <= static_cast<quint8>(Code::Bogus));
    const auto code = static_cast<Code>(value);
    if (code <= Code::NoName) {
        return readAnswer(parser, code);
    }
    return Error::transient(errorId(code), QString::fromUtf8(parser.text<quint16>()));
}

}  // namespace

std::optional<quint32> payloadSize(QByteArrayView head, FrameKind kind, const Limits &limits)
{
    const bool isRequest = kind == FrameKind::Request;
    if (head.size() < headSize
        || qFromBigEndian<quint32>(head.data()) != (isRequest ? requestMagic : responseMagic)) {
        return std::nullopt;
    }
    const auto size = qFromBigEndian<quint32>(head.data() + 4);
    return size <= (isRequest ? limits.requestBytes : limits.responseBytes) ? std::optional(size)
                                                                            : std::nullopt;
}

QByteArray encode(const Request &request, const Limits &limits)
{
    Q_ASSERT(request.questions.size() <= limits.questions);
    FrameWriter writer(requestMagic);
    writer.number(request.id);
    writer.number(static_cast<quint32>(
        std::clamp(request.deadline, std::chrono::milliseconds(0), limits.deadline).count()));
    writer.number(static_cast<quint16>(request.questions.size()));
    for (const Question &question : request.questions) {
        writer.number(static_cast<quint16>(question.type));
        // What is too long for a name is cut to something that is still too long for one.
        writer.text<quint8>(
            QByteArrayView(question.name).first(std::min(question.name.size(), maxName)));
    }
    return writer.take();
}

QByteArray encode(const Response &response, const Limits &limits)
{
    constexpr qsizetype smallestAnswer = 9;  // Code, flag, TTL, name, count.
    constexpr qsizetype shownDetail = 200;
    FrameWriter writer(responseMagic);
    writer.number(response.id);
    writer.number(static_cast<quint16>(response.answers.size()));
    qsizetype waiting = static_cast<qsizetype>(response.answers.size());
    for (const Result<DnsAnswer> &answer : response.answers) {
        --waiting;
        // Each answer still to come keeps room for an error.
        const qsizetype room = static_cast<qsizetype>(limits.responseBytes) - writer.size()
                               - smallestAnswer - waiting * (smallestAnswer + shownDetail);
        if (answer && fitsFrame(*answer, room)) {
            writer.number(static_cast<quint8>(codeOf(answer)));
            writeAnswer(writer, *answer);
            continue;
        }
        const QByteArray detail = answer ? QByteArray("the answer is too large")
                                         : answer.error().detail.toUtf8();
        writer.number(static_cast<quint8>(answer ? Code::ServFail : codeOf(answer)));
        writer.text<quint16>(QByteArrayView(detail).first(std::min(detail.size(), shownDetail)));
    }
    return writer.take();
}

std::optional<Request> decodeRequest(QByteArrayView payload, const Limits &limits)
{
    FrameParser parser(payload);
    Request request;
    request.id = parser.number<quint32>();
    request.deadline = std::min(std::chrono::milliseconds(parser.number<quint32>()),
                                limits.deadline);
    const auto count = parser.number<quint16>();
    parser.expect(count <= limits.questions && count <= parser.left() / smallestQuestion);
    for (quint16 i = 0; parser.isGood() && i < count; ++i) {
        const auto type = parser.number<quint16>();
        request.questions.push_back(
            {parser.text<quint8>().toByteArray(), static_cast<DnsType>(type)});
    }
    return parser.isDone() ? std::optional(std::move(request)) : std::nullopt;
}

std::optional<Response> decodeResponse(QByteArrayView payload, const Limits &limits)
{
    FrameParser parser(payload);
    Response response;
    response.id = parser.number<quint32>();
    const auto count = parser.number<quint16>();
    parser.expect(count <= limits.questions && count <= parser.left());
    for (quint16 i = 0; parser.isGood() && i < count; ++i) {
        response.answers.push_back(readResult(parser));
    }
    return parser.isDone() ? std::optional(std::move(response)) : std::nullopt;
}

}  // namespace portcullis::resolverwire
