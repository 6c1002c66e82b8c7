// SPDX-License-Identifier: GPL-2.0-or-later
// Real and nasty messages from other projects' suites: what must hold for any of them. Skipped where
// the corpora are not installed (set PORTCULLIS_CORPORA to their folder).
#include "appliance/mail/Message.h"
#include "appliance/mail/MessageEditor.h"

#include <QtCore/QDirIterator>
#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>
#include <QtCore/QProcess>
#include <QtCore/QTemporaryDir>
#include <QtTest/QtTest>

#include <gmime/gmime.h>

namespace mail = portcullis::mail;

namespace {

QString corporaFolder()
{
    const QString fromEnvironment = qEnvironmentVariable("PORTCULLIS_CORPORA");
    return fromEnvironment.isEmpty() ? QStringLiteral(PORTCULLIS_SOURCE_DIR "/../shared/corpora")
                                     : fromEnvironment;
}

// A message as it comes over the wire: every line ends with CRLF.
QByteArray readMessage(const QString &path)
{
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly)) {
        return {};
    }
    QByteArray bytes = file.readAll();
    bytes.replace("\r\n", "\n").replace("\n", "\r\n");
    return bytes;
}

QStringList messageFiles(const QString &folder)
{
    QStringList files;
    QDirIterator it(folder, QDir::Files, QDirIterator::Subdirectories);
    while (it.hasNext()) {
        const QString path = it.next();
        const QString suffix = QFileInfo(path).suffix();
        if (suffix != QLatin1StringView("json") && suffix != QLatin1StringView("xml")
            && suffix != QLatin1StringView("ref") && suffix != QLatin1StringView("out")) {
            files.append(path);
        }
    }
    files.sort();
    return files;
}

struct Described {
    QByteArray type;
    QByteArray content;

    friend bool operator==(const Described &, const Described &) = default;
};

// What GMime makes of the message: its leaves in order.
void describeByGMime(GMimeObject *object, std::vector<Described> &leaves)
{
    if (GMIME_IS_MULTIPART(object)) {
        auto *multipart = GMIME_MULTIPART(object);
        for (int i = 0; i < g_mime_multipart_get_count(multipart); ++i) {
            describeByGMime(g_mime_multipart_get_part(multipart, i), leaves);
        }
        return;
    }
    GMimeContentType *type = g_mime_object_get_content_type(object);
    char *name = g_mime_content_type_get_mime_type(type);
    Described leaf{QByteArray(name).toLower(), {}};
    g_free(name);
    if (GMIME_IS_MESSAGE_PART(object)) {
        leaves.push_back(leaf);
        GMimeMessage *inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(object));
        if (inner != nullptr) {
            describeByGMime(g_mime_message_get_mime_part(inner), leaves);
        }
        return;
    }
    if (GMIME_IS_PART(object)) {
        GMimeStream *stream = g_mime_stream_mem_new();
        GMimeDataWrapper *wrapper = g_mime_part_get_content(GMIME_PART(object));
        if (wrapper != nullptr) {
            g_mime_data_wrapper_write_to_stream(wrapper, stream);
        }
        const GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
        leaf.content = QByteArray(reinterpret_cast<const char *>(bytes->data),
                                  static_cast<qsizetype>(bytes->len));
        g_object_unref(stream);
    }
    leaves.push_back(std::move(leaf));
}

std::vector<Described> describeByGMime(QByteArrayView bytes)
{
    mail::initialise();
    std::vector<Described> leaves;
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer(bytes.data(),
                                                            static_cast<size_t>(bytes.size()));
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    GMimeMessage *message = g_mime_parser_construct_message(parser, nullptr);
    if (message != nullptr) {
        describeByGMime(g_mime_message_get_mime_part(message), leaves);
        g_object_unref(message);
    }
    g_object_unref(parser);
    g_object_unref(stream);
    return leaves;
}

std::vector<Described> describe(const mail::Message &message)
{
    std::vector<Described> leaves;
    for (const mail::Part &part : message.parts()) {
        if (part.view != 0) {
            continue;
        }
        if (part.kind == mail::PartKind::Message) {
            leaves.push_back({part.declaredType, {}});
        } else if (part.kind == mail::PartKind::Leaf) {
            leaves.push_back({part.declaredType, message.decoded(part).toByteArray()});
        }
    }
    return leaves;
}

