// SPDX-License-Identifier: GPL-2.0-or-later
// Prints what MessageText makes of messages, in the form of oracle.pl: one JSON object a message, octets
// as code points below 256. Files are arguments or lines of standard input. views.py compares the two.
//
//   pmg-viewdump [--headers LIST] [--rules DIR] [--time N] FILE …
//
// --time: reads every message N times and prints microseconds of CPU for each view on standard error instead.
#include "appliance/spam/conf/RuleReader.h"
#include "appliance/spam/text/MessageText.h"

#include <QtCore/QCryptographicHash>
#include <QtCore/QFile>

#include <array>
#include <cstdio>
#include <ctime>
#include <functional>
#include <iostream>
#include <string>

namespace {

using namespace portcullis::spam;

QByteArray quoted(QByteArrayView text)
{
    QByteArray result = "\"";
    for (const char c : text) {
        if (c >= ' ' && c < 127 && c != '"' && c != '\\') {
            result.append(c);
        } else {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", unsigned(quint8(c)));
            result.append(escape);
        }
    }
    return result + '"';
}

QByteArray quoted(const std::optional<QByteArray> &text)
{
    return text ? quoted(QByteArrayView(*text)) : QByteArrayLiteral("null");
}

template<typename List>
QByteArray list(const List &values)
{
    QByteArray result = "[";
    for (const QByteArray &value : values) {
        result += (result.size() > 1 ? "," : "") + quoted(QByteArrayView(value));
    }
    return result + ']';
}

QByteArray partText(MessageText &text, size_t index)
{
    const TextPart &part = text.parts()[index];
    QByteArray fields = "[";
    for (const HeaderLine &line : part.headers) {
        fields += (fields.size() > 1 ? ",[" : "[") + quoted(QByteArrayView(line.name)) + ','
                  + quoted(QByteArrayView(line.raw)) + ',' + quoted(QByteArrayView(line.decoded))
                  + ']';
    }
    const QByteArray &octets = text.decoded(int(index));
    const QByteArray hash = QCryptographicHash::hash(octets, QCryptographicHash::Sha1).toHex();
    QByteArray result = "{\"type\":" + quoted(QByteArrayView(part.type))
                        + ",\"effective\":" + quoted(QByteArrayView(part.effectiveType))
                        + ",\"charset\":" + quoted(part.charset)
                        + ",\"name\":" + quoted(QByteArrayView(part.name)) + ",\"leaf\":"
                        + (part.isLeaf ? "true" : "false") + ",\"headers\":" + fields + ']';
    if (part.isLeaf) {
        result += ",\"length\":" + QByteArray::number(octets.size()) + ",\"sha1\":\"" + hash + '"';
    }
    return result + '}';
}

QByteArray uriText(const UriDetail &uri)
{
    QByteArray hosts = "{";
    for (const HostDomain &host : uri.hosts) {
        hosts += (hosts.size() > 1 ? "," : "") + quoted(QByteArrayView(host.host)) + ':'
                 + quoted(QByteArrayView(host.domain));
    }
    return "{\"raw\":" + quoted(QByteArrayView(uri.raw)) + ",\"types\":" + list(uri.types)
           + ",\"cleaned\":" + list(uri.cleaned) + ",\"anchor_text\":" + list(uri.anchorTexts)
           + ",\"hosts\":" + hosts + "},\"domains\":" + list(uri.domains) + '}';
}

QByteArray messageText(MessageText &text, const QByteArray &file, const QByteArrayList &queries)
{
    QByteArray result = "{\"file\":" + quoted(QByteArrayView(file)) + ",\"body\":"
                        + list(text.body()) + ",\"visible\":" + list(text.visibleBody())
                        + ",\"invisible\":" + list(text.invisibleBody())
                        + ",\"rawbody\":" + list(text.rawBody())
                        + ",\"full\":" + QByteArray::number(text.full().size()) + ",\"headers\":{";
    QByteArray separator;
    for (const QByteArray &query : queries) {
        const std::vector<QByteArray> &values = text.headerList(query.constData());
        result += separator + quoted(QByteArrayView(query)) + ':'
                  + (values.empty() ? QByteArrayLiteral("null") : list(values));
        separator = ",";
    }
    result += "},\"flags\":";
    std::vector<QByteArray> flags;
    for (const char *flag : {"mime_epilogue_exists", "mimepart_limit_exceeded",
                             "missing_head_body_separator", "missing_mime_head_body_separator",
                             "missing_mime_headers", "truncated_header", "uri_truncated"}) {
        if (text.hasParseFlag(flag)) {
            flags.emplace_back(flag);
        }
    }
    const RelayChain &relays = text.relays();
    result += list(flags) + ",\"relays\":{\"trusted\":"
              + quoted(QByteArrayView(RelayChain::toText(relays.trusted)))
              + ",\"untrusted\":" + quoted(QByteArrayView(RelayChain::toText(relays.untrusted)))
              + ",\"internal\":" + quoted(QByteArrayView(RelayChain::toText(relays.internal)))
              + ",\"external\":" + quoted(QByteArrayView(RelayChain::toText(relays.external)))
              + "},\"parts\":[";
    for (size_t i = 0; i < text.parts().size(); ++i) {
        result += (i > 0 ? "," : "") + partText(text, i);
    }
    result += "],\"uris\":[";
    separator.clear();
    for (const UriDetail &uri : text.uris()) {
        result += separator + uriText(uri);
        separator = ",";
    }
    return result + "]}";
}

/// CPU time of this thread, since the machine may be busy with other things.
double now()
{
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return double(time.tv_sec) * 1e6 + double(time.tv_nsec) / 1e3;
}

struct Clock {
    const char *name;
    double microseconds = 0;
};

class Timer
{
public:
    void measure(MessageText &text, size_t step, const std::function<void(MessageText &)> &view)
    {
        const double begin = now();
        view(text);
        const double spent = now() - begin;
        m_clocks[step].microseconds += spent;
    }

