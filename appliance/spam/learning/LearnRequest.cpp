// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/learning/LearnRequest.h"

#include <cstring>

namespace portcullis::spam {

namespace {

enum class RequestKind : quint8 { Tokens = 1, Message = 2, Touch = 3, Reputation = 4 };

class RequestWriter
{
public:
    template<typename Number>
    void number(Number value)
    {
        m_bytes.append(reinterpret_cast<const char *>(&value), sizeof value);
    }
    void bytes(QByteArrayView text)
    {
        number(quint32(text.size()));
        m_bytes.append(text);
    }
    /// Tokens have 40 bits.
    void tokens(const std::vector<quint64> &tokens)
    {
        number(quint32(tokens.size()));
        for (const quint64 token : tokens) {
            number(quint32(token));
            number(quint8(token >> 32));
        }
    }
    QByteArray take() { return std::move(m_bytes); }

private:
    QByteArray m_bytes;
};

/// Zeros once something was missing; look at isGood() in the end.
class RequestReader
{
public:
    explicit RequestReader(QByteArrayView bytes)
        : m_rest(bytes)
    {
    }
    template<typename Number>
    Number number()
    {
        Number value{};
        const QByteArrayView raw = take(sizeof value);
        if (!raw.isEmpty()) {
            std::memcpy(&value, raw.data(), sizeof value);
        }
        return value;
    }
    QByteArray bytes(qsizetype most)
    {
        const auto length = number<quint32>();
        if (qsizetype(length) > most) {
            m_isGood = false;
        }
        return take(qsizetype(length)).toByteArray();
    }
    std::vector<quint64> tokens(qsizetype most)
    {
        const auto count = qsizetype(number<quint32>());
        std::vector<quint64> tokens;
        if (count > most || count * 5 > m_rest.size()) {
            m_isGood = false;
            return tokens;
        }
        tokens.reserve(size_t(count));
        for (qsizetype i = 0; i < count; ++i) {
            const quint64 low = number<quint32>();
            tokens.push_back(low | quint64(number<quint8>()) << 32);
        }
        return tokens;
    }
    [[nodiscard]] bool isGood() const { return m_isGood && m_rest.isEmpty(); }

private:
    QByteArrayView take(qsizetype length)
    {
        if (!m_isGood || length > m_rest.size()) {
            m_isGood = false;
            return {};
        }
        const QByteArrayView taken = m_rest.first(length);
        m_rest = m_rest.sliced(length);
        return taken;
    }

    QByteArrayView m_rest;
    bool m_isGood = true;
};

LearnAs learnAsOf(quint8 value)
{
    return value == quint8(LearnAs::Spam)     ? LearnAs::Spam
           : value == quint8(LearnAs::Forget) ? LearnAs::Forget
                                              : LearnAs::Ham;
}

struct RequestEncoder {
    RequestWriter &out;

    void operator()(const LearnTokens &request) const
    {
        const LearnRequestLimits limits;
        out.number(RequestKind::Tokens);
        out.number(request.as);
        out.number(quint8(request.isAutomatic));
        out.number(request.seconds);
        const size_t ids = std::min(request.ids.size(), size_t(limits.ids));
        out.number(quint8(ids));
        for (size_t i = 0; i < ids; ++i) {
            out.bytes(QByteArrayView(request.ids[i])
                          .first(std::min(request.ids[i].size(), limits.idBytes)));
        }
        out.tokens(request.tokens);
    }
    void operator()(const LearnMessage &request) const
    {
        out.number(RequestKind::Message);
        out.number(request.as);
        out.bytes(request.message);
    }
    void operator()(const TouchTokens &request) const
    {
        out.number(RequestKind::Touch);
        out.number(request.seconds);
        out.tokens(request.tokens);
    }
    void operator()(const AddReputation &request) const
    {
        out.number(RequestKind::Reputation);
        out.number(request.seconds);
        out.number(request.score);
        out.bytes(request.key);
    }
};

LearnTokens readLearnTokens(RequestReader &in, const LearnRequestLimits &limits, bool &isGood)
{
    LearnTokens request;
    request.as = learnAsOf(in.number<quint8>());
    request.isAutomatic = in.number<quint8>() != 0;
    request.seconds = in.number<qint64>();
    const int ids = in.number<quint8>();
    isGood = ids <= limits.ids;
    for (int i = 0; i < ids && isGood; ++i) {
        request.ids.push_back(in.bytes(limits.idBytes));
    }
    request.tokens = in.tokens(limits.tokens);
    return request;
}

}  // namespace

QByteArray encodeLearnRequest(const LearnRequest &request)
{
    RequestWriter out;
    std::visit(RequestEncoder{out}, request);
    return out.take();
}

Result<LearnRequest> decodeLearnRequest(QByteArrayView bytes, const LearnRequestLimits &limits)
{
    RequestReader in(bytes);
    LearnRequest request;
    bool isGood = true;
    switch (RequestKind(in.number<quint8>())) {
    case RequestKind::Tokens:
        request = readLearnTokens(in, limits, isGood);
        break;
    case RequestKind::Message: {
        const LearnAs as = learnAsOf(in.number<quint8>());
        request = LearnMessage{as, in.bytes(limits.messageBytes)};
        break;
    }
    case RequestKind::Touch: {
        const auto seconds = in.number<qint64>();
        request = TouchTokens{seconds, in.tokens(limits.tokens)};
        break;
    }
    case RequestKind::Reputation: {
        const auto seconds = in.number<qint64>();
        const auto score = in.number<double>();
        request = AddReputation{in.bytes(limits.idBytes), score, seconds};
        break;
    }
    default:
        isGood = false;
    }
    if (!isGood || !in.isGood()) {
        return Error::permanent("learn.request", QStringLiteral("a request cannot be read"));
    }
    return request;
}

}  // namespace portcullis::spam