bool isFlagged(const mail::Message &message)
{
    const mail::Defects &defects = message.defects();
    return !defects.ambiguous.isEmpty() || !defects.broken.isEmpty()
           || !defects.unscannable.isEmpty();
}

// Blanks at line ends do not matter here: RFC 2045 §6.7 rule 3 wants them gone, GMime keeps them.
QByteArray comparable(const QByteArray &content)
{
    QByteArray text;
    for (const char c : content) {
        while (c == '\n' && !text.isEmpty() && QByteArrayView(" \t\r").contains(text.back())) {
            text.chop(1);
        }
        text.append(c);
    }
    return text.trimmed();
}

void checkStructure(const mail::Message &message)
{
    int id = 0;
    for (const mail::Part &part : message.parts()) {
        QCOMPARE(part.id, ++id);
        const QByteArrayView bytes = message.source(part.source);
        QVERIFY(part.header.begin >= 0 && part.header.begin <= part.header.end
                && part.header.end <= part.body.begin && part.body.begin <= part.body.end
                && part.body.end <= bytes.size());
        QVERIFY(part.parent < part.id);
        if (part.parent != 0) {
            const mail::Part &parent = *message.part(part.parent);
            QCOMPARE(part.depth, parent.depth + 1);
            if (parent.source == part.source) {
                QVERIFY(parent.body.contains({part.header.begin, part.body.end})
                        || part.view != parent.view);
            }
        }
        for (const mail::HeaderField &field : part.fields) {
            QVERIFY(part.header.contains(field.span()));
            QVERIFY(!field.decoded().contains(QChar(u'\0')));
            QVERIFY(!field.decoded().contains(QChar(u'\n')));
        }
        QVERIFY(!message.readings(part).empty());
        QVERIFY(!message.detectedType(part).isEmpty());
        QVERIFY(!message.typeNames(part).declared.empty());
        (void)message.text(part);
    }
}

void checkDeterminism(const mail::Message &message)
{
    const mail::Message again = mail::Message::parse(message.content());
    QCOMPARE(again.parts().size(), message.parts().size());
    for (const mail::Part &part : message.parts()) {
        const mail::Part &other = *again.part(part.id);
        QCOMPARE(other.body, part.body);
        QCOMPARE(other.declaredType, part.declaredType);
        QCOMPARE(other.fileNames, part.fileNames);
    }
}

void checkHeaderEdits(const mail::Message &message)
{
    mail::MessageEditor untouched(message);
    untouched.removeHeader("X-Portcullis-None");
    QVERIFY(!untouched.isModified());
    QCOMPARE(untouched.result().toByteArray(), message.content().toByteArray());

    mail::MessageEditor editor(message);
    QVERIFY(editor.prependHeader("X-Portcullis-Top", QStringLiteral("t\r\nBcc: x")));
    QVERIFY(editor.setHeader("X-Portcullis-Set", QString::fromUtf8("zwölf\n\n\0drei")));
    const mail::Message edited = mail::Message::parse(editor.result());
    QVERIFY(edited.field("X-Portcullis-Top") != nullptr);
    QVERIFY(edited.field("X-Portcullis-Set") != nullptr);
    QVERIFY(edited.field("Bcc") == nullptr || message.field("Bcc") != nullptr);
    QCOMPARE(edited.fields().size(), message.fields().size() + 2);
    if (message.root().fields.empty()) {
        return;
    }
    // A header without stray lines has fewer readings.
    QVERIFY(
        edited.parts().size() == message.parts().size()
        || (edited.parts().size() < message.parts().size() && !message.defects().broken.isEmpty()));
    QVERIFY(edited.content().toByteArray().endsWith(message.rawBody(message.root()).toByteArray()));
    mail::MessageEditor back(edited);
    back.removeHeader("X-Portcullis-Top");
    back.removeHeader("x-portcullis-set");
    // Without an empty line the editor had to add one, or the body would have become header.
    const bool hasEmptyLine = message.root().body.begin > message.root().header.end
                              || message.root().body.isEmpty();
    // Lines that are no fields go with the first edit.
    if (hasEmptyLine && message.defects().broken.isEmpty()
        && message.root().header.of(message.content().view()).endsWith('\n')) {
        QCOMPARE(back.result().toByteArray(), message.content().toByteArray());
    }
}

