// SPDX-License-Identifier: GPL-2.0-or-later
// The public SPF test suites, through the whole path: client, worker program, a resolver.
#include "appliance/policy/spf/SpfClient.h"
#include "tests/support/zone/ZoneResolver.h"
#include "tests/unit/spf/SpfSuite.h"

#include <QtTest/QtTest>

#include <algorithm>
#include <map>
#include <optional>

namespace portcullis::policy::spf {

class TestSpfSuites final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void rfc7208_data() { load("rfc7208-tests.yml", 203); }
    void rfc7208() { check({}); }
    void rfc4408_data() { load("rfc4408-tests.yml", 1); }
    void rfc4408() { check({}); }
    void pyspf_data() { load("pyspf-extra-tests.yml", 1); }
    void pyspf();

private:
    using Deviations = std::map<QByteArray, const char *>;

    void load(const char *file, size_t fewest);
    void check(const Deviations &deviations);

    std::vector<test::SpfCase> m_cases;
};

namespace {

QString suitePath(const char *file)
{
    const QString folder = qEnvironmentVariable(
        "PORTCULLIS_CORPORA", QStringLiteral(PORTCULLIS_SOURCE_DIR "/../shared/corpora"));
    return folder + QStringLiteral("/auth/spf/") + QString::fromLatin1(file);
}

verdict::SpfFinding findingFor(const test::SpfCase &given)
{
    SpfClient client(*given.zone, {});
    const QByteArray sender = QByteArray::fromStdString(given.mailfrom);
    const qsizetype at = sender.lastIndexOf('@');
    SpfIdentity identity{sender.left(std::max<qsizetype>(0, at)), sender.mid(at + 1), false};
    if (sender.isEmpty()) {
        identity = {"postmaster", QByteArray::fromStdString(given.helo), true};
    }
    std::optional<verdict::SpfFinding> found;
    QEventLoop loop;  // QTest::qWaitFor() would sleep ten milliseconds for each case
    client.check(QHostAddress(QString::fromStdString(given.host)),
                 QByteArray::fromStdString(given.helo), identity, &loop,
                 [&](const verdict::SpfFinding &finding) {
                     found = finding;
                     loop.quit();
                 });
    QTimer::singleShot(15'000, &loop, &QEventLoop::quit);
    loop.exec();
    if (!found) {
        qFatal("no answer");
    }
    return *found;
}

}  // namespace

void TestSpfSuites::load(const char *file, size_t fewest)
{
    QTest::addColumn<int>("index");
    const QString path = suitePath(file);
    if (!QFile::exists(path)) {
        m_cases.clear();
        QTest::newRow("suite missing") << -1;
        return;
    }
    m_cases = test::readSpfSuite(path);
    if (m_cases.size() < fewest) {
        qFatal("%s holds %zu cases only", file, m_cases.size());
    }
    for (size_t i = 0; i < m_cases.size(); ++i) {
        QTest::newRow(m_cases[i].name.c_str()) << static_cast<int>(i);
    }
}

void TestSpfSuites::check(const Deviations &deviations)
{
    QFETCH(int, index);
    if (index < 0) {
        QSKIP("the public SPF suites are not here (PORTCULLIS_CORPORA)");
    }
    const test::SpfCase &given = m_cases[static_cast<size_t>(index)];
    const verdict::SpfFinding finding = findingFor(given);
    const QByteArray result = QByteArray(verdict::nameOf(finding.result)).toLower();
    const bool isRight = std::find(given.results.begin(), given.results.end(), result.toStdString())
                         != given.results.end();
    const QByteArray story = "got " + result + " (" + finding.mechanism + finding.problem
                             + "), expected " + QByteArray::fromStdString(given.results.front());
    // A listed deviation that is none any more fails the test.
    if (const auto listed = deviations.find(QTest::currentDataTag()); listed != deviations.end()) {
        QEXPECT_FAIL("", listed->second, Abort);
    }
    QVERIFY2(isRight, story.constData());
    if (given.hasExplanation && given.explanation == "DEFAULT") {
        QVERIFY2(!finding.explanation.contains(" explains: "), finding.explanation.constData());
        QVERIFY(!finding.explanation.isEmpty());
    } else if (given.hasExplanation) {
        QCOMPARE(finding.explanation,
                 finding.domain + " explains: " + QByteArray::fromStdString(given.explanation));
    }
}

void TestSpfSuites::pyspf()
{
    const char *reason = "pyspf gives default= a meaning that RFC 7208 section 6 does not know";
    check({{"scenario 4/default-modifier", reason}, {"scenario 4/default-modifier-harsh", reason}});
}

}  // namespace portcullis::policy::spf

QTEST_GUILESS_MAIN(portcullis::policy::spf::TestSpfSuites)
#include "tst_spfsuites.moc"
