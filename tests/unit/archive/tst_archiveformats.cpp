// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/archive/formats/Signature.h"
#include "appliance/archive/formats/ZipStructure.h"
#include "appliance/archive/protocol/Wire.h"
#include "tests/unit/archive/TestArchives.h"

#include <QtTest/QtTest>

using namespace portcullis::archive;
using namespace portcullis::archive::testing;

Q_DECLARE_METATYPE(portcullis::archive::Format)

/// What can be said of an archive without unpacking it, and the words that carry it.
class TestArchiveFormats : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void recognises_data();
    void recognises();
    void findsNoFaultInPlainZip();
    void findsLies_data();
    void findsLies();
    void survivesEveryCut();
    void carriesRequests();
    void carriesListings();
    void refusesBrokenListings();

private:
    static std::string_view view(const QByteArray &bytes)
    {
        return {bytes.constData(), static_cast<size_t>(bytes.size())};
    }
    static ZipStructure structureOf(const QByteArray &bytes)
    {
        return readZipStructure(view(bytes), 1000);
    }
};

void TestArchiveFormats::recognises_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<Format>("format");
    QTest::addColumn<int>("offset");
    const QByteArray zip = zipOf({{"a.txt", "hello"}});
    QTest::newRow("nothing") << QByteArray() << Format::None << 0;
    QTest::newRow("text") << QByteArray("Dear Anna, PK is short for Phil Katz.") << Format::None
                          << 0;
    QTest::newRow("zip") << zip << Format::Zip << 0;
    QTest::newRow("empty zip") << ZipWriter().finish() << Format::Zip << 0;
    QTest::newRow("C5 program before zip") << QByteArray("MZ program ") + zip << Format::Zip << 11;
    QTest::newRow("C5 PDF before zip")
        << QByteArray("%PDF-1.7\n%%EOF\n") + zip << Format::Zip << 15;
    QTest::newRow("C5 bytes behind zip")
        << QByteArray("GIF89a") + zip + QByteArray(200, 'x') << Format::Zip << 6;
    QTest::newRow("tar") << tarOf({tarMember("a", "b")}) << Format::Tar << 0;
    QTest::newRow("tar without ustar") << [] {
        QByteArray tar = tarOf({tarMember("a", "b")});
        tar.replace(257, 8, QByteArray(8, '\0'));
        quint32 sum = 8 * ' ';
        for (int i = 0; i < 512; ++i) {
            sum += i >= 148 && i < 156 ? 0 : static_cast<unsigned char>(tar[i]);
        }
        tar.replace(148, 7, QByteArray::number(sum, 8).rightJustified(6, '0') + '\0');
        return tar;
    }() << Format::Tar << 0;
    QTest::newRow("rar5") << QByteArray("Rar!\x1A\7\1\0", 8) << Format::Rar5 << 0;
    QTest::newRow("self-extracting rar")
        << QByteArray("MZ") + QByteArray(100, 'x') + QByteArray("Rar!\x1A\7\0", 7) << Format::Rar
        << 102;
    QTest::newRow("7z") << QByteArray("7z\xBC\xAF\x27\x1C"
                                      "0000")
                        << Format::SevenZip << 0;
    QTest::newRow("two bytes of arj are not enough")
        << QByteArray("\x60\xEA nothing of the kind") << Format::None << 0;
}

void TestArchiveFormats::recognises()
{
    QFETCH(QByteArray, bytes);
    QFETCH(Format, format);
    QFETCH(int, offset);
    const Signature signature = findSignature(view(bytes));
    QCOMPARE(signature.format, format);
    QCOMPARE(static_cast<int>(signature.offset), offset);
}

void TestArchiveFormats::findsNoFaultInPlainZip()
{
    const ZipStructure zip = structureOf(zipOf(
        {{"a.txt", "hello"}, {"folder/", ""}, {.name = "b", .content = "x", .isDeflated = true}}));
    QVERIFY(zip.hasDirectory);
    QVERIFY(!zip.contradictsItself());
    QVERIFY(!zip.isTruncated && !zip.isEncrypted && !zip.isMultiDisk && !zip.isCut);
    QCOMPARE(zip.prepended, 0U);
    QCOMPARE(zip.appended, 0U);
    QCOMPARE(zip.members.size(), 3U);
    QCOMPARE(zip.members[0].name, std::string("a.txt"));
}

