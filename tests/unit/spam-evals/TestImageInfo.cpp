// SPDX-License-Identifier: GPL-2.0-or-later
// Plugin ImageInfo, with pictures that are no more than their headers.
#include "appliance/spam/evals/ImageInfoEvals.h"
#include "appliance/spam/evals/ImageSize.h"
#include "tests/unit/spam-evals/FakeScan.h"

#include <QtTest/QtTest>

using namespace portcullis::spam;

Q_DECLARE_METATYPE(std::vector<QByteArray>)

namespace {

using Arguments = std::vector<QByteArray>;

// 300 wide, 200 high, all of them.
const QByteArray gif = QByteArray::fromHex("474946383961"
                                           "2c01"
                                           "c800"
                                           "800000");
const QByteArray png = QByteArray::fromHex("89504e470d0a1a0a"
                                           "0000000d49484452"
                                           "0000012c"
                                           "000000c8"
                                           "0806000000"
                                           "00000000");
const QByteArray jpeg = QByteArray::fromHex("ffd8"
                                            "ffe00006"
                                            "4a464946"
                                            "ffc0000b08"
                                            "00c8"
                                            "012c"
                                            "01011100"
                                            "ffd9");

QByteArray picture(const QByteArray &type, const QByteArray &name, const QByteArray &data)
{
    return "--b\nContent-Type: " + type + "; name=\"" + name
           + "\"\nContent-Transfer-Encoding: base64\n\n" + data.toBase64() + "\n";
}

QByteArray messageWith(const QByteArray &pictures)
{
    return "Subject: a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nsome text\n" + pictures
           + "--b--\n";
}

}  // namespace

class TestImageInfo final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void readsSizes_data();
    void readsSizes();
    void survivesEveryCut();
    void answers_data();
    void answers();
    void measuresTheTextOfTheRule();
};

void TestImageInfo::readsSizes_data()
{
    QTest::addColumn<QByteArray>("data");
    QTest::addColumn<bool>("isPicture");
    QTest::newRow("GIF") << gif << true;
    QTest::newRow("PNG") << png << true;
    QTest::newRow("JPEG") << jpeg << true;
    QTest::newRow("nothing") << QByteArray() << false;
    QTest::newRow("text") << QByteArray("GIF89b and no picture") << false;
    QTest::newRow("no size") << QByteArray("GIF89a\0\0\0\0\0\0\0", 13) << false;
    QTest::newRow("a JPEG without frame") << QByteArray::fromHex("ffd8ffd9") << false;
    QTest::newRow("a JPEG of empty segments") << QByteArray::fromHex("ffd8ffe00000ffc0") << false;
}

void TestImageInfo::readsSizes()
{
    QFETCH(QByteArray, data);
    QFETCH(bool, isPicture);
    std::optional<ImageSize> size = gifSize(data);
    size = size ? size : pngSize(data);
    size = size ? size : jpegSize(data);
    QCOMPARE(size.has_value(), isPicture);
    if (size) {
        QCOMPARE(*size, (ImageSize{300, 200}));
    }
}

void TestImageInfo::survivesEveryCut()
{
    for (const QByteArray &data : {gif, png, jpeg}) {
        for (qsizetype length = 0; length < data.size(); ++length) {
            const QByteArray part = data.first(length);
            const bool isAny = gifSize(part) || pngSize(part) || jpegSize(part);
            QVERIFY(!isAny || length >= 10);
        }
    }
}

void TestImageInfo::answers_data()
{
    QTest::addColumn<QByteArray>("message");
    QTest::addColumn<QByteArray>("function");
    QTest::addColumn<Arguments>("arguments");
    QTest::addColumn<int>("expected");
    const auto row = [](const char *name, const QByteArray &message, const char *function,
                        Arguments arguments, int hits) {
        QTest::newRow(name) << message << QByteArray(function) << std::move(arguments) << hits;
    };
    const QByteArray one = messageWith(picture("image/gif", "a.gif", gif));
    const QByteArray three = messageWith(picture("image/gif", "a.gif", gif)
                                         + picture("image/png", "b.png", png)
                                         + picture("image/jpg", "c.jpg", jpeg));
    const QByteArray none = messageWith({});
    row("one picture", one, "image_count", {"all", "1", "1"}, 1);
    row("three pictures", three, "image_count", {"all", "2"}, 1);
    row("more than one", three, "image_count", {"all", "1", "1"}, 0);
    row("of a format", three, "image_count", {"jpeg", "1", "1"}, 1);
    row("no pictures", none, "image_count", {"all", "0", "0"}, 1);
    row("no such format", one, "image_count", {"bmp", "0"}, 0);
    row("area", one, "pixel_coverage", {"gif", "60000", "60000"}, 1);
    row("area of all", three, "pixel_coverage", {"all", "180000", "475000"}, 1);
    row("too small", one, "pixel_coverage", {"all", "180000", "475000"}, 0);
    row("height and width", one, "image_size_exact", {"gif", "200", "300"}, 1);
    row("width and height", one, "image_size_exact", {"gif", "300", "200"}, 0);
    row("at least so large", one, "image_size_range", {"all", "100", "300"}, 1);
    row("at most so large", one, "image_size_range", {"all", "100", "300", "150", "350"}, 0);
    row("by name", three, "image_named", {"b.png"}, 1);
    row("by another", three, "image_named", {"d.png"}, 0);
    row("by a pattern", three, "image_name_regex", {"^\\w\\.png$"}, 1);
    row("by a pattern that does not match", three, "image_name_regex", {"bmp"}, 0);
    row("little text", one, "image_to_text_ratio", {"all", "0.000", "0.008"}, 1);
    row("text without pictures", none, "image_to_text_ratio", {"all", "0.000", "0.008"}, 0);
}

void TestImageInfo::answers()
{
    QFETCH(QByteArray, message);
    QFETCH(QByteArray, function);
    QFETCH(Arguments, arguments);
    ImageInfoEvals module;
    test::FakeScan scan({}, message);
    QTEST(scan.ask(module, function, arguments), "expected");
}

void TestImageInfo::measuresTheTextOfTheRule()
{
    const QByteArray html = "--b\nContent-Type: text/html\n\n<p class=\"" + QByteArray(900, 'x')
                            + "\">a</p>\n";
    const QByteArray message = messageWith(html + picture("image/gif", "a.gif", gif));
    Test rule;
    rule.kind = TestKind::BodyEval;
    ImageInfoEvals module;
    test::FakeScan scan({}, message);
    scan.runningTest = &rule;
    QCOMPARE(scan.ask(module, "image_to_text_ratio", {"all", "0.000", "0.008"}), 1);
    rule.kind = TestKind::RawBodyEval;
    QCOMPARE(scan.ask(module, "image_to_text_ratio", {"all", "0.000", "0.008"}), 0);
}

QTEST_APPLESS_MAIN(TestImageInfo)
#include "TestImageInfo.moc"
