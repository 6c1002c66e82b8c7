// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/Dsn.h"

#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>
#include <QtCore/QProcess>
#include <QtTest/QTest>

Q_DECLARE_METATYPE(portcullis::delivery::DsnAction)

namespace portcullis::delivery {

using namespace std::chrono_literals;

class TestDsn final : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void isReadByOthers_data();
    void isReadByOthers();
    void asksNotify_data();
    void asksNotify();
    void givesAStatusThatFitsTheAction_data();
    void givesAStatusThatFitsTheAction();
    void cannotBeForged();
    void endsLinesWithCrlfOnly();
    void writesDates();
};

namespace {

// An independent reader: Python's email package.
constexpr const char *readerScript = R"(
import email, email.policy, json, sys
m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.SMTPUTF8)
parts = m.get_payload()
status = parts[1]
blocks = status.get_payload()
if status.get_content_type() == 'message/global-delivery-status':  # One message to this reader.
    rest = blocks[0].get_payload(decode=True)
    blocks.append(email.message_from_bytes(rest, policy=email.policy.SMTPUTF8))
print(json.dumps({
  'type': m.get_content_type(), 'report': m.get_param('report-type'), 'to': str(m['To']),
  'auto': str(m['Auto-Submitted']), 'parts': [p.get_content_type() for p in parts],
  'text': parts[0].get_content(), 'blocks': [{k: str(v) for k, v in b.items()} for b in blocks],
  'defects': len(m.defects) + sum(len(p.defects) for p in parts)}))
)";

QJsonObject readWithPython(const mail::Content &report)
{
    QProcess python;
    python.start(QStringLiteral("python3"),
                 {QStringLiteral("-c"), QString::fromLatin1(readerScript)});
    python.write(report.toByteArray());
    python.closeWriteChannel();
    python.waitForFinished();
    const QByteArray error = python.readAllStandardError();
    if (!error.isEmpty()) {
        qWarning("%s", error.constData());
    }
    return QJsonDocument::fromJson(python.readAllStandardOutput()).object();
}

DsnRequest requestFor(DsnAction action, const QByteArray &address)
{
    DsnRequest request;
    request.queueId = "4F00AA";
    request.envelope.sender = *mail::Address::parse("sender@b.example");
    request.envelope.envelopeId = "QQ+2B1";
    request.arrival = Clock::WallTime(1'700'000'000s);
    request.reportingMta = "gw.example";
    request.postmaster = "postmaster@gw.example";
    DsnRecipient recipient;
    recipient.recipient.address = *mail::Address::parse(address);
    recipient.recipient.originalRecipient = "rfc822;orig+2Btag@d.example";
    recipient.action = action;
    recipient.reply = {550, "5.1.1", "no such user\nask " + QByteArray(300, 'x') + " again"};
    recipient.isFromNextHop = true;
    recipient.remoteMta = "mx.d.example";
    recipient.lastAttempt = request.arrival + 1h;
    request.recipients.push_back(recipient);
    request.willRetryUntil = request.arrival + 120h;
    return request;
}

const QByteArray original("From: a@b\r\nSubject: gr\xc3\xbc\xc3\x9f\r\n\r\nbody --boundary\r\n");

}  // namespace

