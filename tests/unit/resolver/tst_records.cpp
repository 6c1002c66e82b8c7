// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/base/Resolver.h"

#include <QtTest/QTest>

namespace portcullis {

class TestResolverRecords final : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void readsMx_data();
    void readsMx();
    void sortsMxByPreference();
    void readsAddresses();
    void joinsCharacterStrings_data();
    void joinsCharacterStrings();
    void leavesOutUnreadableNames();
};

namespace {

DnsAnswer answerWith(std::vector<QByteArray> records)
{
    return {DnsAnswer::Kind::Records, std::move(records), false, {}};
}

QByteArray bytes(const char *hex)
{
    return QByteArray::fromHex(hex);
}

}  // namespace

void TestResolverRecords::readsMx_data()
{
    QTest::addColumn<QByteArray>("rdata");
    QTest::addColumn<bool>("isRead");
    QTest::addColumn<QByteArray>("name");
    QTest::newRow("a host") << bytes("000a 026d78 076578616d706c65 00") << true
                            << QByteArray("mx.example");
    QTest::newRow("capitals become small") << bytes("000a 024d58 00") << true << QByteArray("mx");
    QTest::newRow("null MX") << bytes("0000 00") << true << QByteArray();
    QTest::newRow("R8 empty rdata") << QByteArray() << false << QByteArray();
    QTest::newRow("R8 preference only") << bytes("000a") << false << QByteArray();
    QTest::newRow("R8 half a preference") << bytes("00") << false << QByteArray();
    QTest::newRow("R8 label beyond the end") << bytes("000a 056d78") << false << QByteArray();
    QTest::newRow("R8 no root label") << bytes("000a 026d78") << false << QByteArray();
    QTest::newRow("R8 compression pointer") << bytes("000a c00c") << false << QByteArray();
    QTest::newRow("R8 octets behind the name")
        << bytes("000a 026d7800 00") << false << QByteArray();
    QTest::newRow("R8 dot inside a label") << bytes("000a 03612e6200") << false << QByteArray();
    QTest::newRow("R8 NUL inside a label") << bytes("000a 0361006200") << false << QByteArray();
    QTest::newRow("R8 line end inside a label")
        << bytes("000a 040d0a6d7800") << false << QByteArray();
    QByteArray longName = bytes("000a");
    for (int i = 0; i < 5; ++i) {
        longName += QByteArray(1, 63) + QByteArray(63, 'a');
    }
    QTest::newRow("R8 name above 255 octets") << longName + '\0' << false << QByteArray();
}

void TestResolverRecords::readsMx()
{
    QFETCH(QByteArray, rdata);
    QFETCH(bool, isRead);
    QFETCH(QByteArray, name);
    const auto hosts = mxHostsOf(answerWith({rdata}));
    QCOMPARE(hosts.size(), isRead ? size_t(1) : size_t(0));
    if (isRead) {
        QCOMPARE(hosts.front().name, name);
    }
}

void TestResolverRecords::sortsMxByPreference()
{
    const auto hosts = mxHostsOf(
        answerWith({bytes("0014 016200"), bytes("ffff 016300"), bytes("000a 016100")}));
    QCOMPARE(hosts.size(), size_t(3));
    QCOMPARE(hosts[0].name, QByteArray("a"));
    QCOMPARE(hosts[1].name, QByteArray("b"));
    QCOMPARE(hosts[2].preference, 65535);
}

void TestResolverRecords::readsAddresses()
{
    const auto addresses = addressesOf(answerWith(
        {bytes("c0000201"), bytes("c00002"), bytes("20010db8000000000000000000000001"), {}}));
    QCOMPARE(addresses.size(), size_t(2));
    QCOMPARE(addresses[0].toString(), QStringLiteral("192.0.2.1"));
    QCOMPARE(addresses[1].toString(), QStringLiteral("2001:db8::1"));
}

void TestResolverRecords::joinsCharacterStrings_data()
{
    QTest::addColumn<QByteArray>("rdata");
    QTest::addColumn<int>("count");
    QTest::addColumn<QByteArray>("text");
    QTest::newRow("one") << QByteArray("\3abc") << 1 << QByteArray("abc");
    QTest::newRow("two are joined without a space")
        << QByteArray("\2ab\1c") << 1 << QByteArray("abc");
    QTest::newRow("an empty one") << QByteArray(1, '\0') << 1 << QByteArray();
    QTest::newRow("R8 length beyond the end") << QByteArray("\5abc") << 0 << QByteArray();
}

void TestResolverRecords::joinsCharacterStrings()
{
    QFETCH(QByteArray, rdata);
    QFETCH(int, count);
    QFETCH(QByteArray, text);
    const auto texts = textsOf(answerWith({rdata}));
    QCOMPARE(static_cast<int>(texts.size()), count);
    if (count > 0) {
        QCOMPARE(texts.front(), text);
    }
}

void TestResolverRecords::leavesOutUnreadableNames()
{
    const auto names = namesOf(answerWith({bytes("016100"), bytes("c000"), bytes("00")}));
    QCOMPARE(names, std::vector<QByteArray>{"a"});
}

}  // namespace portcullis

QTEST_APPLESS_MAIN(portcullis::TestResolverRecords)
#include "tst_records.moc"
