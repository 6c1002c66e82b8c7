// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/conf/RuleParser.h"

#include "appliance/spam/conf/Capabilities.h"
#include "appliance/spam/conf/Condition.h"
#include "appliance/spam/conf/DirectiveTable.h"

#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QFileInfo>

#include <algorithm>

namespace portcullis::spam {

namespace {

/// Removes a comment; "\#" is a '#' of the text.
QByteArray withoutComment(QByteArrayView line)
{
    QByteArray text;
    text.reserve(line.size());
    for (qsizetype i = 0; i < line.size(); ++i) {
        if (line[i] == '#') {
            if (i == 0 || line[i - 1] != '\\') {
                break;
            }
            text.chop(1);
        }
        text += line[i];
    }
    return text;
}

}  // namespace

RuleParser::RuleParser(const RuleSources &sources, const RuleLimits &limits)
    : m_sources(sources)
    , m_limits(limits)
    , m_directives(limits.directives)
{
}

void RuleParser::report(Problem::Severity severity,
                        const QByteArray &subject,
                        const QByteArray &reason)
{
    if (m_set.problems.size() >= m_limits.problems) {
        ++m_droppedProblems;
        return;
    }
    m_set.problems.push_back({severity, m_place.origin, subject, reason});
}

void RuleParser::readFile(const QString &path)
{
    if (m_filesRead.contains(path)) {
        return;
    }
    m_filesRead.insert(path);
    const QByteArray name = QFile::encodeName(path);
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly)) {
        return report(Problem::Severity::Error, name,
                      "cannot be read: " + file.errorString().toUtf8());
    }
    if (file.size() > m_limits.fileBytes) {
        return report(Problem::Severity::Error, name, "is larger than a rule file may be");
    }
    const QByteArray text = file.read(m_limits.fileBytes);
    const Place before = m_place;
    m_place = Place{{}, path, {}, false};
    readText(text, name);
    m_place = before;
}

void RuleParser::readText(const QByteArray &text, const QByteArray &name)
{
    m_place.origin = {name, 0};
    m_set.files.push_back(name);
    QByteArrayView rest = text;
    if (rest.startsWith("\xEF\xBB\xBF")) {
        rest = rest.sliced(3);
    }
    while (!rest.isEmpty()) {
        const qsizetype end = rest.indexOf('\n');
        const QByteArrayView line = end < 0 ? rest : rest.first(end);
        rest = end < 0 ? QByteArrayView() : rest.sliced(end + 1);
        ++m_place.origin.line;
        if (line.size() > m_limits.lineBytes) {
            report(Problem::Severity::Error, {}, "the line is too long");
        } else {
            readLine(line);
        }
    }
    for (const OpenCondition &condition : m_place.conditions) {
        m_place.origin.line = condition.line;
        report(Problem::Severity::Error, condition.keyword, "is not closed by 'endif'");
    }
    m_place.conditions.clear();
    m_place.isSkipping = false;
}

/// "lang xx …": whether the line is for other languages. Otherwise leaves what follows.
bool RuleParser::skipsLanguage(QByteArrayView &line) const
{
    if (!line.startsWith("lang ") && !line.startsWith("lang\t")) {
        return false;
    }
    const QByteArrayView rest = line.sliced(5).trimmed();
    qsizetype end = 0;
    while (end < rest.size() && rest[end] != ' ' && rest[end] != '\t') {
        ++end;
    }
    line = rest.sliced(end).trimmed();
    return !m_sources.locale.toLower().startsWith(rest.first(end).toByteArray().toLower());
}

void RuleParser::readLine(QByteArrayView raw)
{
    QByteArrayView line = raw.trimmed();
    if (line.isEmpty()) {
        return;
    }
    QByteArray cleaned;
    if (line.contains('#')) {
        static constexpr char update[] = "# UPDATE version ";
        if (m_set.updateVersion.isEmpty() && line.startsWith(update)) {
            m_set.updateVersion = line.sliced(qstrlen(update)).toByteArray();
        }
        cleaned = withoutComment(line).trimmed();
        line = cleaned;
    }
    if (line.isEmpty() || skipsLanguage(line)) {
        return;
    }
    qsizetype end = 0;
    while (end < line.size() && !QByteArrayView(" \t\r\f\v").contains(line[end])) {
        ++end;
    }
    const QByteArray keyword = line.first(end).toByteArray().toLower().replace('-', '_');
    const Value value = line.sliced(end).trimmed().toByteArray();
    if (readCondition(keyword, value) || m_place.isSkipping) {
        return;
    }
    readStatement(keyword, value);
}

void RuleParser::readStatement(const QByteArray &keyword, const Value &value)
{
    const QByteArray name = newestName(keyword);
    if (const Handler handler = handlers().value(name, nullptr)) {
        (this->*handler)(name, value);
    } else {
        directiveLine(name, value);
    }
}

bool RuleParser::readCondition(const QByteArray &keyword, const Value &value)
{
    if (keyword == "if") {
        openCondition(keyword, value);
    } else if (keyword == "ifplugin") {
        openCondition(keyword, "plugin (" + value + ")");
    } else if (keyword == "else") {
        elseCondition(value);
    } else if (keyword == "endif") {
        closeCondition(value);
    } else {
        return false;
    }
    return true;
}