void checkPartEdits(const mail::Message &message)
{
    int tried = 0;
    for (const mail::Part &part : message.parts()) {
        if (!part.hasContent() || ++tried > 5) {
            continue;
        }
        mail::MessageEditor editor(message);
        editor.replacePart(part.id, {QStringLiteral("portcullis removed this"), {}});
        QVERIFY(editor.isModified());
        const mail::Message edited = mail::Message::parse(editor.result());
        checkStructure(edited);
        QVERIFY(edited.content().toByteArray().contains("portcullis removed this")
                || part.source != 0);
        if (part.view == 0 && !isFlagged(message)) {
            QVERIFY(edited.parts().size() <= message.parts().size() + 1);
        }
    }
    mail::MessageEditor editor(message);
    editor.keepFirstBody([](const mail::Part &) {
        return mail::Replacement{QStringLiteral("portcullis removed this"), {}};
    });
    (void)editor.addDisclaimer({QStringLiteral("<b>house rules</b>")});
    editor.appendNote({QStringLiteral("one more"), QStringLiteral("note.txt")});
    checkStructure(mail::Message::parse(editor.result()));
}

}  // namespace

class TestMailCorpora : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void holdsForMimeSuites_data();
    void holdsForMimeSuites();
    void holdsForRealMail_data();
    void holdsForRealMail();
    void agreesWithGMime();
    void agreesWithStalwart();
};

void TestMailCorpora::holdsForMimeSuites_data()
{
    QTest::addColumn<QString>("folder");
    const QStringList suites = QDir(corporaFolder() + QStringLiteral("/mime"))
                                   .entryList(QDir::Dirs | QDir::NoDotAndDotDot, QDir::Name);
    for (const QString &suite : suites) {
        QTest::newRow(qPrintable(suite)) << corporaFolder() + QStringLiteral("/mime/") + suite;
    }
    if (suites.isEmpty()) {
        QTest::newRow("none") << QString();
    }
}

void TestMailCorpora::holdsForMimeSuites()
{
    QFETCH(QString, folder);
    if (folder.isEmpty()) {
        QSKIP("The MIME corpora are not here (set PORTCULLIS_CORPORA).");
    }
    for (const QString &path : messageFiles(folder)) {
        const mail::Message message = mail::Message::parse(mail::Content(readMessage(path)));
        checkStructure(message);
        checkDeterminism(message);
        checkHeaderEdits(message);
        checkPartEdits(message);
        if (QTest::currentTestFailed()) {
            QFAIL(qPrintable(path));
        }
    }
}

void TestMailCorpora::holdsForRealMail_data()
{
    QTest::addColumn<QString>("archive");
    const QStringList archives = QDir(corporaFolder() + QStringLiteral("/mail"))
                                     .entryList({QStringLiteral("*.tar.xz")}, QDir::Files,
                                                QDir::Name);
    for (const QString &archive : archives) {
        QTest::newRow(qPrintable(archive)) << corporaFolder() + QStringLiteral("/mail/") + archive;
    }
    if (archives.isEmpty()) {
        QTest::newRow("none") << QString();
    }
}

