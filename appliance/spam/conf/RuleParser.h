// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/conf/DirectiveStore.h"
#include "appliance/spam/conf/ReplaceTags.h"
#include "appliance/spam/conf/RuleReader.h"

#include <QtCore/QHash>
#include <QtCore/QSet>

#include <array>
#include <vector>

namespace portcullis::spam {

/// The lines of all files, in order, as they build up a RuleSet. Part of RuleReader.
class RuleParser
{
public:
    RuleParser(const RuleSources &sources, const RuleLimits &limits);

    void readFile(const QString &path);
    void readText(const QByteArray &text, const QByteArray &name);
    void loadPlugin(const QByteArray &package);
    void report(Problem::Severity severity, const QByteArray &subject, const QByteArray &reason);
    /// Scores, tags, priorities: what needs all lines. The parser is used up.
    [[nodiscard]] RuleSet finish();

private:
    using Value = QByteArray;
    using Handler = void (RuleParser::*)(const QByteArray &keyword, const Value &value);

    /// One `if` that is still open.
    struct OpenCondition {
        QByteArray keyword;
        int line = 0;
        bool wasSkipping = false;
    };

    /// A line about a test, such as its score.
    struct Mention {
        QByteArray keyword;
        Origin origin;
    };

    /// The file that is being read.
    struct Place {
        Origin origin;
        QString path;
        std::vector<OpenCondition> conditions;
        bool isSkipping = false;
    };

    // RuleParser.cpp: lines, conditions, files
    void readLine(QByteArrayView line);
    void readStatement(const QByteArray &keyword, const Value &value);
    bool readCondition(const QByteArray &keyword, const Value &value);
    void openCondition(const QByteArray &keyword, const QByteArray &condition);
    void elseCondition(const Value &value);
    void closeCondition(const Value &value);
    bool skipsLanguage(QByteArrayView &line) const;
    void includeLine(const QByteArray &keyword, const Value &value);
    static const QHash<QByteArray, Handler> &handlers();
    [[nodiscard]] bool hasPlugin(const char *shortName) const;
    [[nodiscard]] bool isCapableOf(const QByteArray &package, const QByteArray &name) const;

    // TestLines.cpp: lines that define a test
    void headerLine(const QByteArray &keyword, const Value &value);
    void textLine(const QByteArray &keyword, const Value &value);
    void metaLine(const QByteArray &keyword, const Value &value);
    void mimeHeaderLine(const QByteArray &keyword, const Value &value);
    void uriDetailLine(const QByteArray &keyword, const Value &value);
    void askDnsLine(const QByteArray &keyword, const Value &value);
    void reuseLine(const QByteArray &keyword, const Value &value);
    void headerExistence(const QByteArray &name, QByteArrayView query);
    void evalTest(TestKind kind, const QByteArray &name, QByteArrayView call);
    std::optional<Regex> regexOf(const QByteArray &name, QByteArrayView text);
    void noteCaptures(const QByteArray &name, const Regex &regex);
    bool takesName(const QByteArray &keyword,
                   const Value &value,
                   QByteArray &name,
                   QByteArray &rest);
    Test &define(const QByteArray &name, TestKind kind);
    bool mayDefine(const QByteArray &name);

    // MissingTests.cpp
    [[nodiscard]] bool isOfSite(const Origin &origin) const;
    void mention(const QByteArray &keyword, const QByteArray &name);
    [[nodiscard]] bool mayHint();
    [[nodiscard]] QByteArray hintForTest(const QByteArray &name);
    void reportMissingTests();
    void reportMissingParts(const Test &meta);

    // SettingLines.cpp: lines about tests, and directives
    void scoreLine(const QByteArray &keyword, const Value &value);
    void describeLine(const QByteArray &keyword, const Value &value);
    void flagsLine(const QByteArray &keyword, const Value &value);
    void priorityLine(const QByteArray &keyword, const Value &value);
    void replaceLine(const QByteArray &keyword, const Value &value);
    void shortcircuitLine(const QByteArray &keyword, const Value &value);
    void pluginLine(const QByteArray &keyword, const Value &value);
    void compatibilityLine(const QByteArray &keyword, const Value &value);
    void versionLine(const QByteArray &keyword, const Value &value);
    void hostListLine(const QByteArray &keyword, const Value &value);
    void ignoredLine(const QByteArray &keyword, const Value &value);
    void directiveLine(const QByteArray &keyword, const Value &value);
    void broken(const QByteArray &subject, const QByteArray &reason);

    // RuleFinish.cpp
    void expandTags();
    void expandTags(Test &test);
    void resolveScores(Test &test) const;
    void resolveMetas();
    void expandMatching(Test &test);
    void refuseCircles(const std::vector<std::vector<int>> &needed);
    void resolvePriorities(const std::vector<std::vector<int>> &needed);

    const RuleSources &m_sources;
    RuleLimits m_limits;
    RuleSet m_set;
    DirectiveStore m_directives;
    ReplaceTags m_tags;
    Place m_place;
    int m_includeDepth = 0;
    size_t m_droppedProblems = 0;
    size_t m_matchedNames = 0;
    QSet<QString> m_filesRead;
    QSet<QByteArray> m_plugins;
    QSet<QByteArray> m_compatibilities;
    QHash<QByteArray, bool> m_knownConditions;

    QHash<QByteArray, Mention> m_mentions;  ///< By test; the first of the site's files.
    int m_hints = 0;

    QHash<QByteArray, int> m_index;
    QHash<QByteArray, std::array<double, scoreSets>> m_scores;
    QHash<QByteArray, QByteArray> m_descriptions;
    QHash<QByteArray, std::vector<QByteArray>> m_flags;
    QHash<QByteArray, int> m_priorities;
};

}  // namespace portcullis::spam
