// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/BounceEvals.h"

#include "appliance/spam/engine/Scan.h"

namespace portcullis::spam {

namespace {

constexpr qsizetype longestQuotedField = 65'536;  // Of one quoted Received field, folds included.

/// "Received: …", quoted or not.
bool isQuotedReceived(QByteArrayView line)
{
    while (line.startsWith('>') || line.startsWith(' ')) {
        line = line.sliced(1);
    }
    const QByteArrayView name("received:");
    return line.size() >= name.size()
           && line.first(name.size()).compare(name, Qt::CaseInsensitive) == 0;
}

bool isWhitespace(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

}  // namespace

QByteArray BounceEvals::plugin() const
{
    return "Mail::SpamAssassin::Plugin::VBounce";
}

void BounceEvals::configure(const RuleSet &rules, ProblemSink &)
{
    for (const Directive &directive : rules.directive("welcomelist_bounce_relays")) {
        m_relays.addAll(directive.value);
    }
}

std::vector<EvalModule::Entry> BounceEvals::functions() const
{
    const EvalFunction check = [this](Scan &scan, const EvalCall &) {
        return comesFromOurRelays(scan);
    };
    return {{"have_any_bounce_relays",
             [this](Scan &, const EvalCall &) { return m_relays.isEmpty() ? 0 : 1; }},
            {"check_welcomelist_bounce_relays", check},
            {"check_whitelist_bounce_relays", check}};
}

/// Words with a dot inside, between spaces.
bool BounceEvals::quotesRelay(QByteArrayView text) const
{
    qsizetype begin = -1;  // Text before the first space is the field's name.
    for (qsizetype i = 0; i < text.size(); ++i) {
        if (!isWhitespace(text[i])) {
            continue;
        }
        const QByteArrayView word = begin < 0 ? QByteArrayView() : text.sliced(begin, i - begin);
        const qsizetype dot = word.indexOf('.', 1);
        if (dot > 0 && dot + 1 < word.size() && m_relays.matches(word)) {
            return true;
        }
        begin = i + 1;
    }
    return false;
}

bool BounceEvals::quotesRelayInLines(QByteArrayView body) const
{
    QByteArray field;
    bool hasBegun = false;
    for (qsizetype begin = 0; begin < body.size();) {
        const qsizetype found = body.indexOf('\n', begin);
        const qsizetype end = found < 0 ? body.size() : found;
        const QByteArrayView line = body.sliced(begin, end - begin);
        begin = end + 1;
        if (!hasBegun && !isQuotedReceived(line)) {
            continue;
        }
        hasBegun = true;
        const bool isFold = !line.isEmpty() && isWhitespace(line.front());
        // A field is asked when it is complete, so that each octet is looked at once.
        if (!isFold) {
            if (isQuotedReceived(field) && quotesRelay(field)) {
                return true;
            }
            field.clear();
        }
        if (field.size() + line.size() <= longestQuotedField) {
            field += line;
        }
    }
    return isQuotedReceived(field) && quotesRelay(field);
}

int BounceEvals::comesFromOurRelays(Scan &scan) const
{
    if (m_relays.isEmpty()) {
        return 0;
    }
    for (const QByteArray &line : scan.text().body()) {
        if (isQuotedReceived(line) && quotesRelay(line)) {
            return 1;
        }
    }
    return quotesRelayInLines(scan.text().pristineBody()) ? 1 : 0;
}

}  // namespace portcullis::spam
