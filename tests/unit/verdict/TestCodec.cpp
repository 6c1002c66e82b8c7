// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/verdict/Codec.h"

#include <QtTest/QTest>

using namespace portcullis;
using namespace portcullis::verdict;

namespace {

mail::Address address(const char *text)
{
    return mail::Address::parse(text).value();
}

FilterRequest sampleRequest()
{
    FilterRequest request;
    request.queueId = "0123456789ABC";
    request.direction = mail::Direction::Out;
    request.client.address = QHostAddress(QStringLiteral("2001:db8::1"));
    request.client.helo = "client.example";
    request.client.tls = "TLSv1.3 TLS_AES_256_GCM_SHA384 256";
    request.envelope.sender = address("anna@example.org");
    request.envelope.recipients = {{address("\"b c\"@example.com"), "rfc822;b+20c@example.com",
                                    mail::Notify::Success | mail::Notify::Delay},
                                   {address("d@example.com"), {}, {}}};
    request.envelope.body = mail::BodyType::EightBitMime;
    request.envelope.envelopeId = "QQ+3D";
    request.envelope.dsnReturn = mail::DsnReturn::Headers;
    request.session.greylist = "known";
    request.session.spf = SpfFinding{
        SpfResult::Pass, false, "anna@example.org", "example.org", {}, {}, {}};
    request.session.heloSpf = SpfFinding{
        SpfResult::Fail, true, "postmaster@client.example", "client.example", "-all",
        "not allowed",   {}};
    request.receivedAt = Clock::WallTime(std::chrono::microseconds(1'700'000'000'123'456));
    request.content = mail::Content("Subject: x\r\n\r\nbody\r\n");
    return request;
}

FilterResponse sampleResponse()
{
    FilterResponse response;
    response.contents = {mail::Content(), mail::Content("changed"), mail::Content("note")};
    OutgoingMessage message;
    message.origin = Origin::Notification;
    message.envelope = sampleRequest().envelope;
    message.content = 2;
    response.outgoing = {message};
    QuarantineItem item;
    item.kind = QuarantineKind::Virus;
    item.sender = address("anna@example.org");
    item.recipients = {address("d@example.com")};
    item.content = 1;
    item.spamLevel = 7;
    item.virus = QStringLiteral("Eicar");
    item.rule = QStringLiteral("Block Viruses");
    item.subject = QStringLiteral("Grüße");
    item.evidence.insert(QLatin1String("k"), 1);
    response.quarantined = {item};
    response.fates = {{address("d@example.com"), Fate::Quarantined, item.rule, item.subject}};
    response.evidence.insert(QLatin1String("spam"), 3);
    return response;
}

/// The frame as it would arrive, in pieces of `step` bytes.
Result<Frame> sendThrough(const Frame &frame, qsizetype step)
{
    QByteArray wire = encodeFrameHead(frame);
    for (const mail::Content &content : frame.contents) {
        wire += content.view().toByteArray();
    }
    FrameReader reader(QStringLiteral("/tmp"));
    for (qsizetype at = 0; at < wire.size(); at += step) {
        TRY(reader.feed(QByteArrayView(wire).sliced(at, std::min(step, wire.size() - at))));
    }
    if (!reader.isComplete()) {
        return Error::transient("test.incomplete", {});
    }
    return reader.take();
}

}  // namespace

class TestCodec : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void carriesRequestWhateverThePieces_data();
    void carriesRequestWhateverThePieces();
    void carriesResponse();
    void carriesFailure();
    void refusesWhatIsNotAFrame_data();
    void refusesWhatIsNotAFrame();
    void refusesContentNumberThatDoesNotExist();
    void refusesEveryTruncation();
};

void TestCodec::carriesRequestWhateverThePieces_data()
{
    QTest::addColumn<qsizetype>("step");
    QTest::newRow("one byte at a time") << qsizetype(1);
    QTest::newRow("seven bytes at a time") << qsizetype(7);
    QTest::newRow("all at once") << qsizetype(1'000'000);
}

void TestCodec::carriesRequestWhateverThePieces()
{
    QFETCH(qsizetype, step);
    const FilterRequest sent = sampleRequest();
    auto frame = sendThrough(encodeRequest(sent), step);
    QVERIFY(frame.has_value());
    const auto got = decodeRequest(*std::move(frame));
    QVERIFY(got.has_value());
    QCOMPARE(got->queueId, sent.queueId);
    QCOMPARE(got->direction, sent.direction);
    QVERIFY(got->client == sent.client);
    QVERIFY(got->session == sent.session);
    QVERIFY(got->envelope == sent.envelope);
    QCOMPARE(got->receivedAt.time_since_epoch().count(),
             sent.receivedAt.time_since_epoch().count());
    QCOMPARE(got->content.toByteArray(), sent.content.toByteArray());
}

void TestCodec::carriesResponse()
{
    const FilterResponse sent = sampleResponse();
    auto frame = sendThrough(encodeResponse(sent), 5);
    QVERIFY(frame.has_value());
    const auto got = decodeResponse(*std::move(frame));
    QVERIFY(got.has_value());
    QCOMPARE(got->contents.size(), size_t(3));
    QVERIFY(got->contents[0].isEmpty());
    QCOMPARE(got->contents[2].toByteArray(), QByteArray("note"));
    QVERIFY(got->outgoing[0].envelope == sent.outgoing[0].envelope);
    QCOMPARE(got->outgoing[0].origin, Origin::Notification);
    QCOMPARE(got->quarantined[0].kind, QuarantineKind::Virus);
    QCOMPARE(got->quarantined[0].subject, sent.quarantined[0].subject);
    QCOMPARE(got->quarantined[0].evidence, sent.quarantined[0].evidence);
    QCOMPARE(got->fates[0].fate, Fate::Quarantined);
    QCOMPARE(got->evidence, sent.evidence);
}

void TestCodec::carriesFailure()
{
    const auto got = decodeResponse(
        encodeFailure(Error::permanent("clamav.timeout", QStringLiteral("slow"))));
    QVERIFY(!got.has_value());
    QCOMPARE(got.error().id, QByteArray("clamav.timeout"));
    QVERIFY(!got.error().isTransient());
    QCOMPARE(got.error().detail, QStringLiteral("slow"));
}

void TestCodec::refusesWhatIsNotAFrame_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::newRow("another protocol") << QByteArray("EHLO example.org\r\n");
    QTest::newRow("unknown kind") << QByteArray("PVF1\0\0\0\x09\0\0\0\0\0\0\0\0", 16);
    QTest::newRow("metadata beyond the limit")
        << QByteArray("PVF1\0\0\0\x01\x7f\0\0\0\0\0\0\0", 16);
    QTest::newRow("too many contents") << QByteArray("PVF1\0\0\0\x01\0\0\0\0\x7f\0\0\0", 16);
    QTest::newRow("content beyond the limit")
        << QByteArray("PVF1\0\0\0\x01\0\0\0\0\0\0\0\x01", 16) + QByteArray(8, '\x7f');
    QTest::newRow("bytes after the end") << QByteArray("PVF1\0\0\0\x01\0\0\0\0\0\0\0\0x", 17);
}

void TestCodec::refusesWhatIsNotAFrame()
{
    QFETCH(QByteArray, bytes);
    FrameReader reader(QStringLiteral("/tmp"));
    const Status status = reader.feed(bytes);
    QVERIFY(!status.has_value());
    QCOMPARE(status.error().id, QByteArray("verdict.protocol"));
}

void TestCodec::refusesContentNumberThatDoesNotExist()
{
    FilterResponse response = sampleResponse();
    response.outgoing[0].content = 3;
    const auto got = decodeResponse(encodeResponse(response));
    QVERIFY(!got.has_value());
    QCOMPARE(got.error().id, QByteArray("verdict.protocol"));
}

void TestCodec::refusesEveryTruncation()
{
    const Frame whole = encodeRequest(sampleRequest());
    for (qsizetype length = 0; length < whole.metadata.size(); ++length) {
        Frame cut = whole;
        cut.metadata.truncate(length);
        QVERIFY2(!decodeRequest(cut).has_value(), qPrintable(QString::number(length)));
    }
}

QTEST_GUILESS_MAIN(TestCodec)
#include "TestCodec.moc"