    std::array<Clock, 8> m_clocks{Clock{"parts"},   Clock{"decode"},  Clock{"body"},
                                  Clock{"visible"}, Clock{"rawbody"}, Clock{"relays"},
                                  Clock{"uris"},    Clock{"open"}};
};

void timeViews(const QByteArray &octets,
               const TextSettings &settings,
               const DomainTable &domains,
               Timer &timer)
{
    const portcullis::mail::Content content(octets);
    std::optional<MessageText> text;
    const double begin = now();
    text.emplace(content, settings, domains);
    const double spent = now() - begin;
    timer.m_clocks[7].microseconds += spent;
    timer.measure(*text, 0, [](MessageText &t) { t.parts(); });
    timer.measure(*text, 1, [](MessageText &t) {
        for (size_t i = 0; i < t.parts().size(); ++i) {
            t.decoded(int(i));
        }
    });
    timer.measure(*text, 2, [](MessageText &t) { t.body(); });
    timer.measure(*text, 3, [](MessageText &t) {
        t.visibleBody();
        t.invisibleBody();
    });
    timer.measure(*text, 4, [](MessageText &t) { t.rawBody(); });
    timer.measure(*text, 5, [](MessageText &t) { t.relays(); });
    timer.measure(*text, 6, [](MessageText &t) { t.uris(); });
}

}  // namespace

int main(int count, char **arguments)
{
    RuleSources sources;
    QByteArray queries =
        "Subject,From,From:addr,From:name,To,ToCc,MESSAGEID,Received,EnvelopeFrom,ALL,ALL:raw,"
        "ALL-TRUSTED,ALL-INTERNAL,ALL-UNTRUSTED,ALL-EXTERNAL";
    std::vector<QByteArray> files;
    int rounds = 0;
    for (int i = 1; i < count; ++i) {
        const QByteArray argument(arguments[i]);
        const bool hasValue = i + 1 < count;
        if (argument == "--headers" && hasValue) {
            queries = arguments[++i];
        } else if (argument == "--rules" && hasValue) {
            sources.stock = QFile::decodeName(arguments[++i]);
        } else if (argument == "--time" && hasValue) {
            rounds = QByteArray(arguments[++i]).toInt();
        } else {
            files.push_back(argument);
        }
    }
    if (files.empty()) {
        for (std::string line; std::getline(std::cin, line);) {
            files.push_back(QByteArray::fromStdString(line));
        }
    }
    const RuleSet rules = readRules(sources);
    const DomainTable domains(rules);
    const TextSettings settings = TextSettings::fromRules(rules);
    Timer timer;
    for (const QByteArray &name : files) {
        QFile file(QFile::decodeName(name));
        if (!file.open(QIODevice::ReadOnly)) {
            std::cerr << "pmg-viewdump: cannot read " << name.constData() << '\n';
            continue;
        }
        const QByteArray octets = file.readAll();
        for (int round = 0; round < rounds; ++round) {
            timeViews(octets, settings, domains, timer);
        }
        if (rounds == 0) {
            MessageText text(portcullis::mail::Content(octets), settings, domains);
            std::cout << messageText(text, name, queries.split(',')).constData() << '\n';
        }
    }
    for (const Clock &clock : timer.m_clocks) {
        if (rounds > 0) {
            std::cerr << clock.name << ' '
                      << clock.microseconds / double(rounds) / double(files.size()) << " us\n";
        }
    }
    return 0;
}