void RuleParser::openCondition(const QByteArray &keyword, const QByteArray &condition)
{
    m_place.conditions.push_back({keyword, m_place.origin.line, m_place.isSkipping});
    // As in SpamAssassin, a condition has one answer for a whole run: a plugin that is loaded after it
    // was first asked for stays unseen.
    auto known = m_knownConditions.find(condition);
    if (known == m_knownConditions.end()) {
        const ConditionFacts facts{
            [this](const QByteArray &package) {
                return m_plugins.contains(package)
                       || package == "Mail::SpamAssassin::Plugin::RaciallyCharged";
            },
            [this](const QByteArray &package, const QByteArray &name) {
                return isCapableOf(package, name);
            },
            m_sources.isLocalOnly};
        const ConditionResult result = evaluateCondition(condition, facts);
        if (!result.error.isEmpty()) {
            report(Problem::Severity::Error, keyword, "broken condition: " + result.error);
        }
        known = m_knownConditions.insert(condition, result.isTrue);
    }
    m_place.isSkipping = m_place.isSkipping || !*known;
}

void RuleParser::elseCondition(const Value &value)
{
    if (!value.isEmpty() || m_place.conditions.empty()) {
        return broken("else", value.isEmpty() ? "there is no 'if' before it"
                                              : "nothing may follow on the line");
    }
    const bool isSkippedAround = std::any_of(
        m_place.conditions.begin(), m_place.conditions.end(),
        [](const OpenCondition &condition) { return condition.wasSkipping; });
    m_place.isSkipping = isSkippedAround || !m_place.isSkipping;
}

void RuleParser::closeCondition(const Value &value)
{
    if (!value.isEmpty() || m_place.conditions.empty()) {
        return broken("endif", value.isEmpty() ? "there is no 'if' before it"
                                               : "nothing may follow on the line");
    }
    m_place.isSkipping = m_place.conditions.back().wasSkipping;
    m_place.conditions.pop_back();
}

void RuleParser::includeLine(const QByteArray &keyword, const Value &value)
{
    if (value.isEmpty()) {
        return broken(keyword, "the name of a file is missing");
    }
    if (m_includeDepth >= m_limits.includeDepth) {
        return broken(keyword, "too many files include each other");
    }
    const QFileInfo info(QFileInfo(m_place.path).dir(), QFile::decodeName(value));
    ++m_includeDepth;
    if (!info.isDir()) {
        readFile(info.filePath());
    } else {
        const QDir directory(info.filePath());
        for (const QString &name :
             directory.entryList({QStringLiteral("*.cf")}, QDir::Files, QDir::Name)) {
            readFile(directory.filePath(name));
        }
    }
    --m_includeDepth;
}

bool RuleParser::hasPlugin(const char *shortName) const
{
    return m_plugins.contains(QByteArrayLiteral("Mail::SpamAssassin::Plugin::") + shortName);
}

bool RuleParser::isCapableOf(const QByteArray &package, const QByteArray &name) const
{
    if (package == "Mail::SpamAssassin::Conf") {
        return name.startsWith("compat_") ? m_compatibilities.contains(name.mid(7))
                                          : isCapable(package, name);
    }
    return m_plugins.contains(package) && isCapable(package, name);
}

const QHash<QByteArray, RuleParser::Handler> &RuleParser::handlers()
{
    static const QHash<QByteArray, Handler> table{
        {"header", &RuleParser::headerLine},
        {"body", &RuleParser::textLine},
        {"rawbody", &RuleParser::textLine},
        {"uri", &RuleParser::textLine},
        {"full", &RuleParser::textLine},
        {"meta", &RuleParser::metaLine},
        {"mimeheader", &RuleParser::mimeHeaderLine},
        {"uri_detail", &RuleParser::uriDetailLine},
        {"askdns", &RuleParser::askDnsLine},
        {"reuse", &RuleParser::reuseLine},
        {"score", &RuleParser::scoreLine},
        {"describe", &RuleParser::describeLine},
        {"tflags", &RuleParser::flagsLine},
        {"priority", &RuleParser::priorityLine},
        {"replace_tag", &RuleParser::replaceLine},
        {"replace_pre", &RuleParser::replaceLine},
        {"replace_inter", &RuleParser::replaceLine},
        {"replace_post", &RuleParser::replaceLine},
        {"replace_start", &RuleParser::replaceLine},
        {"replace_end", &RuleParser::replaceLine},
        {"replace_rules", &RuleParser::replaceLine},
        {"shortcircuit", &RuleParser::shortcircuitLine},
        {"loadplugin", &RuleParser::pluginLine},
        {"tryplugin", &RuleParser::pluginLine},
        {"enable_compat", &RuleParser::compatibilityLine},
        {"require_version", &RuleParser::versionLine},
        {"blocklist_uri_host", &RuleParser::hostListLine},
        {"welcomelist_uri_host", &RuleParser::hostListLine},
        {"include", &RuleParser::includeLine},
        {"test", &RuleParser::ignoredLine},
        {"version_tag", &RuleParser::ignoredLine}};
    return table;
}

}  // namespace portcullis::spam
