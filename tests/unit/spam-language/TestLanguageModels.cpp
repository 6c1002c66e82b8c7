// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/language/LanguageModels.h"
#include "appliance/spam/language/LanguageText.h"

#include <QtCore/QDirIterator>
#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>
#include <QtCore/QProcess>
#include <QtTest/QTest>

namespace portcullis::spam {

namespace {

constexpr qsizetype mostText = 10'000;
constexpr int mostGrams = 400;

QString stockFile()
{
    return QStringLiteral("/usr/share/spamassassin/languages");
}

QString corpora()
{
    const QString given = qEnvironmentVariable("PORTCULLIS_CORPORA");
    return given.isEmpty() ? QStringLiteral(PORTCULLIS_SOURCE_DIR "/../shared/corpora") : given;
}

/// As ok_languages "all" leaves them.
QSet<QByteArray> inactive()
{
    const QList<QByteArray> names =
        QByteArray("bs cy eo et eu fy ga gd is la lt lv rm sa sco sl yi").split(' ');
    return {names.begin(), names.end()};
}

QByteArray guessed(const LanguageModels &models, QByteArrayView text)
{
    const auto distances = models.compare(text, inactive(), mostGrams);
    QByteArray names;
    int count = 0;
    for (const auto &found : distances) {
        if (count > 0 && found.distance >= 1.02 * distances.front().distance) {
            break;
        }
        names += (names.isEmpty() ? "" : " ") + found.language;
        ++count;
    }
    return count > 3 ? QByteArray() : names;
}

QStringList someFiles(const QString &folder, int count)
{
    QStringList all;
    QDirIterator files(folder, QDir::Files, QDirIterator::Subdirectories);
    while (files.hasNext()) {
        all.append(files.next());
    }
    all.sort();
    QStringList chosen;
    for (int i = 0; i < count && !all.isEmpty(); ++i) {
        chosen.append(all[i * all.size() / count]);
    }
    return chosen;
}

}  // namespace

class TestLanguageModels : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void readsModels()
    {
        const auto models = LanguageModels::parse(QByteArrayView("a\nc\n0 xx\nb\nd\n0 yy.utf8\n"));
        QVERIFY(models.has_value());
        QCOMPARE(models->size(), size_t(2));
        const auto distances = models->compare("b", {}, 10);
        QCOMPARE(distances.front().language, QByteArray("yy"));
        QCOMPARE(models->compare("b", {"yy"}, 2).size(), size_t(1));
    }