void TestArchiveFormats::findsLies_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QByteArray>("lie");
    QTest::newRow("C5 local name differs")
        << zipOf({{.name = "a.txt", .content = "x", .localName = "a.exe"}}) << QByteArray("names");
    QTest::newRow("C5 duplicate names")
        << zipOf({{"a.txt", "x"}, {"a.txt", "y"}}) << QByteArray("duplicates");
    QTest::newRow("C5 names differ in case")
        << zipOf({{"a.txt", "x"}, {"A.TXT", "y"}}) << QByteArray("duplicates");
    QTest::newRow("C5 hidden member") << zipOf(
        {{"a.txt", "x"}, {.name = "b.exe", .content = "MZ", .isListed = false}, {"c", "z"}})
                                      << QByteArray("hidden");
    QTest::newRow("C5 two archives in a row")
        << zipOf({{"a.exe", "MZ"}}) + zipOf({{"b.txt", "y"}}) << QByteArray("hidden");
    ZipWriter overlapping;
    overlapping.add({"a", "xxxx"});
    overlapping.listAgain("b");
    QTest::newRow("C5 overlapping entries") << overlapping.finish() << QByteArray("overlaps");
    QTest::newRow("C6 encryption bit")
        << zipOf({{.name = "a", .content = "x", .flags = 1}}) << QByteArray("encrypted");
    QTest::newRow("C5 prepended") << ZipWriter("prefix").finish() << QByteArray("prepended");
    QTest::newRow("C5 appended") << zipOf({{"a", "x"}}) + "suffix" << QByteArray("appended");
    QTest::newRow("cut") << zipOf({{"a", QByteArray(1000, 'x')}}).first(500)
                         << QByteArray("truncated");
}

void TestArchiveFormats::findsLies()
{
    QFETCH(QByteArray, bytes);
    QFETCH(QByteArray, lie);
    const ZipStructure zip = structureOf(bytes);
    QCOMPARE(zip.namesDiffer, lie == "names" || lie == "overlaps");  // two names, one header
    QCOMPARE(zip.hasDuplicates, lie == "duplicates");
    QCOMPARE(zip.hasHiddenMembers, lie == "hidden");
    QCOMPARE(zip.overlaps, lie == "overlaps");
    QCOMPARE(zip.isEncrypted, lie == "encrypted");
    QCOMPARE(zip.isTruncated, lie == "truncated");
    QCOMPARE(zip.appended > 0, lie == "appended");
    if (lie == "prepended") {
        QCOMPARE(zip.prepended, 6U);
    }
    if (lie == "hidden") {
        QVERIFY(zip.hiddenNames.front().ends_with(".exe"));
    }
}

void TestArchiveFormats::survivesEveryCut()
{
    const QByteArray zip = zipOf({{"a.txt", "hello"}, {"b.txt", "world"}});
    for (qsizetype size = 0; size < zip.size(); ++size) {
        QVERIFY(!structureOf(zip.first(size)).hasDirectory);
        structureOf(zip.last(size));
        findSignature(view(zip.last(size)));
    }
}

void TestArchiveFormats::carriesRequests()
{
    wire::RequestHead head;
    head.limits.levels = 7;
    head.limits.totalBytes = 1ULL << 40U;
    head.usesKArchive = false;
    head.size = 123456789;
    const std::string encoded = wire::encode(head);
    QCOMPARE(encoded.size(), wire::requestHeadSize);
    QVERIFY(wire::decodeRequestHead(encoded) == head);
    for (size_t size = 0; size < encoded.size(); ++size) {
        QVERIFY(!wire::decodeRequestHead(encoded.substr(0, size)));
    }
    QVERIFY(!wire::decodeRequestHead(encoded + "x"));
}

void TestArchiveFormats::carriesListings()
{
    wire::Listing listing;
    listing.format = "zip";
    listing.flags = wire::Encrypted | wire::Traversal;
    listing.limit = wire::Limit::Ratio;
    listing.detail = "détail";
    listing.retires = true;
    listing.entries.push_back({std::string("a\0b\n../", 7), "in.zip", 3, wire::Kind::SymbolicLink,
                               -1, 42, "x/y", "", true});
    listing.entries.push_back({});
    QVERIFY(wire::decodeListing(wire::encode(listing)) == listing);
}

void TestArchiveFormats::refusesBrokenListings()
{
    wire::Listing listing;
    listing.entries.resize(3);
    const std::string encoded = wire::encode(listing);
    for (size_t size = 0; size < encoded.size(); ++size) {
        QVERIFY(!wire::decodeListing(encoded.substr(0, size)));
    }
    QVERIFY(!wire::decodeListing(encoded + "x"));
    std::string manyEntries = wire::encode(wire::Listing());
    manyEntries.replace(manyEntries.size() - 4, 4, "\xff\xff\xff\x7f");
    QVERIFY(!wire::decodeListing(manyEntries));
}

QTEST_GUILESS_MAIN(TestArchiveFormats)
#include "tst_archiveformats.moc"
