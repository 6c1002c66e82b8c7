// SPDX-License-Identifier: GPL-2.0-or-later
// Whatever the octets are: every view is made, lines end where they should, parts form a tree, and the
// same message with CRLF line ends has the same body.
#include "appliance/spam/conf/RuleReader.h"
#include "appliance/spam/text/MessageText.h"

#include <cstdlib>

namespace {

using namespace portcullis::spam;

void require(bool isTrue)
{
    if (!isTrue) {
        std::abort();
    }
}

const RuleSet &rules()
{
    static const RuleSet set = readRuleText("util_rb_tld com net org de uk\nutil_rb_2tld co.uk\n");
    return set;
}

void checkParts(MessageText &text)
{
    const std::vector<TextPart> &parts = text.parts();
    require(!parts.empty() && parts.front().parent == -1);
    for (size_t i = 0; i < parts.size(); ++i) {
        require(parts[i].parent < int(i));
        for (const int child : parts[i].children) {
            require(child > int(i) && child < int(parts.size())
                    && parts[size_t(child)].parent == int(i));
        }
        text.raw(int(i));
        text.decoded(int(i));
        text.rendered(int(i));
    }
}

void checkViews(MessageText &text)
{
    constexpr qsizetype longestLine = 2049;
    for (const auto *lines : {&text.body(), &text.visibleBody(), &text.invisibleBody()}) {
        for (const QByteArray &line : *lines) {
            require(!line.isEmpty() && line.size() <= longestLine);
            require(line.indexOf('\n') < 0 || line.indexOf('\n') == line.size() - 1);
        }
    }
    for (const QByteArray &chunk : text.rawBody()) {
        require(chunk.size() <= 4096);
    }
    require(text.full().size() >= text.pristineBody().size());
    for (const char *query : {"ALL", "ALL:raw", "ALL-TRUSTED", "ALL-EXTERNAL:raw", "From:addr",
                              "From:name", "From:host", "ToCc", "MESSAGEID:domain", "Received:ip",
                              "Received:revip", "EnvelopeFrom", "X-AuthorDomain", "Subject:raw"}) {
        const bool isThere = text.header(query).has_value();
        require(isThere == !text.headerList(query).empty());
    }
    text.uris();
    text.html();
    static_cast<void>(text.hasParseFlag("truncated_header"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const DomainTable domains(rules());
    static const TextSettings settings = TextSettings::fromRules(rules());
    const QByteArray bytes(reinterpret_cast<const char *>(data), qsizetype(size));
    MessageText text(portcullis::mail::Content(bytes), settings, domains);
    checkParts(text);
    checkViews(text);
    if (!bytes.contains('\r')) {
        QByteArray crlf = bytes;
        crlf.replace("\n", "\r\n");
        MessageText same(portcullis::mail::Content(crlf), settings, domains);
        require(same.body() == text.body() && same.rawBody() == text.rawBody());
    }
    return 0;
}
