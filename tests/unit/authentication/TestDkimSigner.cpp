// SPDX-License-Identifier: GPL-2.0-or-later
// What we sign must verify: by ourselves, and by dkimpy, which shares no code with us.
#include "appliance/authentication/DkimSigner.h"
#include "appliance/authentication/DkimVerifier.h"
#include "Forge.h"
#include "ZoneLookup.h"

#include <QtCore/QDateTime>
#include <QtCore/QProcess>
#include <QtTest/QtTest>

namespace portcullis::authentication {

class TestDkimSigner final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void signsWhatVerifies_data();
    void signsWhatVerifies();
    void signsForDkimpy_data();
    void signsForDkimpy();
    void letsNothingBeAdded_data();
    void letsNothingBeAdded();
    void writesOneFoldedField();
    void refusesWhatCannotBeSigned();
    void readsAndWritesKeys_data();
    void readsAndWritesKeys();
    void refusesBadKeys_data();
    void refusesBadKeys();
    void showsTheRecordInStringsOf255Octets();
};

namespace {

const DkimKey &edKey()
{
    static const DkimKey key = *DkimKey::generateEd25519();
    return key;
}

DkimSigner signerWith(const DkimKey &key)
{
    return *DkimSigner::create(key, "gate", "Example.org");
}

void addMessages()
{
    QTest::addColumn<QByteArray>("message");
    QTest::addColumn<bool>("isEd25519");
    for (const bool isEd25519 : {false, true}) {
        const char *kind = isEd25519 ? "ed25519" : "rsa";
        const auto row = [&](const char *name, const QByteArray &message) {
            QTest::addRow("%s, %s", name, kind) << message << isEd25519;
        };
        row("plain", plainMessage());
        row("no body", plainMessage("a@example.org", ""));
        row("empty lines at the end", plainMessage("a@example.org", "x\r\n\r\n\r\n"));
        row("long lines", plainMessage("a@example.org", QByteArray(5000, 'x') + "\r\n"));
        row("folded From", plainMessage("Alice\r\n <a@example.org>"));
        row("UTF-8", plainMessage("=?utf-8?Q?=C3=A4?= <a@example.org>", "\xC3\xA4\r\n"));
        row("two To fields", "To: c@example.com\r\n" + plainMessage());
        row("trace fields", "Received: from a by b\r\nReturn-Path: <>\r\n" + plainMessage());
        row("3 MB", plainMessage("a@example.org", QByteArray("line of text\r\n").repeated(220000)));
    }
}

std::vector<DkimFinding> verify(const QByteArray &message, const DkimKey &key)
{
    const AuthenticationLimits limits;
    ZoneLookup zone;
    zone.add("gate._domainkey.example.org", key.recordText());
    ReceivedMessage received(message, limits);
    DkimVerifier verifier(received, limits, [](const QByteArray &) { return true; });
    return verifier.verify(zone, OpendkimLibrary(limits), QDateTime::currentSecsSinceEpoch());
}

// What dkimpy says: "True", "False", or nothing if it is not installed.
QByteArray askDkimpy(const QByteArray &message, const QByteArray &record)
{
    static const QByteArray script(
        "import sys\n"
        "try:\n"
        "    import dkim\n"
        "except ImportError:\n"
        "    sys.exit(0)\n"
        "record = sys.argv[1].encode()\n"
        "text = sys.stdin.buffer.read()\n"
        "print(dkim.verify(text, dnsfunc=lambda name, timeout=5: record))\n");
    QProcess python;
    python.start(QStringLiteral("/usr/bin/python3"),
                 {QStringLiteral("-c"), QString::fromLatin1(script), QString::fromLatin1(record)});
    if (!python.waitForStarted()) {
        return {};
    }
    python.write(message);
    python.closeWriteChannel();
    python.waitForFinished();
    return python.readAllStandardOutput().trimmed();
}

}  // namespace

void TestDkimSigner::signsWhatVerifies_data()
{
    addMessages();
}

void TestDkimSigner::signsWhatVerifies()
{
    QFETCH(QByteArray, message);
    QFETCH(bool, isEd25519);
    const DkimKey &key = isEd25519 ? edKey() : testKey();
    const auto field = signerWith(key).sign(message);
    QVERIFY2(field, field ? "" : qPrintable(field.error().detail));
    const auto findings = verify(*field + message, key);
    QCOMPARE(findings.size(), 1U);
    QVERIFY2(findings[0].result == DkimResult::Pass, findings[0].reason.constData());
    QCOMPARE(findings[0].domain, "example.org");
}

void TestDkimSigner::signsForDkimpy_data()
{
    addMessages();
}

void TestDkimSigner::signsForDkimpy()
{
    QFETCH(QByteArray, message);
    QFETCH(bool, isEd25519);
    const DkimKey &key = isEd25519 ? edKey() : testKey();
    const auto field = signerWith(key).sign(message);
    QVERIFY(field);
    const QByteArray answer = askDkimpy(*field + message, key.recordText());
    if (answer.isEmpty()) {
        QSKIP("python3-dkim is not installed, or without python3-nacl");
    }
    QCOMPARE(answer, "True");
}

void TestDkimSigner::letsNothingBeAdded_data()
{
    QTest::addColumn<QByteArray>("field");
    for (const char *name : {"From", "To", "Subject", "Date", "Message-ID", "Content-Type",
                             "MIME-Version", "Reply-To", "Cc", "References", "In-Reply-To"}) {
        QTest::addRow("C9 %s", name) << QByteArray(name) + ": evil@example.com\r\n";
    }
}

