// SPDX-License-Identifier: GPL-2.0-or-later
// Our reading of rule files against SpamAssassin's own, test by test.
#include "appliance/spam/conf/RuleReader.h"

#include <QtCore/QDir>
#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>
#include <QtCore/QProcess>
#include <QtCore/QSet>
#include <QtCore/QStandardPaths>
#include <QtCore/QTemporaryDir>
#include <QtTest/QTest>

namespace portcullis::spam {

namespace {

constexpr int oracleTimeout = 100'000;  // ms; it compiles three thousand tests

/// Type numbers of SpamAssassin's Conf.
int oracleType(TestKind kind)
{
    switch (kind) {
    case TestKind::Header:
        return 0x08;
    case TestKind::HeaderEval:
        return 0x09;
    case TestKind::Body:
        return 0x0a;
    case TestKind::BodyEval:
    case TestKind::MimeHeader:
    case TestKind::UriDetail:
        return 0x0b;
    case TestKind::Full:
        return 0x0c;
    case TestKind::FullEval:
        return 0x0d;
    case TestKind::RawBody:
        return 0x0e;
    case TestKind::RawBodyEval:
        return 0x0f;
    case TestKind::Uri:
        return 0x10;
    case TestKind::Meta:
        return 0x12;
    case TestKind::RblEval:
        return 0x13;
    case TestKind::AskDns:
    case TestKind::Empty:
        return 0x14;
    }
    return -1;
}

QByteArray bytes(const QJsonValue &value)
{
    return value.toString().toLatin1();
}

/// "From:addr" from the parts of a query, with the modifiers in a set.
QSet<QByteArray> headerWords(const HeaderQuery &query)
{
    QSet<QByteArray> words{query.name};
    const std::pair<const char *, bool> modifiers[] = {
        {"raw", query.isRaw},       {"addr", query.isAddress}, {"name", query.isName},
        {"first", query.isFirst},   {"last", query.isLast},    {"host", query.isHost},
        {"domain", query.isDomain}, {"ip", query.isIp},        {"revip", query.isReverseIp}};
    for (const auto &[word, isSet] : modifiers) {
        if (isSet) {
            words.insert(word);
        }
    }
    return words;
}

QSet<QByteArray> wordsOf(const QByteArray &text, char separator)
{
    QSet<QByteArray> words;
    for (const QByteArray &word : text.split(separator)) {
        if (!word.isEmpty()) {
            words.insert(word);
        }
    }
    return words;
}

/// What Perl prints of a compiled regex: "(?aa)(?i)source".
bool isSameRegex(const Regex &ours, QByteArray theirs)
{
    while (theirs.startsWith("(?aa)")) {
        theirs.remove(0, 5);
    }
    QByteArray modifiers;
    modifiers += ours.isCaseless ? "i" : "";
    modifiers += ours.isMultiLine ? "m" : "";
    modifiers += ours.isDotAll ? "s" : "";
    modifiers += ours.isExtended ? "x" : "";
    modifiers += ours.hasNoCapture ? "n" : "";
    if (!modifiers.isEmpty()) {
        const qsizetype end = theirs.indexOf(')');
        if (!theirs.startsWith("(?") || end < 0) {
            return false;
        }
        const QByteArray letters = theirs.mid(2, end - 2);
        for (const char letter : modifiers) {
            if (!letters.contains(letter)) {
                return false;
            }
        }
        theirs.remove(0, end + 1);
    }
    // SpamAssassin quotes the brace of %{NAME} in its copy.
    for (const QByteArray &name : ours.neededCaptures) {
        theirs.replace("%\\{" + name + "\\}", "%{" + name + "}");
    }
    return ours.source == theirs;
}

const Regex *regexOf(const Test &test)
{
    if (const auto *header = std::get_if<HeaderTest>(&test.body)) {
        return header->isExistence ? nullptr : &header->regex;
    }
    if (const auto *mime = std::get_if<MimeHeaderTest>(&test.body)) {
        return &mime->regex;
    }
    const auto *text = std::get_if<TextTest>(&test.body);
    return text ? &text->regex : nullptr;
}

QByteArray headerDifference(const Test &test, const QJsonObject &theirs)
{
    const auto *header = std::get_if<HeaderTest>(&test.body);
    const auto *mime = std::get_if<MimeHeaderTest>(&test.body);
    if (!header && !mime) {
        return {};
    }
    const HeaderQuery &query = header ? header->header : mime->header;
    if (headerWords(query) != wordsOf(bytes(theirs[QLatin1String("header")]), ':')) {
        return "header";
    }
    if ((header ? header->isNegated : mime->isNegated)
        != (theirs[QLatin1String("negated")].toInt() != 0)) {
        return "negation";
    }
    const std::optional<QByteArray> &unset = header ? header->ifUnset : mime->ifUnset;
    if (unset.value_or(QByteArray()) != bytes(theirs[QLatin1String("unset")])) {
        return "if-unset";
    }
    return header && header->isExistence != (theirs[QLatin1String("exists")].toInt() != 0)
               ? "exists"
               : "";
}

QByteArray scoreDifference(const Test &test, const QJsonObject &theirs)
{
    const QJsonArray scores = theirs[QLatin1String("scores")].toArray();
    for (int set = 0; set < scoreSets; ++set) {
        const auto at = static_cast<size_t>(set);
        const double expected = test.isSubRule() ? 0 : scores[set].toDouble();
        if (qAbs(test.scores[at] - expected) > 1e-9) {
            return "score of set " + QByteArray::number(set);
        }
        if (test.isActive[at] && scores[set].toDouble() == 0) {
            return "activity in set " + QByteArray::number(set);
        }
    }
    return {};
}

/// Which property differs, if any.
QByteArray difference(const Test &test, const QJsonObject &theirs)
{
    if (oracleType(test.kind) != theirs[QLatin1String("type")].toInt()) {
        return "type";
    }
    if (const Regex *regex = regexOf(test);
        regex && !isSameRegex(*regex, bytes(theirs[QLatin1String("regex")]))) {
        return "regex";
    }
    if (const QByteArray header = headerDifference(test, theirs); !header.isEmpty()) {
        return header;
    }
    if (const auto *meta = std::get_if<MetaTest>(&test.body);
        meta && meta->text != bytes(theirs[QLatin1String("text")])) {
        return "meta";
    }
    if (const auto *call = std::get_if<EvalCall>(&test.body);
        call && !bytes(theirs[QLatin1String("text")]).startsWith(call->function + "(")) {
        return "eval function";
    }
    if (const QByteArray score = scoreDifference(test, theirs); !score.isEmpty()) {
        return score;
    }
    QSet<QByteArray> flags(test.flags.begin(), test.flags.end());
    QSet<QByteArray> expected = wordsOf(bytes(theirs[QLatin1String("flags")]).toLower(), ' ');
    if (test.kind == TestKind::Meta) {
        // There, metas take "net" over from what they need, in the order of a hash.
        flags.remove("net");
        expected.remove("net");
    }
    if (flags != expected) {
        return "tflags";
    }
    if (test.description != bytes(theirs[QLatin1String("description")])) {
        return "description";
    }
    const int priority = theirs[QLatin1String("priority")].toInt();
    const bool isDefault = priority == 0 && test.hasFlag("net");
    return test.effectivePriority == (isDefault ? -100 : priority) ? "" : "priority";
}

}  // namespace

class TestOracle : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void readsFilesAsSpamAssassinDoes_data();
    void readsFilesAsSpamAssassinDoes();

private:
    QTemporaryDir m_site;
};

