// SPDX-License-Identifier: GPL-2.0-or-later
// Metadata that an earlier release wrote lies in the queue when a new one starts: it must be read.
#include "appliance/spool/EntryCodec.h"

#include <QtTest/QtTest>

using namespace portcullis;
using namespace portcullis::spool;

namespace {

Entry someEntry()
{
    Entry entry;
    entry.envelope.recipients.resize(2);
    entry.origin = "660CF1605F33F";
    entry.session.greylist = "passed";
    entry.session.dnsblScore = 3;
    normalise(entry);
    return entry;
}

}  // namespace

class TestEntryCodec : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void metadataIsReadAsItWasWritten();
    void evidenceOfVersionTwoIsRead();
    void plainEntriesAreWrittenInVersionOne();
    void unknownVersionsAreRefused_data();
    void unknownVersionsAreRefused();
};

void TestEntryCodec::metadataIsReadAsItWasWritten()
{
    Entry entry = someEntry();
    entry.session.heloSpf.emplace();
    Entry read;
    QVERIFY(decodeBody(encodeBody(entry), read).has_value());
    QCOMPARE(read.origin, entry.origin);
    QVERIFY(read.session == entry.session);
}

void TestEntryCodec::evidenceOfVersionTwoIsRead()
{
    const Entry entry = someEntry();
    QByteArray bytes = encodeBody(entry);
    QCOMPARE(bytes.front(), '\3');
    // Version 2 ended before the flag that says whether there is an SPF result of the HELO name.
    bytes.chop(1);
    bytes[0] = '\2';
    Entry read;
    QVERIFY(decodeBody(bytes, read).has_value());
    QCOMPARE(read.session.greylist, entry.session.greylist);
    QVERIFY(read.session == entry.session);
}

void TestEntryCodec::plainEntriesAreWrittenInVersionOne()
{
    Entry entry = someEntry();
    entry.session = {};
    const QByteArray bytes = encodeBody(entry);
    QCOMPARE(bytes.front(), '\1');
    Entry read;
    QVERIFY(decodeBody(bytes, read).has_value());
    QVERIFY(read.session.isEmpty());
}

void TestEntryCodec::unknownVersionsAreRefused_data()
{
    QTest::addColumn<char>("version");
    QTest::newRow("none") << '\0';
    QTest::newRow("of the future") << '\4';
}

void TestEntryCodec::unknownVersionsAreRefused()
{
    QFETCH(char, version);
    QByteArray bytes = encodeBody(someEntry());
    bytes[0] = version;
    Entry read;
    const Status status = decodeBody(bytes, read);
    QVERIFY(!status.has_value());
    QCOMPARE(status.error().id, QByteArray("spool.damaged"));
}

QTEST_GUILESS_MAIN(TestEntryCodec)
#include "tst_entry_codec.moc"