void TestDsn::isReadByOthers_data()
{
    QTest::addColumn<DsnAction>("action");
    QTest::addColumn<QByteArray>("address");
    QTest::addColumn<QString>("actionWord");
    QTest::addColumn<QString>("finalRecipient");
    QTest::addColumn<QString>("statusType");
    QTest::addColumn<QString>("returnedType");
    const QString plain = QStringLiteral("message/delivery-status");
    const QString header = QStringLiteral("text/rfc822-headers");
    const QString final = QStringLiteral("rfc822; c@d.example");
    QTest::newRow("failed") << DsnAction::Failed << QByteArray("c@d.example")
                            << QStringLiteral("failed") << final << plain
                            << QStringLiteral("message/rfc822");
    QTest::newRow("delayed") << DsnAction::Delayed << QByteArray("c@d.example")
                             << QStringLiteral("delayed") << final << plain << header;
    QTest::newRow("relayed") << DsnAction::Relayed << QByteArray("c@d.example")
                             << QStringLiteral("relayed") << final << plain << header;
    QTest::newRow("delivered") << DsnAction::Delivered << QByteArray("c@d.example")
                               << QStringLiteral("delivered") << final << plain << header;
    QTest::newRow("UTF-8 address (RFC 6533)")
        << DsnAction::Failed << QByteArray("j\xc3\xbcrgen@d.example") << QStringLiteral("failed")
        << QStringLiteral("utf-8; jürgen@d.example")
        << QStringLiteral("message/global-delivery-status") << QStringLiteral("message/rfc822");
}