void TestDkimSigner::letsNothingBeAdded()
{
    QFETCH(QByteArray, field);
    const QByteArray message = plainMessage();
    const auto signature = signerWith(testKey()).sign(message);
    QVERIFY(signature);
    const QByteArray below = *signature + field + message;
    QCOMPARE(nameOf(verify(below, testKey()).front().result), "fail");
    const QByteArray above = field + *signature + message;
    QCOMPARE(nameOf(verify(above, testKey()).front().result), "fail");
}

void TestDkimSigner::writesOneFoldedField()
{
    const auto field = signerWith(testKey()).sign(plainMessage());
    QVERIFY(field);
    QVERIFY(
        field->startsWith("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org"));
    QVERIFY(field->endsWith("\r\n"));
    QVERIFY(!field->contains("l="));
    for (const QByteArray &line : field->chopped(2).split('\n')) {
        QVERIFY(line.size() <= 80);
        QVERIFY(line.startsWith("DKIM-Signature:") || line.startsWith('\t')
                || line.startsWith(' '));
    }
    QCOMPARE(field->count('\r'), field->count('\n'));
}

void TestDkimSigner::refusesWhatCannotBeSigned()
{
    const DkimSigner signer = signerWith(testKey());
    for (const QByteArray &message : {QByteArray(), QByteArray("Subject: x\r\n\r\nbody\r\n"),
                                      QByteArray("From: a\0b@example.org\r\n\r\n", 25)}) {
        const auto field = signer.sign(message);
        QVERIFY(!field);
        QCOMPARE(field.error().id, "dkim.sign");
    }
    QCOMPARE(DkimSigner::create(testKey(), "a b", "example.org").error().id, "dkim.selector");
    QCOMPARE(DkimSigner::create(testKey(), "../x", "example.org").error().id, "dkim.selector");
    QCOMPARE(DkimSigner::create(testKey(), "x", "localhost").error().id, "dkim.domain");
    QCOMPARE(DkimSigner::create(testKey(), "x", "b\xC3\xBC.example").error().id, "dkim.domain");
}

void TestDkimSigner::readsAndWritesKeys_data()
{
    QTest::addColumn<bool>("isEd25519");
    QTest::newRow("rsa") << false;
    QTest::newRow("ed25519") << true;
}

void TestDkimSigner::readsAndWritesKeys()
{
    QFETCH(bool, isEd25519);
    const DkimKey &key = isEd25519 ? edKey() : testKey();
    const auto again = DkimKey::fromPem(key.toPem());
    QVERIFY(again);
    QCOMPARE(again->publicBase64(), key.publicBase64());
    QCOMPARE(again->bits(), isEd25519 ? 256 : 2048);
    const auto record = readKey({TxtAnswer::Kind::Records, {key.recordText()}}, {});
    QCOMPARE(record.state, KeyRecord::State::Usable);
}

void TestDkimSigner::refusesBadKeys_data()
{
    QTest::addColumn<QByteArray>("pem");
    QTest::newRow("empty") << QByteArray();
    QTest::newRow("no key") << QByteArray("hello\n");
    QTest::newRow("half a key") << testKey().toPem().left(300);
    QTest::newRow("huge") << QByteArray(1000000, 'x');
    // 512 bits, made for this test and used nowhere.
    QTest::newRow("C9 short") << QByteArray(
        "-----BEGIN PRIVATE KEY-----\n"
        "MIIBVAIBADANBgkqhkiG9w0BAQEFAASCAT4wggE6AgEAAkEA7HrVHC3ijTuhFd7C\n"
        "OfqG/wX0HhZvXhgvzcHJQ1ItFeweRNO1uh1FFGvOZbq4uuyXpurNXI4A4NTFFCcL\n"
        "+4cgOQIDAQABAkEAv8A2D5xxSJ4iV06CZWrsjduw/7inYz/ve0L4RJtcrZlyPVFu\n"
        "xBkLX+z/bfdriX5ndNHlwxRNildPeuzA8IngBQIhAPmqBDK4SdSzD78EXl6ryeS8\n"
        "czu0YpD0DNhjVP26kHbPAiEA8nspewglsX8zkX9qxIws8NyE4aKSUtvOJQiXiO57\n"
        "OncCIHaWHAJfaKpAFzWbBJwhKvebz3xHdR323fcWT3NpX18fAiANugcpHdb0a10B\n"
        "+ZKTudO5duJW25so8aSD2C6r48Q6FQIgUcE/O0Z5m0tc63l+BbM7bzOvBQHDbqjt\n"
        "QReAQrAMVf4=\n"
        "-----END PRIVATE KEY-----\n");
}

void TestDkimSigner::refusesBadKeys()
{
    QFETCH(QByteArray, pem);
    const auto key = DkimKey::fromPem(pem);
    QVERIFY(!key);
    QCOMPARE(key.error().id, "dkim.key");
    QCOMPARE(DkimKey::generate(512).error().id, "dkim.key");
    QCOMPARE(DkimKey::generate(100000).error().id, "dkim.key");
}

void TestDkimSigner::showsTheRecordInStringsOf255Octets()
{
    const QByteArray line = testKey().zoneLine("gate", "example.org");
    QVERIFY(
        line.startsWith("gate._domainkey.example.org.\tIN\tTXT\t( \"v=DKIM1; h=sha256; k=rsa; \""));
    QVERIFY(testKey().zoneLine("gate").startsWith("gate._domainkey\tIN\tTXT"));
    QByteArray joined;
    const auto parts = line.left(line.indexOf(" )")).split('"');
    for (qsizetype i = 1; i < parts.size(); i += 2) {
        QVERIFY(parts[i].size() <= 255);
        joined += parts[i];
    }
    QCOMPARE(joined, testKey().recordText());
}

}  // namespace portcullis::authentication

QTEST_GUILESS_MAIN(portcullis::authentication::TestDkimSigner)
#include "TestDkimSigner.moc"