// One message in eight, all with PORTCULLIS_CORPORA_ALL=1.
void TestMailCorpora::holdsForRealMail()
{
    QFETCH(QString, archive);
    if (archive.isEmpty()) {
        QSKIP("The mail corpora are not here (set PORTCULLIS_CORPORA).");
    }
    const QTemporaryDir folder;
    QVERIFY(folder.isValid());
    QProcess tar;
    tar.start(QStringLiteral("tar"),
              {QStringLiteral("-xJf"), archive, QStringLiteral("-C"), folder.path()});
    QVERIFY(tar.waitForFinished(120'000));
    QCOMPARE(tar.exitCode(), 0);
    const qsizetype step = qEnvironmentVariableIntValue("PORTCULLIS_CORPORA_ALL") == 1 ? 1 : 8;
    const QStringList files = messageFiles(folder.path());
    for (qsizetype i = 0; i < files.size(); i += step) {
        const mail::Message message = mail::Message::parse(mail::Content(readMessage(files[i])));
        checkStructure(message);
        checkHeaderEdits(message);
        checkPartEdits(message);
        if (QTest::currentTestFailed()) {
            QFAIL(qPrintable(files[i]));
        }
    }
}

// Where nothing is ambiguous or broken, both parsers see the same leaves.
void TestMailCorpora::agreesWithGMime()
{
    int compared = 0;
    QStringList differences;
    for (const QString &path : messageFiles(corporaFolder() + QStringLiteral("/mime"))) {
        const QByteArray bytes = readMessage(path);
        const mail::Message message = mail::Message::parse(mail::Content(bytes));
        std::vector<Described> ours = describe(message);
        if (isFlagged(message) || message.fields().empty()) {
            continue;
        }
        std::vector<Described> theirs = describeByGMime(bytes);
        // GMime drops parts that have neither header nor content, and keeps some that have only one.
        const auto isEmpty = [](const Described &leaf) {
            return leaf.content.isEmpty() && !leaf.type.startsWith("message/");
        };
        std::erase_if(ours, isEmpty);
        std::erase_if(theirs, isEmpty);
        ++compared;
        bool isSame = ours.size() == theirs.size();
        for (size_t i = 0; isSame && i < ours.size(); ++i) {
            isSame = ours[i].type == theirs[i].type
                     && comparable(ours[i].content) == comparable(theirs[i].content);
        }
        if (!isSame) {
            differences.append(path);
        }
    }
    if (compared == 0) {
        QSKIP("The MIME corpora are not here (set PORTCULLIS_CORPORA).");
    }
    QVERIFY2(differences.isEmpty(),
             qPrintable(QString::number(differences.size()) + QLatin1Char('/')
                        + QString::number(compared) + QLatin1Char('\n')
                        + differences.join(QLatin1Char('\n'))));
}

// Stalwart's expected results hold the places of the parts of each message.
void TestMailCorpora::agreesWithStalwart()
{
    int compared = 0;
    QStringList differences;
    QDirIterator it(corporaFolder() + QStringLiteral("/mime/stalwart-mail-parser"),
                    {QStringLiteral("*.crlf.json")}, QDir::Files, QDirIterator::Subdirectories);
    while (it.hasNext()) {
        const QString path = it.next();
        QFile file(path);
        QVERIFY(file.open(QIODevice::ReadOnly));
        const QJsonArray parts = QJsonDocument::fromJson(file.readAll())
                                     .object()
                                     .value(QLatin1StringView("parts"))
                                     .toArray();
        const QString source = path.chopped(static_cast<qsizetype>(sizeof(".crlf.json")) - 1)
                               + QStringLiteral(".eml");
        const mail::Message message = mail::Message::parse(mail::Content(readMessage(source)));
        (void)describe(message);
        if (isFlagged(message)) {
            continue;
        }
        QList<QPair<qint64, qint64>> theirs;
        for (const QJsonValue &part : parts) {
            theirs.append({part[QLatin1StringView("offset_header")].toInteger(),
                           part[QLatin1StringView("offset_body")].toInteger()});
        }
        QList<QPair<qint64, qint64>> ours;
        for (const mail::Part &part : message.parts()) {
            const mail::Part *parent = message.part(part.parent);
            bool isTop = part.kind != mail::PartKind::Embedded;
            for (; parent != nullptr; parent = message.part(parent->parent)) {
                isTop = isTop && parent->kind != mail::PartKind::Message;
            }
            // A part that ends with its header has its empty line here, or not.
            const qsizetype index = ours.size();
            const bool isEmpty = part.body.isEmpty() && index < theirs.size()
                                 && theirs[index].second == part.body.begin + 2;
            if (isTop) {
                ours.append({part.header.begin, part.body.begin + (isEmpty ? 2 : 0)});
            }
        }
        ++compared;
        // malformed/000 has no content at all; Stalwart stops at its first empty part.
        if (ours != theirs && !source.endsWith(QLatin1StringView("malformed/000.eml"))) {
            differences.append(source);
        }
    }
    if (compared == 0) {
        QSKIP("The MIME corpora are not here (set PORTCULLIS_CORPORA).");
    }
    QVERIFY2(differences.isEmpty(),
             qPrintable(QString::number(differences.size()) + QLatin1Char('/')
                        + QString::number(compared) + QLatin1Char('\n')
                        + differences.join(QLatin1Char('\n'))));
}

QTEST_APPLESS_MAIN(TestMailCorpora)
#include "TestMailCorpora.moc"
