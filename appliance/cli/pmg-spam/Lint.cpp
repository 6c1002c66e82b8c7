// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/cli/pmg-spam/Lint.h"

#include "appliance/cli/support/Terminal.h"
#include "appliance/spam/assembly/GatewayModules.h"

#include <algorithm>
#include <chrono>

namespace portcullis::cli::spamrules {

namespace {

using Severity = spam::Problem::Severity;

constexpr int maxReason = 400;

QString severityName(Severity severity)
{
    switch (severity) {
    case Severity::Info:
        return QStringLiteral("info");
    case Severity::Warning:
        return QStringLiteral("warning");
    case Severity::Error:
        return QStringLiteral("error");
    }
    return {};
}

QString lineOf(const spam::Problem &problem)
{
    QString text;
    if (!problem.origin.file.isEmpty()) {
        text = QString::fromUtf8(problem.origin.file) + QLatin1Char(':');
    }
    if (problem.origin.line > 0) {
        text += QString::number(problem.origin.line) + QLatin1Char(':');
    }
    text += (text.isEmpty() ? QString() : QStringLiteral(" ")) + severityName(problem.severity)
            + QStringLiteral(": ");
    if (!problem.subject.isEmpty()) {
        text += QString::fromUtf8(problem.subject) + QStringLiteral(": ");
    }
    return printable(text + QString::fromUtf8(problem.reason), maxReason) + QLatin1Char('\n');
}

/// Tests of the network and of what was learnt as well, whether they are on or not. Nobody is asked.
spam::RuleOrigin withEverything(spam::RuleOrigin origin)
{
    spam::GatewayLinks links;
    links.usesNetwork = true;
    links.usesBayes = true;
    links.usesReputation = true;
    links.learns = false;
    origin.furtherModules = spam::gatewayModules(links);
    origin.settings.usesNetwork = true;
    origin.settings.usesBayes = true;
    origin.sources.isLocalOnly = false;
    origin.learnt = nullptr;
    return origin;
}

void printSummary(const spam::RuleSet &rules, std::chrono::milliseconds time)
{
    for (const QByteArray &file : rules.files) {
        print(QStringLiteral("read %1\n").arg(QString::fromUtf8(file)));
    }
    for (const QByteArray &plugin : rules.plugins) {
        print(QStringLiteral("plugin %1\n").arg(QString::fromUtf8(plugin)));
    }
    print(QStringLiteral("%1 tests, %2 files, %3 plugins; read and compiled in %4 ms\n")
              .arg(rules.tests.size())
              .arg(rules.files.size())
              .arg(rules.plugins.size())
              .arg(time.count()));
}

}  // namespace

int lint(const spam::RuleOrigin &given, Detail detail)
{
    const spam::RuleOrigin origin = withEverything(given);
    const auto start = std::chrono::steady_clock::now();
    const auto compiled = spam::loadRules(origin);
    const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - start);
    int errors = 0;
    int warnings = 0;
    for (const spam::Problem &problem : spam::problemsOf(*compiled)) {
        errors += problem.severity == Severity::Error ? 1 : 0;
        warnings += problem.severity == Severity::Warning ? 1 : 0;
        if (problem.severity != Severity::Info || detail == Detail::Everything) {
            print(lineOf(problem));
        }
    }
    if (detail == Detail::Everything) {
        printSummary(compiled->rules(), time);
    }
    if (errors + warnings > 0) {
        print(QStringLiteral("%1 errors, %2 warnings\n").arg(errors).arg(warnings));
    }
    return errors > 0 ? Failure : Success;
}

}  // namespace portcullis::cli::spamrules