void TestOracle::initTestCase()
{
    if (QStandardPaths::findExecutable(QStringLiteral("spamassassin")).isEmpty()
        || !QDir(QStringLiteral("/usr/share/spamassassin")).exists()
        || !QDir(QStringLiteral("/etc/spamassassin")).exists()) {
        QSKIP("SpamAssassin is not installed");
    }
    // Debian's settings, and a file of an administrator who knows all of the language.
    const QDir debian(QStringLiteral("/etc/spamassassin"));
    for (const QString &name :
         debian.entryList({QStringLiteral("*.pre"), QStringLiteral("*.cf")})) {
        QVERIFY(QFile::copy(debian.filePath(name), m_site.filePath(name)));
    }
    const QDir own(QStringLiteral(PORTCULLIS_SOURCE_DIR "/tests/unit/spam-conf/data/site"));
    for (const QString &name : own.entryList(QDir::Files)) {
        QVERIFY(QFile::copy(own.filePath(name), m_site.filePath(name)));
    }
}

void TestOracle::readsFilesAsSpamAssassinDoes_data()
{
    QTest::addColumn<QString>("rules");
    QTest::addColumn<QString>("site");
    const QString stock = QStringLiteral("/usr/share/spamassassin");
    QTest::newRow("as installed") << stock << QStringLiteral("/etc/spamassassin");
    QTest::newRow("with rules of an administrator") << stock << m_site.path();
}

void TestOracle::readsFilesAsSpamAssassinDoes()
{
    QFETCH(QString, rules);
    QFETCH(QString, site);
    QProcess perl;
    perl.setProcessEnvironment([] {
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        environment.insert(QStringLiteral("LANGUAGE"), QStringLiteral("en_US"));
        return environment;
    }());
    perl.start(
        QStringLiteral("perl"),
        {QStringLiteral(PORTCULLIS_SOURCE_DIR "/tests/unit/spam-conf/dump-conf.pl"), rules, site});
    QVERIFY(perl.waitForFinished(oracleTimeout));
    QVERIFY2(perl.exitCode() == 0, perl.readAllStandardError().constData());

    RuleSources sources;
    sources.stock = rules;
    sources.updates.clear();
    sources.site = site;
    const RuleSet ours = readRules(sources);
    QSet<QByteArray> seen;
    QStringList differences;
    for (const QByteArray &line : perl.readAllStandardOutput().split('\n')) {
        // The dump is Latin-1, one character a byte.
        const QJsonObject theirs = QJsonDocument::fromJson(QString::fromLatin1(line).toUtf8())
                                       .object();
        const QByteArray name = bytes(theirs[QLatin1String("name")]);
        if (name.isEmpty()) {
            continue;
        }
        seen.insert(name);
        const Test *test = ours.find(name);
        const QByteArray what = test ? difference(*test, theirs) : QByteArray("missing here");
        if (!what.isEmpty()) {
            differences << QString::fromLatin1(name + ": " + what);
        }
    }
    for (const Test &test : ours.tests) {
        if (!seen.contains(test.name)) {
            differences << QString::fromLatin1(test.name + ": unknown there");
        }
    }
    QVERIFY(seen.size() > 2000);
    QVERIFY2(differences.isEmpty(), qPrintable(differences.join(QLatin1Char('\n'))));
}

}  // namespace portcullis::spam

QTEST_GUILESS_MAIN(portcullis::spam::TestOracle)
#include "TestOracle.moc"