void TestDsn::isReadByOthers()
{
    QFETCH(DsnAction, action);
    QFETCH(QByteArray, address);
    QFETCH(QString, actionWord);
    QFETCH(QString, finalRecipient);
    QFETCH(QString, statusType);
    QFETCH(QString, returnedType);
    const mail::Content report = makeDsn(requestFor(action, address), mail::Content(original),
                                         "4F00BB", Clock::WallTime(1'700'010'000s));
    const QJsonObject read = readWithPython(report);
    QCOMPARE(read[QStringLiteral("type")].toString(), QStringLiteral("multipart/report"));
    QCOMPARE(read[QStringLiteral("report")].toString(), QStringLiteral("delivery-status"));
    QCOMPARE(read[QStringLiteral("auto")].toString(), QStringLiteral("auto-replied"));
    QCOMPARE(read[QStringLiteral("to")].toString(), QStringLiteral("sender@b.example"));
    QCOMPARE(read[QStringLiteral("defects")].toInt(), 0);
    const QJsonArray parts = read[QStringLiteral("parts")].toArray();
    QCOMPARE(parts.size(), 3);
    QCOMPARE(parts[1].toString(), statusType);
    QCOMPARE(parts[2].toString(), returnedType);
    const QJsonArray blocks = read[QStringLiteral("blocks")].toArray();
    QCOMPARE(blocks.size(), 2);
    const QJsonObject message = blocks[0].toObject();
    QCOMPARE(message[QStringLiteral("Reporting-MTA")].toString(),
             QStringLiteral("dns; gw.example"));
    QCOMPARE(message[QStringLiteral("Original-Envelope-Id")].toString(), QStringLiteral("QQ+1"));
    const QJsonObject recipient = blocks[1].toObject();
    QCOMPARE(recipient[QStringLiteral("Final-Recipient")].toString(), finalRecipient);
    QCOMPARE(recipient[QStringLiteral("Action")].toString(), actionWord);
    QCOMPARE(recipient[QStringLiteral("Original-Recipient")].toString(),
             QStringLiteral("rfc822; orig+tag@d.example"));
    QCOMPARE(recipient[QStringLiteral("Remote-MTA")].toString(),
             QStringLiteral("dns; mx.d.example"));
    QVERIFY(recipient[QStringLiteral("Diagnostic-Code")].toString().startsWith(
        QStringLiteral("smtp; 550 5.1.1 no such user")));
    QVERIFY(read[QStringLiteral("text")].toString().contains(QString::fromUtf8(address)));
}

void TestDsn::asksNotify_data()
{
    QTest::addColumn<int>("notify");
    QTest::addColumn<bool>("failed");
    QTest::addColumn<bool>("delayed");
    QTest::addColumn<bool>("relayed");
    const auto row = [](const char *name, mail::NotifyFlags flags, bool failed, bool delayed,
                        bool relayed) {
        QTest::newRow(name) << static_cast<int>(flags.toInt()) << failed << delayed << relayed;
    };
    row("absent", {}, true, true, false);
    row("never", mail::Notify::Never, false, false, false);
    row("success", mail::Notify::Success, false, false, true);
    row("failure", mail::Notify::Failure, true, false, false);
    row("delay", mail::Notify::Delay, false, true, false);
}

void TestDsn::asksNotify()
{
    QFETCH(int, notify);
    QFETCH(bool, failed);
    QFETCH(bool, delayed);
    QFETCH(bool, relayed);
    mail::Envelope envelope;
    envelope.sender = *mail::Address::parse("a@b.example");
    mail::Recipient recipient;
    recipient.notify = mail::NotifyFlags(notify);
    QCOMPARE(wantsDsn(envelope, recipient, DsnAction::Failed), failed);
    QCOMPARE(wantsDsn(envelope, recipient, DsnAction::Delayed), delayed);
    QCOMPARE(wantsDsn(envelope, recipient, DsnAction::Relayed), relayed);
    envelope.sender = {};
    QVERIFY2(!wantsDsn(envelope, recipient, DsnAction::Failed), "never to a null reverse-path");
}

void TestDsn::givesAStatusThatFitsTheAction_data()
{
    QTest::addColumn<DsnAction>("action");
    QTest::addColumn<QByteArray>("enhanced");
    QTest::addColumn<QByteArray>("status");
    QTest::newRow("refused") << DsnAction::Failed << QByteArray("5.1.1") << QByteArray("5.1.1");
    QTest::newRow("expired") << DsnAction::Failed << QByteArray("4.4.1") << QByteArray("5.4.1");
    QTest::newRow("no code") << DsnAction::Failed << QByteArray() << QByteArray("5.0.0");
    QTest::newRow("delayed") << DsnAction::Delayed << QByteArray() << QByteArray("4.0.0");
    QTest::newRow("relayed") << DsnAction::Relayed << QByteArray("2.1.5") << QByteArray("2.1.5");
}

void TestDsn::givesAStatusThatFitsTheAction()
{
    QFETCH(DsnAction, action);
    QFETCH(QByteArray, enhanced);
    QFETCH(QByteArray, status);
    DsnRecipient recipient;
    recipient.action = action;
    recipient.reply.enhanced = enhanced;
    QCOMPARE(dsnStatus(recipient), status);
}

void TestDsn::cannotBeForged()
{
    DsnRequest request = requestFor(DsnAction::Failed, "c@d.example");
    request.envelope.envelopeId = "x+0D+0AForged: yes";
    request.recipients[0].recipient.originalRecipient = "rfc822;x+0D+0AAction: delivered";
    request.recipients[0].reply.text = "no\r\nForged: yes\r\n\r\n--x";
    request.recipients[0].remoteMta = "mx\r\nForged: yes";
    const QByteArray report = makeDsn(request, mail::Content(original), "4F00BB", {}).toByteArray();
    QVERIFY(!report.contains("\nForged:"));
    QVERIFY(!report.contains("\nAction: delivered"));
}

void TestDsn::endsLinesWithCrlfOnly()
{
    DsnRequest request = requestFor(DsnAction::Failed, "c@d.example");
    const QByteArray report = makeDsn(request, mail::Content(original), "4F00BB", {}).toByteArray();
    QVERIFY2(!QByteArray(report).replace("\r\n", "").contains('\n'), "S2 bare LF");
    QVERIFY2(!QByteArray(report).replace("\r\n", "").contains('\r'), "S2 bare CR");
    for (const QByteArray &line : report.split('\n')) {
        QVERIFY(line.size() <= 999);
    }
}

void TestDsn::writesDates()
{
    QCOMPARE(dateOf(Clock::WallTime(1'700'000'000s)),
             QByteArray("Tue, 14 Nov 2023 22:13:20 +0000"));
}

}  // namespace portcullis::delivery

QTEST_APPLESS_MAIN(portcullis::delivery::TestDsn)
#include "tst_dsn.moc"
