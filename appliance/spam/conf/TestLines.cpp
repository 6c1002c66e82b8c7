// SPDX-License-Identifier: GPL-2.0-or-later
// Lines that define a test: header, body, rawbody, uri, full, meta, mimeheader, uri_detail, askdns, reuse.
#include "appliance/spam/conf/EvalArguments.h"
#include "appliance/spam/conf/MetaExpression.h"
#include "appliance/spam/conf/RegexText.h"
#include "appliance/spam/conf/RuleParser.h"

#include <QtCore/QSet>

#include <cctype>

namespace portcullis::spam {

namespace {

constexpr qsizetype longestTestName = 100;  // SpamAssassin refuses longer ones
constexpr qsizetype advisableTestName = 40;
constexpr int capturePriority = -10'000;  // tests whose captures others need run first

bool isHeaderCharacter(char c)
{
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '-';
}

bool isSpaceCharacter(char c)
{
    return std::isspace(static_cast<unsigned char>(c)) != 0;
}

/// "Subject", "From:addr", "From:name:raw", "Subject:" as a query; nullopt: not one.
std::optional<HeaderQuery> headerQuery(QByteArrayView text)
{
    qsizetype end = 0;
    while (end < text.size() && isHeaderCharacter(text[end])) {
        ++end;
    }
    HeaderQuery query;
    query.name = text.first(end).toByteArray();
    const QByteArray modifiers = text.sliced(end).toByteArray();
    if (query.name.isEmpty() || (!modifiers.isEmpty() && modifiers[0] != ':')) {
        return std::nullopt;
    }
    static const QHash<QByteArray, bool HeaderQuery::*> known{
        {"raw", &HeaderQuery::isRaw},        {"addr", &HeaderQuery::isAddress},
        {"name", &HeaderQuery::isName},      {"first", &HeaderQuery::isFirst},
        {"last", &HeaderQuery::isLast},      {"host", &HeaderQuery::isHost},
        {"domain", &HeaderQuery::isDomain},  {"ip", &HeaderQuery::isIp},
        {"revip", &HeaderQuery::isReverseIp}};
    if (modifiers.isEmpty() || modifiers == ":") {
        return query;
    }
    const QList<QByteArray> words = modifiers.mid(1).split(':');
    if (words.size() > 2) {
        return std::nullopt;
    }
    for (const QByteArray &word : words) {
        const auto flag = known.find(word);
        if (flag == known.end()) {
            return std::nullopt;
        }
        query.*flag.value() = true;
    }
    return query;
}

/// "HEADER =~ /regex/ [if-unset: X]", cut into its parts.
struct HeaderParts {
    QByteArray header;
    bool isNegated = false;
    QByteArray pattern;
    std::optional<QByteArray> ifUnset;
};

std::optional<HeaderParts> cutHeaderTest(QByteArrayView text)
{
    HeaderParts parts;
    qsizetype at = 0;
    while (at + 1 < text.size() && !((text[at] == '=' || text[at] == '!') && text[at + 1] == '~')) {
        ++at;
    }
    if (at + 2 >= text.size()) {
        return std::nullopt;
    }
    parts.header = text.first(at).trimmed().toByteArray();
    parts.isNegated = text[at] == '!';
    parts.pattern = text.sliced(at + 2).trimmed().toByteArray();
    static constexpr char unset[] = "[if-unset:";
    const qsizetype bracket = parts.pattern.lastIndexOf(unset);
    if (bracket > 0 && parts.pattern.endsWith(']')
        && isSpaceCharacter(parts.pattern[bracket - 1])) {
        const qsizetype from = bracket + static_cast<qsizetype>(qstrlen(unset));
        parts.ifUnset = parts.pattern.mid(from, parts.pattern.size() - 1 - from).trimmed();
        parts.pattern = parts.pattern.left(bracket).trimmed();
    }
    return parts;
}

TestKind textKind(const QByteArray &keyword)
{
    if (keyword == "body") {
        return TestKind::Body;
    }
    if (keyword == "rawbody") {
        return TestKind::RawBody;
    }
    return keyword == "uri" ? TestKind::Uri : TestKind::Full;
}

TestKind evalKind(TestKind kind)
{
    if (kind == TestKind::Body) {
        return TestKind::BodyEval;
    }
    return kind == TestKind::RawBody ? TestKind::RawBodyEval : TestKind::FullEval;
}

}  // namespace

/// Cuts the name off and checks that something follows.
bool RuleParser::takesName(const QByteArray &keyword,
                           const Value &value,
                           QByteArray &name,
                           QByteArray &rest)
{
    qsizetype end = 0;
    while (end < value.size() && !isSpaceCharacter(value[end])) {
        ++end;
    }
    name = value.left(end);
    rest = value.mid(end).trimmed();
    if (name.isEmpty() || rest.isEmpty()) {
        broken(name.isEmpty() ? keyword : name, "the line ends too early");
        return false;
    }
    return true;
}

bool RuleParser::mayDefine(const QByteArray &name)
{
    if (!isTestName(name)) {
        broken(name, "a name of a test has letters, digits and '_', and no digit in front");
        return false;
    }
    if (name.size() > longestTestName) {
        broken(name, "the name is longer than 100 characters");
        return false;
    }
    if (!m_index.contains(name) && m_set.tests.size() >= m_limits.tests) {
        broken(name, "there are too many tests");
        return false;
    }
    if (name.size() > advisableTestName && !name.startsWith("__") && !name.startsWith("T_")) {
        report(Problem::Severity::Info, name, "the name is longer than 40 characters");
    }
    return true;
}

/// The test of this name, new or to be redefined: what other lines say about it stays.
Test &RuleParser::define(const QByteArray &name, TestKind kind)
{
    const auto known = m_index.constFind(name);
    if (known == m_index.constEnd()) {
        m_index.insert(name, static_cast<int>(m_set.tests.size()));
        m_set.tests.emplace_back();
    }
    Test &test = m_set.tests[static_cast<size_t>(m_index.value(name))];
    test.name = name;
    test.kind = kind;
    test.origin = m_place.origin;
    return test;
}

std::optional<Regex> RuleParser::regexOf(const QByteArray &name, QByteArrayView text)
{
    RegexReading reading = readRegex(text);
    if (!reading.regex) {
        broken(name, reading.error);
    } else if (!reading.warning.isEmpty()) {
        report(Problem::Severity::Warning, name, reading.warning);
    }
    return std::move(reading.regex);
}

void RuleParser::noteCaptures(const QByteArray &name, const Regex &regex)
{
    if (regex.capturesNames) {
        m_priorities[name] = capturePriority;
    }
}

void RuleParser::evalTest(TestKind kind, const QByteArray &name, QByteArrayView call)
{
    const std::optional<EvalCall> parsed = readEvalCall(call);
    if (!parsed) {
        return broken(name, "'" + call.toByteArray() + "' is not a call with quoted arguments");
    }
    if (kind == TestKind::HeaderEval
        && (parsed->function.startsWith("check_rbl") || parsed->function.startsWith("check_dns"))) {
        kind = TestKind::RblEval;
    }
    define(name, kind).body = *parsed;
}

void RuleParser::headerExistence(const QByteArray &name, QByteArrayView query)
{
    const std::optional<HeaderQuery> header = headerQuery(query);
    if (!header || query.first(query.size() - 1).contains(':')) {
        return broken(name, "'" + query.toByteArray() + "' is not the name of a header");
    }
    define(name, TestKind::Header).body = HeaderTest{*header, {}, false, std::nullopt, true};
}

void RuleParser::headerLine(const QByteArray &keyword, const Value &value)
{
    QByteArray name;
    QByteArray rest;
    if (!takesName(keyword, value, name, rest) || !mayDefine(name)) {
        return;
    }
    for (const char *prefix : {"eval:", "rbleval:"}) {
        if (rest.startsWith(prefix)) {
            return evalTest(TestKind::HeaderEval, name,
                            QByteArrayView(rest).sliced(qstrlen(prefix)));
        }
    }
    static constexpr char exists[] = "exists:";
    if (rest.startsWith(exists)) {
        return headerExistence(name, QByteArrayView(rest).sliced(qstrlen(exists)));
    }
    const std::optional<HeaderParts> parts = cutHeaderTest(rest);
    if (!parts) {
        return broken(name, "'=~' or '!~' and a regex are missing");
    }
    const std::optional<HeaderQuery> header = headerQuery(parts->header);
    if (!header) {
        return broken(name, "'" + parts->header + "' is no header, or a modifier is unknown");
    }
    const std::optional<Regex> regex = regexOf(name, parts->pattern);
    if (!regex) {
        return;
    }
    noteCaptures(name, *regex);
    define(name, TestKind::Header).body = HeaderTest{*header, *regex, parts->isNegated,
                                                     parts->ifUnset, false};
}

void RuleParser::textLine(const QByteArray &keyword, const Value &value)
{
    QByteArray name;
    QByteArray rest;
    if (!takesName(keyword, value, name, rest) || !mayDefine(name)) {
        return;
    }
    const TestKind kind = textKind(keyword);
    if (kind != TestKind::Uri && rest.startsWith("eval:")) {
        return evalTest(evalKind(kind), name, QByteArrayView(rest).sliced(5));
    }
    if (const std::optional<Regex> regex = regexOf(name, rest)) {
        noteCaptures(name, *regex);
        define(name, kind).body = TextTest{*regex};
    }
}

void RuleParser::metaLine(const QByteArray &keyword, const Value &value)
{
    QByteArray name;
    QByteArray rest;
    if (!takesName(keyword, value, name, rest) || !mayDefine(name)) {
        return;
    }
    MetaReading reading = readMeta(rest, m_limits);
    if (!reading.error.isEmpty()) {
        return broken(name, "invalid expression: " + reading.error);
    }
    define(name, TestKind::Meta).body = MetaTest{std::move(reading.steps), rest};
}

void RuleParser::mimeHeaderLine(const QByteArray &keyword, const Value &value)
{
    if (!hasPlugin("MIMEHeader")) {
        return report(Problem::Severity::Warning, keyword, "the plugin MIMEHeader is not loaded");
    }
    QByteArray name;
    QByteArray rest;
    if (!takesName(keyword, value, name, rest) || !mayDefine(name)) {
        return;
    }
    const std::optional<HeaderParts> parts = cutHeaderTest(rest);
    if (!parts) {
        return broken(name, "'=~' or '!~' and a regex are missing");
    }
    MimeHeaderTest test;
    test.header.name = parts->header;
    if (test.header.name.endsWith(":raw")) {
        test.header.name.chop(4);
        test.header.isRaw = true;
    } else if (test.header.name.endsWith(':')) {
        test.header.name.chop(1);
    }
    if (test.header.name.isEmpty() || test.header.name.contains(':')
        || test.header.name.contains(' ')) {
        return broken(name,
                      "'" + parts->header + "' is no header, or has another modifier than :raw");
    }
    const std::optional<Regex> regex = regexOf(name, parts->pattern);
    if (!regex) {
        return;
    }
    noteCaptures(name, *regex);
    test.regex = *regex;
    test.isNegated = parts->isNegated;
    test.ifUnset = parts->ifUnset;
    define(name, TestKind::MimeHeader).body = std::move(test);
}

void RuleParser::uriDetailLine(const QByteArray &keyword, const Value &value)
{
    if (!hasPlugin("URIDetail")) {
        return report(Problem::Severity::Warning, keyword, "the plugin URIDetail is not loaded");
    }
    QByteArray name;
    QByteArray rest;
    if (!takesName(keyword, value, name, rest) || !mayDefine(name)) {
        return;
    }
    static const QSet<QByteArray> keys{"raw", "type", "cleaned", "text", "domain", "host"};
    UriDetailTest test;
    for (const UriDetailPart &part : cutUriDetail(rest)) {
        if (!keys.contains(part.key)) {
            return broken(name, "'" + part.key + "' is no part of a URI");
        }
        const std::optional<Regex> regex = regexOf(name, part.pattern);
        if (!regex) {
            return;
        }
        // A key that is named again replaces the former condition.
        std::erase_if(test.conditions, [&part](const UriDetailTest::Condition &condition) {
            return condition.key == part.key;
        });
        test.conditions.push_back({part.key, *regex, part.isNegated});
    }
    if (test.conditions.empty()) {
        return broken(name, "there is no condition like: domain =~ /regex/");
    }
    define(name, TestKind::UriDetail).body = std::move(test);
}

void RuleParser::askDnsLine(const QByteArray &keyword, const Value &value)
{
    if (!hasPlugin("AskDNS")) {
        return report(Problem::Severity::Warning, keyword, "the plugin AskDNS is not loaded");
    }
    QByteArray name;
    QByteArray rest;
    if (!takesName(keyword, value, name, rest) || !mayDefine(name)) {
        return;
    }
    const std::optional<AskDnsTest> test = readAskDns(rest);
    if (!test) {
        return broken(name, "expected: query, record types, and perhaps what to look for");
    }
    if (test->subtest && test->subtest->startsWith('/') && !regexOf(name, *test->subtest)) {
        return;
    }
    define(name, TestKind::AskDns).body = *test;
}

void RuleParser::reuseLine(const QByteArray &keyword, const Value &value)
{
    const QByteArray name = value.simplified().split(' ').first();
    if (value.isEmpty() || !isTestName(name)) {
        return broken(keyword, "the name of a test is missing");
    }
    if (!m_index.contains(name) && mayDefine(name)) {
        define(name, TestKind::Empty);
    }
}

}  // namespace portcullis::spam
