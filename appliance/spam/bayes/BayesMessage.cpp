// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/bayes/BayesMessage.h"

#include <QtCore/QCryptographicHash>
#include <QtCore/QDateTime>
#include <QtCore/QUrl>

#include <algorithm>

namespace portcullis::spam {

namespace {

using Field = TokenSources::Field;

QByteArray asciiDomain(const QByteArray &domain)
{
    const bool isAscii = std::all_of(domain.begin(), domain.end(),
                                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    return isAscii ? domain : QUrl::toAce(QString::fromUtf8(domain));
}

QByteArray sha1Hex(QByteArrayView bytes)
{
    QCryptographicHash hash(QCryptographicHash::Sha1);
    hash.addData(bytes);
    return hash.result().toHex();
}

/// Fields about sender and author that SpamAssassin adds for itself.
void addDomains(MessageText &text, std::vector<Field> &fields)
{
    QByteArrayList domains;
    for (const QByteArray &host : text.headerList("From:addr:host")) {
        if (const QByteArray domain = asciiDomain(host); !domains.contains(domain)) {
            domains.append(domain);
        }
    }
    if (!domains.isEmpty()) {
        fields.emplace_back("x-authordomain", ' ' + domains.join(' '));
    }
    if (const QByteArray host = text.headerText("EnvelopeFrom:first:addr:host"); !host.isEmpty()) {
        fields.emplace_back("x-senderdomain", ' ' + asciiDomain(host));
    }
}

void addRelays(MessageText &text, std::vector<Field> &fields)
{
    const RelayChain &relays = text.relays();
    fields.emplace_back("x-spam-relays-external", ' ' + RelayChain::toText(relays.external));
    fields.emplace_back("x-spam-relays-internal", ' ' + RelayChain::toText(relays.internal));
    fields.emplace_back("x-spam-relays-trusted", ' ' + RelayChain::toText(relays.trusted));
    fields.emplace_back("x-spam-relays-untrusted", ' ' + RelayChain::toText(relays.untrusted));
}

std::vector<QByteArray> mimePartDigests(MessageText &text)
{
    std::vector<QByteArray> digests;
    const std::vector<TextPart> &parts = text.parts();
    for (size_t i = 0; i < parts.size(); ++i) {
        if (parts[i].isLeaf) {
            digests.push_back(sha1Hex(text.decoded(int(i))) + ':' + parts[i].type);
        }
    }
    return digests;
}

/// The last field of a name with the LF that ends it, as `get_header` gives it.
QByteArray lastValue(MessageText &text, const char *name)
{
    const std::vector<QByteArray> values = text.headerValues(name);
    return values.empty() ? QByteArray() : values.back() + '\n';
}

std::optional<qint64> timeIn(const QByteArray &value)
{
    // A comment with the name of the zone may follow.
    const QByteArray plain = value.left(value.contains('(') ? value.indexOf('(') : value.size());
    const QDateTime time = QDateTime::fromString(QString::fromLatin1(plain).trimmed(),
                                                 Qt::RFC2822Date);
    return time.isValid() ? std::optional(time.toSecsSinceEpoch()) : std::nullopt;
}

}  // namespace

TokenSources tokenSourcesOf(MessageText &text, const TokenSourceSettings &settings, TokenUse use)
{
    TokenSources sources;
    if (settings.visible) {
        sources.visible = text.visibleBody();
    }
    if (settings.invisible) {
        sources.invisible = text.invisibleBody();
    }
    if (settings.uri) {
        sources.uris = text.uris().cleaned;
    }
    if (settings.mimePart) {
        sources.mimeParts = mimePartDigests(text);
    }
    if (settings.header) {
        if (use == TokenUse::Scan) {
            addDomains(text, sources.metadata);
        }
        addRelays(text, sources.metadata);
        for (const auto &[name, value] : text.metadata()) {
            sources.metadata.emplace_back(name, ' ' + value);
        }
        for (const HeaderLine &line : text.headers()) {
            sources.fields.emplace_back(line.name, line.decoded);
        }
    }
    return sources;
}

std::vector<QByteArray> messageIdsOf(MessageText &text)
{
    const QByteArray digest = sha1Hex(text.pristineBody());
    const char nul = '\0';
    std::vector<QByteArray> ids{
        sha1Hex(lastValue(text, "To") + nul + lastValue(text, "Date") + nul + digest)
        + "@sa_generated"};
    const QByteArray id = lastValue(text, "Message-Id").trimmed();
    if (id.size() > 2 && id.startsWith('<') && id.endsWith('>')) {
        ids.push_back(id.sliced(1, id.size() - 2));
    }
    return ids;
}

qint64 receivedAt(MessageText &text, qint64 now)
{
    std::optional<qint64> time;
    for (const QByteArray &received : text.headerValues("Received")) {
        time = timeIn(received.mid(received.lastIndexOf(';') + 1));
        break;
    }
    if (!time) {
        time = timeIn(lastValue(text, "Date"));
    }
    return time ? std::clamp<qint64>(*time, 0, now) : now;
}

LearnTokens learnTokensOf(MessageText &text,
                          Tokenizer &tokenizer,
                          const BayesSettings &settings,
                          LearnAs as,
                          qint64 now)
{
    LearnTokens learn;
    learn.as = as;
    learn.ids = messageIdsOf(text);
    learn.seconds = receivedAt(text, now);
    learn.tokens = tokenizer.tokenize(tokenSourcesOf(text, settings.sources, TokenUse::Learn))
                       .tokens();
    return learn;
}

}  // namespace portcullis::spam
