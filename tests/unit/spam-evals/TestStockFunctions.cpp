// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/assembly/StandardModules.h"
#include "appliance/spam/conf/RuleReader.h"

#include <QtCore/QFileInfo>
#include <QtCore/QSet>
#include <QtTest/QTest>

#include <map>

namespace portcullis::spam {

namespace {

/// Functions that other parts of the engine offer than the standard modules, and which.
const std::map<QByteArray, const char *> &functionsOfOthers()
{
    static const std::map<QByteArray, const char *> functions{
        {"check_bayes", "bayes"},
        {"check_from_in_auto_welcomelist", "reputation"},
        {"check_from_in_auto_whitelist", "reputation"},
        {"check_rbl", "network"},
        {"check_rbl_sub", "network"},
        {"check_rbl_txt", "network"},
        {"check_dns_sender", "network"},
        {"check_uridnsbl", "network"},
        {"check_hashbl_bodyre", "network"},
        {"check_razor2", "network"},
        {"check_razor2_range", "network"},
        {"check_pyzor", "network"},
    };
    return functions;
}

}  // namespace

/// Every eval function that a stock rule names is offered by somebody. The names of those who offer it are
/// the modules' own: EvalModule::plugin().
class TestStockFunctions : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void everyFunctionIsOffered()
    {
        const RuleSources sources;
        if (!QFileInfo::exists(sources.stock + QStringLiteral("/20_head_tests.cf"))) {
            QSKIP("SpamAssassin's rules are not installed");
        }
        const RuleSet rules = readRules(sources);
        QSet<QByteArray> offered;
        for (const auto &module : localModules()) {
            for (const EvalModule::Entry &entry : module->functions()) {
                QVERIFY2(!offered.contains(entry.name), entry.name);
                offered.insert(entry.name);
            }
        }
        QSet<QByteArray> missing;
        QSet<QByteArray> asked;
        for (const Test &test : rules.tests) {
            const EvalCall *call = std::get_if<EvalCall>(&test.body);
            if (!call) {
                continue;
            }
            asked.insert(call->function);
            if (!offered.contains(call->function)
                && !functionsOfOthers().contains(call->function)) {
                missing.insert(call->function);
            }
        }
        QVERIFY(asked.size() > 100);
        QVERIFY2(missing.isEmpty(), missing.values().join(' ').constData());
    }
};

}  // namespace portcullis::spam

QTEST_GUILESS_MAIN(portcullis::spam::TestStockFunctions)
#include "TestStockFunctions.moc"
