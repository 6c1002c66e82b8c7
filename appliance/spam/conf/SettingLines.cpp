// SPDX-License-Identifier: GPL-2.0-or-later
// Lines about tests that others define, about plugins, and directives.
#include "appliance/spam/conf/Capabilities.h"
#include "appliance/spam/conf/DirectiveTable.h"
#include "appliance/spam/conf/MetaExpression.h"
#include "appliance/spam/conf/RuleParser.h"
#include "appliance/spam/conf/Spelling.h"

#include <algorithm>

namespace portcullis::spam {

namespace {

constexpr int shortcircuitPriority = -200;

struct ScoreText {
    double points = 0;
    bool isRelative = false;
};

/// "1.5", "-3", "(0.5)"; relative ones stand in parentheses.
std::optional<ScoreText> scoreText(QByteArray text)
{
    ScoreText score;
    if (text.startsWith('(') && text.endsWith(')')) {
        score.isRelative = true;
        text = text.mid(1, text.size() - 2);
    }
    const QByteArray digits = text.startsWith('-') ? text.mid(1) : text;
    const bool isPlain = !digits.isEmpty() && digits.back() != '.' && digits.front() != '.'
                         && std::all_of(digits.begin(), digits.end(),
                                        [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
    bool isNumber = false;
    score.points = text.toDouble(&isNumber);
    return isPlain && isNumber ? std::optional(score) : std::nullopt;
}

/// A value with its first word cut off.
struct NamedValue {
    QByteArray name;
    QByteArray rest;
};

NamedValue cutName(const QByteArray &value)
{
    qsizetype end = 0;
    while (end < value.size() && !QByteArrayView(" \t\r\f\v").contains(value[end])) {
        ++end;
    }
    return {value.left(end), value.mid(end).trimmed()};
}

}  // namespace

void RuleParser::broken(const QByteArray &subject, const QByteArray &reason)
{
    report(Problem::Severity::Error, subject, reason);
}

void RuleParser::scoreLine(const QByteArray &keyword, const Value &value)
{
    const QList<QByteArray> words = value.simplified().split(' ');
    if (words.size() != 2 && words.size() != 1 + scoreSets) {
        return broken(keyword, "expected a test and one or four scores");
    }
    const QByteArray &name = words.first();
    std::array<double, scoreSets> scores{};
    bool isRelative = false;
    for (int set = 0; set < scoreSets; ++set) {
        const std::optional<ScoreText> score = scoreText(words[words.size() == 2 ? 1 : 1 + set]);
        if (!score) {
            return broken(name, "'" + words[words.size() == 2 ? 1 : 1 + set] + "' is not a score");
        }
        scores[static_cast<size_t>(set)] = score->points;
        isRelative = isRelative || score->isRelative;
    }
    if (isRelative) {
        const auto before = m_scores.constFind(name);
        if (before == m_scores.constEnd()) {
            return broken(name, "a relative score needs a score line before it");
        }
        for (size_t set = 0; set < scores.size(); ++set) {
            scores[set] += (*before)[set];
        }
    }
    m_scores.insert(name, scores);
    mention(keyword, name);
}

void RuleParser::describeLine(const QByteArray &keyword, const Value &value)
{
    const NamedValue line = cutName(value);
    if (line.rest.isEmpty()) {
        return broken(keyword, "expected a test and its description");
    }
    m_descriptions.insert(line.name, line.rest);
    mention(keyword, line.name);
}

void RuleParser::flagsLine(const QByteArray &keyword, const Value &value)
{
    const NamedValue line = cutName(value);
    if (line.rest.isEmpty()) {
        return broken(keyword, "expected a test and its flags");
    }
    const QList<QByteArray> words = line.rest.toLower().simplified().split(' ');
    m_flags.insert(line.name, {words.begin(), words.end()});
    mention(keyword, line.name);
}

void RuleParser::priorityLine(const QByteArray &keyword, const Value &value)
{
    const NamedValue line = cutName(value);
    bool isNumber = false;
    const int priority = line.rest.toInt(&isNumber);
    if (!isTestName(line.name) || !isNumber) {
        return broken(keyword, "expected a test and a whole number");
    }
    m_priorities.insert(line.name, priority);
    mention(keyword, line.name);
}

void RuleParser::replaceLine(const QByteArray &keyword, const Value &value)
{
    if (!hasPlugin("ReplaceTags")) {
        return report(Problem::Severity::Warning, keyword, "the plugin ReplaceTags is not loaded");
    }
    const NamedValue line = cutName(value);
    if (line.name.isEmpty()) {
        return broken(keyword, "a value is missing");
    }
    if (keyword == "replace_start") {
        m_tags.start = value;
    } else if (keyword == "replace_end") {
        m_tags.end = value;
    } else if (keyword == "replace_rules") {
        for (const QByteArray &name : value.simplified().split(' ')) {
            m_tags.rules.push_back(name);
        }
    } else if (line.rest.isEmpty()) {
        broken(keyword, "expected a name and what it stands for");
    } else if (keyword == "replace_tag") {
        m_tags.tags.insert(line.name, line.rest);
    } else if (keyword == "replace_pre") {
        m_tags.before.insert(line.name, line.rest);
    } else if (keyword == "replace_post") {
        m_tags.after.insert(line.name, line.rest);
    } else {
        m_tags.between.insert(line.name, line.rest);
    }
}

/// "shortcircuit TEST ham|spam|on|off": also a matter of the test's priority and flags.
void RuleParser::shortcircuitLine(const QByteArray &keyword, const Value &value)
{
    const NamedValue line = cutName(value);
    const bool isHam = line.rest == "ham";
    if (!isHam && line.rest != "spam" && line.rest != "on" && line.rest != "off") {
        return broken(keyword, "expected a test and one of ham, spam, on, off");
    }
    directiveLine(keyword, value);
    if (hasPlugin("Shortcircuit") && (isHam || line.rest == "spam")) {
        if (m_priorities.value(line.name) == 0) {
            m_priorities.insert(line.name, shortcircuitPriority);
        }
        std::vector<QByteArray> &flags = m_flags[line.name];
        if (isHam) {
            flags.emplace_back("nice");
        }
        flags.emplace_back("noautolearn");
    }
}

void RuleParser::loadPlugin(const QByteArray &package)
{
    if (!m_plugins.contains(package)) {
        m_plugins.insert(package);
        m_set.plugins.push_back(package);
    }
}

void RuleParser::pluginLine(const QByteArray &keyword, const Value &value)
{
    const NamedValue line = cutName(value);
    const QByteArray package = newestPlugin(line.name);
    if (package.isEmpty()) {
        return broken(keyword, "the name of a plugin is missing");
    }
    if (isKnownPlugin(package)) {
        return loadPlugin(package);
    }
    report(keyword == "tryplugin" ? Problem::Severity::Info : Problem::Severity::Warning, package,
           "Perl plugins other than those of SpamAssassin itself cannot be loaded");
}

void RuleParser::compatibilityLine(const QByteArray &keyword, const Value &value)
{
    if (value.isEmpty()) {
        return broken(keyword, "a value is missing");
    }
    m_compatibilities.insert(value);
}

void RuleParser::versionLine(const QByteArray &keyword, const Value &value)
{
    if (value == "@@VERSION@@" || value == engineVersion) {
        return;
    }
    broken(keyword, "the file is for version " + value + " of SpamAssassin, not for "
                        + engineVersion + "; the rest of it is left out");
    m_place.isSkipping = true;
}

/// blocklist_uri_host and welcomelist_uri_host are short for lists that have names.
void RuleParser::hostListLine(const QByteArray &keyword, const Value &value)
{
    if (value.isEmpty()) {
        return broken(keyword, "a value is missing");
    }
    const QByteArray list = keyword.startsWith("blocklist") ? "(BLOCK) " : "(WELCOME) ";
    directiveLine("enlist_uri_host", list + value);
}

void RuleParser::ignoredLine(const QByteArray &, const Value &) {}

void RuleParser::directiveLine(const QByteArray &keyword, const Value &value)
{
    if (m_directives.takeBack(keyword, value)) {
        return;
    }
    const DirectiveKind *kind = findDirective(keyword);
    if (!kind && keyword != "shortcircuit") {
        const QByteArray hint = mayHint()
                                    ? spellingHint(keyword, directiveNames() + handlers().keys())
                                    : QByteArray();
        return broken(keyword, "there is no such directive" + hint);
    }
    const QByteArray plugins = kind ? kind->plugin : "Shortcircuit";
    if (!plugins.isEmpty()) {
        const QList<QByteArray> names = plugins.split('|');
        if (std::none_of(names.begin(), names.end(),
                         [this](const QByteArray &name) { return hasPlugin(name.constData()); })) {
            return report(Problem::Severity::Warning, keyword,
                          "the plugin " + names.first() + " is not loaded");
        }
    }
    if (kind && !fitsShape(kind->shape, value)) {
        return broken(keyword, value.isEmpty() ? QByteArray("a value is missing")
                                               : "'" + value.left(80) + "' is not a valid value");
    }
    if (isWithoutEffect(keyword) && !m_place.path.startsWith(m_sources.stock)
        && !m_place.path.startsWith(m_sources.updates)) {
        report(Problem::Severity::Info, keyword, "is about SpamAssassin's own programs: no effect");
    }
    if (!m_directives.add(keyword, value, m_place.origin)) {
        broken(keyword, "there are too many directives");
    }
}

}  // namespace portcullis::spam
