// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/conf/EvalArguments.h"

#include <QtCore/QSet>

#include <cctype>

namespace portcullis::spam {

namespace {

bool isArgumentWord(char c)
{
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

qsizetype afterSpace(QByteArrayView text, qsizetype at)
{
    while (at < text.size() && std::isspace(static_cast<unsigned char>(text[at])) != 0) {
        ++at;
    }
    return at;
}

/// Where the next argument begins, if only space, a comma or the end follows `at`; -1: something else.
qsizetype afterArgument(QByteArrayView text, qsizetype at)
{
    at = afterSpace(text, at);
    if (at == text.size()) {
        return at;
    }
    return text[at] == ',' ? afterSpace(text, at + 1) : -1;
}

/// Reads one argument at `at`; moves behind it and its comma. False: not an argument.
bool takeArgument(QByteArrayView text, qsizetype &at, QByteArray &argument)
{
    const char first = text[at];
    if (first == '\'' || first == '"') {
        // The first quote that a comma or the end follows: quotes within an argument are text.
        for (qsizetype end = at + 1; end < text.size(); ++end) {
            if (text[end] != first) {
                continue;
            }
            if (const qsizetype next = afterArgument(text, end + 1); next >= 0) {
                argument = text.sliced(at + 1, end - at - 1).toByteArray();
                at = next;
                return true;
            }
        }
        return false;
    }
    qsizetype end = at;
    while (end < text.size()
           && ((isArgumentWord(text[end]) && text[end] != '_')
               || QByteArrayView(".:-").contains(text[end]))) {
        ++end;
    }
    const qsizetype next = end == at ? -1 : afterArgument(text, end);
    if (next < 0) {
        return false;
    }
    argument = text.sliced(at, end - at).toByteArray();
    at = next;
    return true;
}

/// The end of a regex literal at `at` that space or the end of the text follows; -1: none.
qsizetype endOfLiteral(QByteArrayView text, qsizetype at)
{
    qsizetype open = at;
    if (text[at] == 'm') {
        ++open;
    } else if (text[at] != '/') {
        return -1;
    }
    if (open >= text.size() || isArgumentWord(text[open])) {
        return -1;
    }
    for (qsizetype end = open + 1; end < text.size(); ++end) {
        if (text[end] != text[open]) {
            continue;
        }
        qsizetype after = end + 1;
        while (after < text.size() && QByteArrayView("imsx").contains(text[after])) {
            ++after;
        }
        if (after == text.size() || std::isspace(static_cast<unsigned char>(text[after])) != 0) {
            return after;
        }
    }
    return -1;
}

const QSet<QByteArray> &recordTypes()
{
    static const QSet<QByteArray> types{
        "ANY",   "A",     "AAAA", "MX",  "TXT",      "PTR",  "NAPTR", "NS",    "SOA",       "CERT",
        "CNAME", "DNAME", "HIP",  "URI", "DHCID",    "RP",   "HINFO", "KX",    "LOC",       "MINFO",
        "SRV",   "SSHFP", "SPF",  "CAA", "IPSECKEY", "GPOS", "TLSA",  "CSYNC", "OPENPGPKEY"};
    return types;
}

}  // namespace

std::optional<EvalCall> readEvalCall(QByteArrayView text)
{
    text = text.trimmed();
    qsizetype at = 0;
    while (at < text.size() && isArgumentWord(text[at])) {
        ++at;
    }
    if (at == 0 || at >= text.size() || text[at] != '(' || !text.endsWith(')')) {
        return std::nullopt;
    }
    EvalCall call{text.first(at).toByteArray(), {}};
    const QByteArrayView inner = text.sliced(at + 1, text.size() - at - 2);
    at = afterSpace(inner, 0);
    while (at < inner.size()) {
        QByteArray argument;
        if (!takeArgument(inner, at, argument)) {
            return std::nullopt;
        }
        call.arguments.push_back(argument);
    }
    return call;
}

std::vector<UriDetailPart> cutUriDetail(QByteArrayView text)
{
    std::vector<UriDetailPart> parts;
    qsizetype at = 0;
    while (at + 1 < text.size()) {
        const bool isOperator = (text[at] == '=' || text[at] == '!') && text[at + 1] == '~';
        if (!isOperator) {
            ++at;
            continue;
        }
        qsizetype keyEnd = at;
        while (keyEnd > 0 && std::isspace(static_cast<unsigned char>(text[keyEnd - 1])) != 0) {
            --keyEnd;
        }
        qsizetype keyStart = keyEnd;
        while (keyStart > 0 && isArgumentWord(text[keyStart - 1])) {
            --keyStart;
        }
        const qsizetype open = afterSpace(text, at + 2);
        const qsizetype end = open < text.size() ? endOfLiteral(text, open) : -1;
        if (end < 0 || keyStart == keyEnd) {
            at += 2;
            continue;
        }
        parts.push_back({text.sliced(keyStart, keyEnd - keyStart).toByteArray(), text[at] == '!',
                         text.sliced(open, end - open).toByteArray()});
        at = end;
    }
    return parts;
}

std::optional<AskDnsTest> readAskDns(const QByteArray &text)
{
    const auto nextWord = [&text](qsizetype from) {
        qsizetype end = from;
        while (end < text.size() && std::isspace(static_cast<unsigned char>(text[end])) == 0) {
            ++end;
        }
        return text.mid(from, end - from);
    };
    AskDnsTest test;
    test.query = nextWord(0);
    qsizetype at = afterSpace(text, test.query.size());
    const QByteArray types = at < text.size() ? nextWord(at) : QByteArray("A");
    for (const QByteArray &type : types.toUpper().split(',')) {
        if (!recordTypes().contains(type)) {
            return std::nullopt;
        }
        test.types.push_back(type);
    }
    at = afterSpace(text, qMin(text.size(), at + types.size()));
    if (at < text.size()) {
        test.subtest = text.mid(at);
    }
    return test;
}

}  // namespace portcullis::spam
