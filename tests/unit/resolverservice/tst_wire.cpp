// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/base/ResolverWire.h"

#include <QtTest/QTest>

namespace portcullis::resolverwire {

using namespace std::chrono_literals;

class TestResolverWire final : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void requestsArriveAsTheyWere();
    void answersArriveAsTheyWere();
    void anAnswerThatDoesNotFitBecomesAnError();
    void foreignFramesAreRefused_data();
    void foreignFramesAreRefused();
    void cutFramesAreRefused();
};

namespace {

QByteArrayView payloadOf(const QByteArray &frame)
{
    return QByteArrayView(frame).sliced(headSize);
}

Response someResponse()
{
    Response response;
    response.id = 9;
    response.answers.emplace_back(DnsAnswer{
        DnsAnswer::Kind::Records, {"\x04test", QByteArray(65535, 'x'), ""}, true, 77s, "b.test"});
    response.answers.emplace_back(DnsAnswer{DnsAnswer::Kind::NoData, {}, false, 0s, {}});
    response.answers.emplace_back(DnsAnswer{DnsAnswer::Kind::NoName, {}, true, 5s, {}});
    response.answers.emplace_back(Error::transient("dns.bogus", QStringLiteral("ä")));
    response.answers.emplace_back(Error::transient("dns.timeout", QStringLiteral("b")));
    return response;
}

}  // namespace

void TestResolverWire::requestsArriveAsTheyWere()
{
    const Request request{
        7, 1500ms, {{"a.test", DnsType::Txt}, {"", DnsType::Mx}, {"a.test", DnsType::A}}};
    const QByteArray frame = encode(request);
    QCOMPARE(payloadSize(frame, FrameKind::Request),
             std::optional<quint32>(frame.size() - headSize));
    QVERIFY(!payloadSize(frame, FrameKind::Response));
    const auto read = decodeRequest(payloadOf(frame));
    QVERIFY(read);
    QCOMPARE(read->id, 7U);
    QCOMPARE(read->deadline, 1500ms);
    QVERIFY(read->questions == request.questions);
}

void TestResolverWire::answersArriveAsTheyWere()
{
    const Response response = someResponse();
    const QByteArray frame = encode(response);
    QVERIFY(payloadSize(frame, FrameKind::Response));
    const auto read = decodeResponse(payloadOf(frame));
    QVERIFY(read);
    QCOMPARE(read->id, 9U);
    QCOMPARE(read->answers.size(), response.answers.size());
    for (size_t i = 0; i < 3; ++i) {
        const DnsAnswer &is = *read->answers[i];
        const DnsAnswer &was = *response.answers[i];
        QCOMPARE(is.kind, was.kind);
        QVERIFY(is.records == was.records);
        QCOMPARE(is.isSecure, was.isSecure);
        QCOMPARE(is.ttl, was.ttl);
        QCOMPARE(is.canonicalName, was.canonicalName);
    }
    QCOMPARE(read->answers[3].error().id, QByteArray("dns.bogus"));
    QCOMPARE(read->answers[3].error().detail, QStringLiteral("ä"));
    QCOMPARE(read->answers[4].error().id, QByteArray("dns.timeout"));
    QVERIFY(read->answers[4].error().isTransient());
}

void TestResolverWire::anAnswerThatDoesNotFitBecomesAnError()
{
    Limits limits;
    limits.responseBytes = 4096;
    Response response;
    for (int i = 0; i < 3; ++i) {
        response.answers.emplace_back(
            DnsAnswer{DnsAnswer::Kind::Records, {QByteArray(3000, 'x')}, false, 1s, {}});
    }
    const QByteArray frame = encode(response, limits);
    QVERIFY(payloadSize(frame, FrameKind::Response, limits));
    const auto read = decodeResponse(payloadOf(frame), limits);
    QVERIFY(read);
    QVERIFY(read->answers[0].has_value());
    QCOMPARE(read->answers[1].error().id, QByteArray("dns.servfail"));
    QCOMPARE(read->answers[2].error().id, QByteArray("dns.servfail"));
}

void TestResolverWire::foreignFramesAreRefused_data()
{
    QTest::addColumn<QByteArray>("frame");
    const QByteArray good = encode(Request{1, 1s, {{"a.test", DnsType::A}}});
    QTest::newRow("wrong magic") << QByteArray(good).replace(0, 1, "X");
    QTest::newRow("oversize frame") << QByteArray(good).replace(4, 4, "\x7f\xff\xff\xff");
    QTest::newRow("more questions than there are")
        << QByteArray(good).replace(16, 2, QByteArray("\0\2", 2));
    QTest::newRow("65,535 questions") << QByteArray(good).replace(16, 2, "\xff\xff");
    QTest::newRow("name longer than the frame") << QByteArray(good).replace(20, 1, "\xff");
    QTest::newRow("bytes behind the end") << good + 'x';
    QTest::newRow("no payload") << good.first(headSize);
}

void TestResolverWire::foreignFramesAreRefused()
{
    QFETCH(QByteArray, frame);
    QVERIFY(!payloadSize(frame, FrameKind::Request) || !decodeRequest(payloadOf(frame)));
}

void TestResolverWire::cutFramesAreRefused()
{
    Response response = someResponse();
    response.answers.front() = DnsAnswer{
        DnsAnswer::Kind::Records, {"12345", "6"}, true, 77s, "b.test"};
    const QByteArray frame = encode(response);
    for (qsizetype size = headSize; size < frame.size(); ++size) {
        QVERIFY(!decodeResponse(payloadOf(frame.first(size))));
    }
}

}  // namespace portcullis::resolverwire

QTEST_GUILESS_MAIN(portcullis::resolverwire::TestResolverWire)
#include "tst_wire.moc"
