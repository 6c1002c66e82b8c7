// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/conf/RuleReader.h"
#include "appliance/spam/engine/CompiledRules.h"
#include "appliance/spam/engine/RuleScan.h"
#include "appliance/spam/network/FingerprintService.h"
#include "appliance/spam/network/FingerprintTests.h"

#include <QtCore/QFile>
#include <QtCore/QTemporaryDir>
#include <QtCore/QThread>
#include <QtTest/QtTest>

#include <functional>

using namespace portcullis;
using namespace portcullis::spam;
using namespace std::chrono_literals;

namespace {

/// Answers by what the message says; a file counts its starts.
constexpr auto residentProgram = R"(#!/usr/bin/python3
import sys, time
open("starts", "a").write("x")
print("ready", flush=True)
source = sys.stdin.buffer
while True:
    line = source.readline()
    if not line:
        break
    text = source.read(int(line))
    if b"HANG" in text:
        time.sleep(60)
    if b"DIE" in text:
        sys.exit(3)
    if b"FLOOD" in text:
        print("x" * 100000)
    elif b"NOBODY" in text:
        print("failed nobody is there")
    elif b"LISTED" in text:
        print("ok 1 4:95:0 8:60:0 8:100:1")
    else:
        print("ok 0 4:0:0")
    sys.stdout.flush()
)";

constexpr auto singleProgram = R"(#!/usr/bin/python3
import sys
text = sys.stdin.buffer.read()
count = 50 if b"LISTED" in text else 0
print("public.example:24441\t(200, 'OK')\t%d\t0" % count)
)";

constexpr auto rulesText = R"(
full LISTED eval:check_razor2()
tflags LISTED net
score LISTED 3
full SURE eval:check_razor2_range('', '51', '100')
tflags SURE net
full SURE_E8 eval:check_razor2_range('8', '51', '70')
tflags SURE_E8 net
full SURE_E5 eval:check_razor2_range('5', '0', '100')
tflags SURE_E5 net
full REPORTED eval:check_pyzor()
tflags REPORTED net
meta BOTH LISTED && REPORTED
razor_timeout 2
pyzor_timeout 3
use_razor2 1
use_pyzor 1
)";

/// A service in a thread of its own, as workers meet it: in another process.
class ServiceThread
{
public:
    ServiceThread(const FingerprintServiceSettings &settings, const QString &path)
    {
        m_thread.start();
        m_context.moveToThread(&m_thread);
        QMetaObject::invokeMethod(
            &m_context,
            [&] {
                m_service = std::make_unique<FingerprintService>(settings);
                m_listens = m_service->listen(path).has_value();
            },
            Qt::BlockingQueuedConnection);
    }
    ~ServiceThread()
    {
        QMetaObject::invokeMethod(
            &m_context, [this] { m_service.reset(); }, Qt::BlockingQueuedConnection);
        m_thread.quit();
        m_thread.wait();
    }
    Q_DISABLE_COPY_MOVE(ServiceThread)

    [[nodiscard]] bool listens() const { return m_listens; }

private:
    QThread m_thread;
    QObject m_context;
    std::unique_ptr<FingerprintService> m_service;
    bool m_listens = false;
};

}  // namespace

/// Razor and Pyzor from the tests of a message to a program that stands in for theirs.
class TestFingerprints final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init();
    void repliesOfRazor_data();
    void repliesOfRazor();
    void repliesOfPyzor_data();
    void repliesOfPyzor();
    void headsOverALimitAreNone();
    void hitsWhatIsListed();
    void missesWhatIsNot();
    void aProgramThatFailsHarmsNothing_data();
    void aProgramThatFailsHarmsNothing();
    void aNetworkThatFailsIsLeftAlone();
    void oneProgramServesManyMessages();
    void nothingIsAskedWithoutPoints();
    void withoutServiceNothingHits();

private:
    [[nodiscard]] QSet<QByteArray> hitsOf(const QByteArray &body, const QByteArray &more = {});
    [[nodiscard]] FingerprintServiceSettings settings() const;
    [[nodiscard]] QByteArray writeProgram(const char *name, const char *text) const;
    [[nodiscard]] qsizetype starts() const;
    [[nodiscard]] QString socketPath() const
    {
        return m_folder->filePath(QStringLiteral("fp.sock"));
    }

    std::unique_ptr<QTemporaryDir> m_folder;
};

