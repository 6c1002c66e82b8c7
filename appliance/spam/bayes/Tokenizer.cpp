// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/bayes/Tokenizer.h"

#include "appliance/spam/bayes/HeaderChewing.h"
#include "appliance/spam/bayes/LineTokens.h"

#include <map>

namespace portcullis::spam {

namespace {

using Field = TokenSources::Field;

/// The values of the fields, chewed, under the names by which their tokens are kept.
class FieldTexts
{
public:
    FieldTexts(const BayesSettings &settings, const TokenLimits &limits)
        : m_settings(settings)
        , m_limits(limits)
    {
    }

    void add(const Field &field)
    {
        const auto &[name, value] = field;
        if (m_settings.ignoredHeaders.contains(name.toLower())) {
            return;
        }
        const QByteArray chewed = chew(name, value);
        if (const QByteArray group = groupOfField(name); !group.isEmpty()) {
            append(group, chewed);
        }
        append(shortFieldName(name), chewed);
    }
    [[nodiscard]] const std::map<QByteArray, QByteArray> &texts() const { return m_texts; }

private:
    [[nodiscard]] QByteArray chew(const QByteArray &name, const QByteArray &value) const
    {
        if (isMessageIdField(name)) {
            return chewMessageId(value);
        }
        if (isAddressField(name)) {
            return chewAddresses(value, m_limits.domainLabels);
        }
        if (name == "Received") {
            return chewReceived(value);
        }
        if (name == "Content-Type") {
            return chewContentType(value);
        }
        if (name == "MIME-Version") {
            QByteArray rest = value;
            const qsizetype usual = rest.indexOf("1.0");
            return usual < 0 ? rest : rest.remove(usual, 3);
        }
        if (isPresenceOnlyField(name)) {
            return "1";
        }
        return name.startsWith("x-spam-relays-") ? chewRelays(value) : value;
    }
    void append(const QByteArray &name, const QByteArray &text)
    {
        const auto [place, isNew] = m_texts.try_emplace(name, text);
        if (!isNew) {
            place->second.append(' ').append(text);
        }
    }

    const BayesSettings &m_settings;
    const TokenLimits &m_limits;
    std::map<QByteArray, QByteArray> m_texts;
};

void addFields(const TokenSources &sources, const TokenLimits &limits, FieldTexts &texts)
{
    const Field *oldest = nullptr;
    const Field *secondOldest = nullptr;
    qsizetype bytes = 0;
    for (const Field &field : sources.fields) {
        bytes += field.first.size() + field.second.size() + 3;
        if (bytes > limits.headerBytes) {
            break;
        }
        if (field.first.compare("received", Qt::CaseInsensitive) == 0) {
            secondOldest = oldest;
            oldest = &field;
        } else if (!isIgnoredField(field.first)) {
            texts.add(field);
        }
    }
    for (const Field &field : sources.metadata) {
        texts.add(field);
    }
    // The two hops at the beginning tell of the program that sent the message.
    for (const Field *field : {oldest, secondOldest}) {
        if (field != nullptr) {
            texts.add(*field);
        }
    }
}

/// Bodies whose digests are so frequent that they have names.
QByteArray mimePartText(const QByteArray &part)
{
    static const std::map<QByteArray, QByteArray> names{
        {"da39a3ee5e6b4b0d3255bfef95601890afd80709:text/plain", "Empty-Plaintext"},
        {"da39a3ee5e6b4b0d3255bfef95601890afd80709:text/html", "Empty-HTML"},
        {"da39a3ee5e6b4b0d3255bfef95601890afd80709:text/xml", "Empty-XML"},
        {"adc83b19e793491b1c6ea0fd8b46cd9f32e592fc:text/plain", "OneNL-Plaintext"},
        {"adc83b19e793491b1c6ea0fd8b46cd9f32e592fc:text/html", "OneNL-HTML"},
        {"71853c6197a6a7f222db0f1978c7cb232b87c5ee:text/plain", "TwoNL-Plaintext"},
        {"71853c6197a6a7f222db0f1978c7cb232b87c5ee:text/html", "TwoNL-HTML"},
    };
    const auto known = names.find(part);
    return known == names.end() ? part : known->second;
}

}  // namespace

std::vector<Token> TokenSet::tokens() const
{
    std::vector<Token> tokens;
    tokens.reserve(m_entries.size());
    for (const Entry &entry : m_entries) {
        tokens.push_back(entry.token);
    }
    return tokens;
}

Tokenizer::Tokenizer(const BayesSettings &settings, TokenLimits limits)
    : m_settings(settings)
    , m_limits(limits)
{
}

TokenSet Tokenizer::tokenize(const TokenSources &sources)
{
    TokenCollector collector(m_hash);
    LineTokens lines(m_settings, m_limits, collector);
    const auto addLines = [&](const std::vector<QByteArray> &texts, const char *prefix,
                              TokenRegion region, qsizetype limit) {
        collector.beginRegion();
        for (const QByteArray &text : texts) {
            lines.add(text, prefix, region);
            if (collector.count() >= limit) {
                break;
            }
        }
    };
    const TokenSourceSettings &wanted = m_settings.sources;
    if (wanted.visible) {
        addLines(sources.visible, "", TokenRegion::Body, m_limits.bodyTokens);
    }
    if (wanted.uri) {
        addLines(sources.uris, "", TokenRegion::Uri, m_limits.uriTokens);
    }
    if (wanted.invisible) {
        addLines(sources.invisible, "I*:", TokenRegion::Body, m_limits.bodyTokens);
    }
    if (wanted.mimePart) {
        for (const QByteArray &part : sources.mimeParts) {
            collector.add("MIME:", mimePartText(part));
        }
    }
    if (wanted.header) {
        FieldTexts texts(m_settings, m_limits);
        addFields(sources, m_limits, texts);
        collector.beginRegion();
        for (const auto &[name, text] : texts.texts()) {
            lines.add(text, 'H' + name + ':', TokenRegion::Header);
            if (collector.count() >= m_limits.headerTokens) {
                break;
            }
        }
    }
    return collector.take();
}

}  // namespace portcullis::spam