    void refusesWhatAreNoModels_data()
    {
        QTest::addColumn<QByteArray>("text");
        QTest::newRow("empty") << QByteArray();
        QTest::newRow("no end of a model") << QByteArray("a\nb\n");
        QTest::newRow("too many") << QByteArray("a\n0 x\n").repeated(2'000);
    }

    void refusesWhatAreNoModels()
    {
        QFETCH(QByteArray, text);
        const auto models = LanguageModels::parse(text);
        QVERIFY(!models.has_value());
        QCOMPARE(models.error().id, QByteArray("language.models"));
        QVERIFY(!LanguageModels::read(QStringLiteral("/nonexistent")).has_value());
    }

    void countsGrams()
    {
        // Of "aa" between borders: the border twice, "a" twice, all others once, in order of octets.
        const std::vector<quint64> grams = frequentGrams("aa", 100);
        QCOMPARE(grams.size(), size_t(8));
        QCOMPARE(grams[0] & 0xff, quint64(1));
        QCOMPARE(grams[0] >> 40, quint64(0));
        QCOMPARE(grams[1] >> 40, quint64('a'));
        QCOMPARE(frequentGrams("aa", 100, 1).size(), size_t(2));
        QCOMPARE(frequentGrams("aa", 3).size(), size_t(3));
        QVERIFY(frequentGrams("12 34 !?", 100).empty());
        QCOMPARE(frequentGrams("HOUSE", 100), frequentGrams("house", 100));
        QVERIFY(frequentGrams("NSA", 100) != frequentGrams("nsa", 100));
    }

    void cleansTexts_data()
    {
        QTest::addColumn<QByteArray>("body");
        QTest::addColumn<QByteArray>("text");
        QTest::newRow("prefixes") << QByteArray("Re: AW:  hello") << QByteArray("hello");
        QTest::newRow("no prefix") << QByteArray("Q: hello") << QByteArray("Q: hello");
        QTest::newRow("link") << QByteArray("see https://a.example/b?c here")
                              << QByteArray("see   here");
        QTest::newRow("escaped link")
            << QByteArray("x http%3A%2F%2Fa.example y") << QByteArray("x   y");
        QTest::newRow("scheme alone") << QByteArray("x http:// y") << QByteArray("x http:// y");
        QTest::newRow("host") << QByteArray("see www.a.example now") << QByteArray("see   now");
        QTest::newRow("host within a word") << QByteArray("awww.a") << QByteArray("awww.a");
        QTest::newRow("address") << QByteArray("ask joe@a.example now") << QByteArray("ask   now");
        QTest::newRow("at alone") << QByteArray("3 @ 4") << QByteArray("3 @ 4");
        QTest::newRow("cut") << QByteArray(20'000, 'a') << QByteArray(mostText, 'a');
    }

    void cleansTexts()
    {
        QFETCH(QByteArray, body);
        QTEST(languageText({body}, mostText), "text");
    }

    void tellsLanguages_data()
    {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<QByteArray>("language");
        QTest::newRow("English") << QByteArray(
            "The quick brown fox jumps over the lazy dog, and then it goes home to sleep "
            "because the day was long and there is nothing else that it would like to do "
            "when the evening comes and all of the other animals are already in their beds.")
                                 << QByteArray("en");
        QTest::newRow("German") << QByteArray(
            "Der schnelle Fuchs springt ueber den faulen Hund und geht dann nach Hause, weil "
            "der Tag lang war und es nichts anderes gibt, was er noch tun moechte, wenn der "
            "Abend kommt und alle anderen Tiere schon in ihren Betten liegen und schlafen.")
                                << QByteArray("de");
        QTest::newRow("Italian") << QByteArray(
            "La volpe veloce salta sopra il cane pigro e poi torna a casa per dormire perche "
            "la giornata era lunga e non c'e nient'altro che vorrebbe fare quando arriva la "
            "sera e tutti gli altri animali sono gia nei loro letti e dormono tranquilli.")
                                 << QByteArray("it");
    }

    void tellsLanguages()
    {
        const auto models = LanguageModels::read(stockFile());
        if (!models) {
            QSKIP("SpamAssassin's rules are not installed");
        }
        QFETCH(QByteArray, text);
        QTEST(models->compare(text, inactive(), mostGrams).front().language, "language");
    }

    void agreesWithSpamAssassin()
    {
        const auto models = LanguageModels::read(stockFile());
        const QString folder = qEnvironmentVariable("PORTCULLIS_LANGUAGE_MAIL");
        const int count = qEnvironmentVariableIntValue("PORTCULLIS_LANGUAGE_COUNT");
        const QStringList files = someFiles(folder.isEmpty() ? corpora() + QStringLiteral("/mime")
                                                             : folder,
                                            count > 0 ? count : 40);
        if (!models || files.isEmpty()) {
            QSKIP("SpamAssassin's rules or the corpora are not there");
        }
        QProcess oracle;
        oracle.start(QStringLiteral("perl"),
                     QStringList(QStringLiteral(PORTCULLIS_SOURCE_DIR
                                                "/tests/unit/spam-language/textcat.pl"))
                         + files);
        constexpr int patience = 600'000;
        if (!oracle.waitForFinished(patience) || oracle.exitCode() != 0) {
            QSKIP("SpamAssassin is not installed");
        }
        int asked = 0;
        int equal = 0;
        for (const QByteArray &line : oracle.readAllStandardOutput().split('\n')) {
            const QJsonObject said = QJsonDocument::fromJson(line).object();
            if (said.isEmpty()) {
                continue;
            }
            std::vector<QByteArray> body;
            for (const QJsonValue &paragraph : said[QLatin1String("body")].toArray()) {
                body.push_back(paragraph.toString().toLatin1());
            }
            const QByteArray text = languageText(body, mostText);
            const QByteArray found = text.size() < 256 ? QByteArray() : guessed(*models, text);
            const QByteArray expected = said[QLatin1String("languages")].toString().toLatin1();
            ++asked;
            equal += found == expected;
            if (found != expected) {
                qInfo() << "SpamAssassin:" << expected << "we:" << found << text.size()
                        << said[QLatin1String("length")] << said[QLatin1String("wide")];
            }
        }
        qInfo() << equal << "of" << asked << "languages equal";
        QVERIFY(equal * 100 >= asked * 95);
    }
};

}  // namespace portcullis::spam

QTEST_GUILESS_MAIN(portcullis::spam::TestLanguageModels)
#include "TestLanguageModels.moc"