void TestFingerprints::init()
{
    m_folder = std::make_unique<QTemporaryDir>();
    QVERIFY(m_folder->isValid());
    if (!QFile::exists(QStringLiteral("/usr/bin/python3"))) {
        QSKIP("python3 is not installed");
    }
}

QByteArray TestFingerprints::writeProgram(const char *name, const char *text) const
{
    QFile file(m_folder->filePath(QString::fromLatin1(name)));
    if (file.open(QIODevice::WriteOnly)) {
        file.write(text);
        file.setPermissions(QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
    }
    return QFile::encodeName(file.fileName());
}

FingerprintServiceSettings TestFingerprints::settings() const
{
    FingerprintServiceSettings settings;
    FingerprintProgram razor;
    razor.command.program = writeProgram("razor", residentProgram);
    razor.command.workingFolder = QFile::encodeName(m_folder->path());
    FingerprintProgram pyzor = razor;
    pyzor.command.program = writeProgram("pyzor", singleProgram);
    pyzor.manner = FingerprintProgram::Manner::OneAMessage;
    settings.programs = {{FingerprintNetwork::Razor, razor}, {FingerprintNetwork::Pyzor, pyzor}};
    settings.agents = 2;
    return settings;
}

qsizetype TestFingerprints::starts() const
{
    QFile file(m_folder->filePath(QStringLiteral("starts")));
    return file.open(QIODevice::ReadOnly) ? file.readAll().size() : 0;
}

QSet<QByteArray> TestFingerprints::hitsOf(const QByteArray &body, const QByteArray &more)
{
    RuleSources sources;
    sources.stock = m_folder->filePath(QStringLiteral("none"));
    sources.updates.clear();
    sources.site = m_folder->filePath(QStringLiteral("none"));
    sources.settingsText = rulesText + more;
    EngineSettings settings;
    settings.usesNetwork = true;
    const auto rules = CompiledRules::compile(std::make_shared<const RuleSet>(readRules(sources)),
                                              makeFingerprintModules(socketPath()), settings);
    const mail::Envelope envelope;
    const mail::Client client;
    const SpamContext context{mail::Direction::In, envelope, client};
    MessageText text(mail::Content("Subject: test\r\n\r\n" + body + "\r\n"), rules->textSettings(),
                     rules->domains());
    RuleScan scan(*rules, text, context);
    scan.run();
    QSet<QByteArray> hits;
    for (const SpamHit &hit : scan.finding().hits) {
        hits.insert(hit.test);
    }
    return hits;
}

void TestFingerprints::repliesOfRazor_data()
{
    QTest::addColumn<QByteArray>("reply");
    QTest::addColumn<bool>("isOne");
    QTest::addColumn<int>("highest");
    QTest::newRow("listed") << QByteArray("ok 1 4:95:0 8:60:0\n") << true << 95;
    QTest::newRow("contested does not count") << QByteArray("ok 1 4:95:1 8:60:0\n") << true << 60;
    QTest::newRow("of several parts the highest")
        << QByteArray("ok 0 4:5:0 4:8:0 4:3:0") << true << 8;
    QTest::newRow("no fingerprints") << QByteArray("ok 0\n") << true << 0;
    QTest::newRow("failed") << QByteArray("failed no server\n") << false << 0;
    QTest::newRow("nothing") << QByteArray() << false << 0;
    QTest::newRow("half a triple") << QByteArray("ok 1 4:95\n") << false << 0;
    QTest::newRow("too sure") << QByteArray("ok 1 4:101:0\n") << false << 0;
    QTest::newRow("neither yes nor no") << QByteArray("ok 2\n") << false << 0;
}

void TestFingerprints::repliesOfRazor()
{
    QFETCH(QByteArray, reply);
    QFETCH(bool, isOne);
    const auto finding = RazorFinding::parse(reply);
    QCOMPARE(finding.has_value(), isOne);
    if (finding) {
        QTEST(finding->confidenceOf({}).value_or(-1), "highest");
    }
}

void TestFingerprints::repliesOfPyzor_data()
{
    QTest::addColumn<QByteArray>("reply");
    QTest::addColumn<int>("reports");
    QTest::newRow("one server") << QByteArray("a:24441\t(200, 'OK')\t7\t0\n") << 7;
    QTest::newRow("two servers are added up")
        << QByteArray("a:24441\t(200, 'OK')\t7\t0\nb:24441\t(200, 'OK')\t3\t1\n") << 10;
    QTest::newRow("one of two answers")
        << QByteArray("a:24441\tTimeoutError: \nb:24441\t(200, 'OK')\t3\t1\n") << 3;
    QTest::newRow("none answers") << QByteArray("a:24441\tTimeoutError: \n") << -1;
    QTest::newRow("a crash") << QByteArray("Traceback (most recent call last):\n") << -1;
}

void TestFingerprints::repliesOfPyzor()
{
    QFETCH(QByteArray, reply);
    const auto finding = PyzorFinding::parse(reply);
    QTEST(finding ? static_cast<int>(finding->reports) : -1, "reports");
}

void TestFingerprints::headsOverALimitAreNone()
{
    const FingerprintLimits limits;
    FingerprintHead head{FingerprintNetwork::Razor, 5s, 1000};
    const auto read = FingerprintHead::decode(head.encoded(), limits);
    QVERIFY(read.has_value());
    QCOMPARE(read->messageSize, 1000U);
    QCOMPARE(read->deadline, 5000ms);
    QVERIFY(!FingerprintHead::decode(head.encoded().chopped(1), limits));
    head.messageSize = static_cast<quint32>(limits.message) + 1;
    QVERIFY(!FingerprintHead::decode(head.encoded(), limits));
    head.messageSize = 1;
    head.deadline = limits.deadline + 1ms;
    QVERIFY(!FingerprintHead::decode(head.encoded(), limits));
}

void TestFingerprints::hitsWhatIsListed()
{
    const ServiceThread service(settings(), socketPath());
    QVERIFY(service.listens());
    QCOMPARE(hitsOf("LISTED"), (QSet<QByteArray>{"LISTED", "SURE", "SURE_E8", "REPORTED", "BOTH"}));
}

void TestFingerprints::missesWhatIsNot()
{
    const ServiceThread service(settings(), socketPath());
    QCOMPARE(hitsOf("harmless"), QSet<QByteArray>());
}

void TestFingerprints::aProgramThatFailsHarmsNothing_data()
{
    QTest::addColumn<QByteArray>("body");
    for (const char *word : {"HANG", "DIE", "FLOOD", "NOBODY"}) {
        QTest::newRow(word) << QByteArray(word);
    }
}

void TestFingerprints::aProgramThatFailsHarmsNothing()
{
    QFETCH(QByteArray, body);
    const ServiceThread service(settings(), socketPath());
    QCOMPARE(hitsOf(body), QSet<QByteArray>());
    QVERIFY2(hitsOf("LISTED").contains("LISTED"), "a fresh program serves the next message");
}

void TestFingerprints::aNetworkThatFailsIsLeftAlone()
{
    FingerprintServiceSettings chosen = settings();
    chosen.patience = 2;
    chosen.rest = 1h;
    chosen.longestRest = 1h;
    const ServiceThread service(chosen, socketPath());
    QVERIFY(hitsOf("DIE").isEmpty());
    QVERIFY(hitsOf("DIE").isEmpty());
    const qsizetype before = starts();
    QVERIFY(!hitsOf("LISTED").contains("LISTED"));
    QCOMPARE(starts(), before);
    QVERIFY2(hitsOf("LISTED").contains("REPORTED"), "the other network goes on");
}

void TestFingerprints::oneProgramServesManyMessages()
{
    const ServiceThread service(settings(), socketPath());
    for (int i = 0; i < 10; ++i) {
        QVERIFY(hitsOf("LISTED").contains("LISTED"));
    }
    QCOMPARE(starts(), 1);
}

void TestFingerprints::nothingIsAskedWithoutPoints()
{
    const ServiceThread service(settings(), socketPath());
    QCOMPARE(hitsOf("LISTED", "score LISTED 0\nuse_pyzor 0\n"), QSet<QByteArray>());
    QCOMPARE(hitsOf("LISTED", "use_razor2 0\n"), QSet<QByteArray>{"REPORTED"});
}

void TestFingerprints::withoutServiceNothingHits()
{
    QCOMPARE(hitsOf("LISTED"), QSet<QByteArray>());
}

QTEST_GUILESS_MAIN(TestFingerprints)
#include "TestFingerprints.moc"
