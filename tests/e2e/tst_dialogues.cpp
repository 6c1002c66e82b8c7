// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/e2e/Dialogue.h"
#include "tests/support/sink/Sink.h"

#include <QtCore/QDir>
#include <QtCore/QTemporaryDir>
#include <QtTest/QTest>

namespace portcullis::test {

namespace {

const std::map<QByteArray, smtp::Extension> &extensionsByName()
{
    static const std::map<QByteArray, smtp::Extension> names{
        {"SIZE", smtp::Extension::Size},
        {"PIPELINING", smtp::Extension::Pipelining},
        {"8BITMIME", smtp::Extension::EightBitMime},
        {"SMTPUTF8", smtp::Extension::SmtpUtf8},
        {"CHUNKING", smtp::Extension::Chunking},
        {"ENHANCEDSTATUSCODES", smtp::Extension::EnhancedStatusCodes},
        {"DSN", smtp::Extension::Dsn},
        {"STARTTLS", smtp::Extension::StartTls},
    };
    return names;
}

/// Applies one `@` line; false if it means nothing to us.
bool apply(const QByteArrayList &setting, SinkOptions &options)
{
    const QByteArray &name = setting.at(0);
    const QByteArray value = setting.value(1);
    const auto adjustAlso = [&](const std::function<void(smtp::ListenerSettings &)> &change) {
        options.adjust = [before = options.adjust, change](smtp::ServerSettings &settings) {
            if (before) {
                before(settings);
            }
            change(settings.listeners[0]);
        };
        return true;
    };
    if (name == "size") {
        return adjustAlso([size = value.toLongLong()](smtp::ListenerSettings &listener) {
            listener.session.limits.messageSize = size;
        });
    }
    if (name == "recipients") {
        return adjustAlso([count = value.toInt()](smtp::ListenerSettings &listener) {
            listener.session.limits.recipients = count;
        });
    }
    if (name == "errors") {
        return adjustAlso([count = value.toInt()](smtp::ListenerSettings &listener) {
            listener.session.limits.errors = count;
        });
    }
    if (name == "replace-bare-newlines") {
        return adjustAlso([](smtp::ListenerSettings &listener) {
            listener.session.bareNewline = smtp::BareNewline::Replace;
        });
    }
    if (name == "without" && extensionsByName().count(value) == 1) {
        return adjustAlso(
            [extension = extensionsByName().at(value)](smtp::ListenerSettings &listener) {
                listener.session.extensions.setFlag(extension, false);
            });
    }
    if (name == "trust-loopback") {
        return adjustAlso([](smtp::ListenerSettings &listener) {
            listener.xclientNetworks = {QHostAddress::parseSubnet(QStringLiteral("127.0.0.0/8"))};
            listener.xforwardNetworks = listener.xclientNetworks;
        });
    }
    if (name == "lmtp") {
        options.isLmtp = true;
        return true;
    }
    if (name == "reject-rcpt" || name == "reject-data-for") {
        const auto rule = RecipientRule::parse(value);
        (name == "reject-rcpt" ? options.rejectRcpt : options.rejectDataFor).push_back(*rule);
        return true;
    }
    if (name == "reject-data") {
        options.rejectData = value.toInt();
        return true;
    }
    return false;
}

}  // namespace

class TestDialogues : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void play_data();
    void play();

private:
    QTemporaryDir m_folder;
};

void TestDialogues::play_data()
{
    QTest::addColumn<QString>("path");
    const QDir folder(QStringLiteral(PORTCULLIS_SOURCE_DIR)
                      + QStringLiteral("/tests/e2e/dialogues"));
    for (const QFileInfo &file : folder.entryInfoList({QStringLiteral("*.smtp")})) {
        QTest::newRow(qPrintable(file.completeBaseName())) << file.filePath();
    }
}

void TestDialogues::play()
{
    QFETCH(QString, path);
    const auto dialogue = Dialogue::read(path);
    QVERIFY2(dialogue, dialogue ? "" : qPrintable(dialogue.error().toString()));
    SinkOptions options;
    options.tlsIdentity = m_folder.filePath(QStringLiteral("tls.pem"));
    for (const QByteArrayList &setting : dialogue->settings()) {
        QVERIFY2(apply(setting, options), setting.join(' ').constData());
    }
    const auto sink = Sink::start(options);
    QVERIFY2(sink, sink ? "" : qPrintable(sink.error().toString()));
    const QByteArray problem = dialogue->play((*sink)->port());
    QVERIFY2(problem.isEmpty(), problem.constData());
    QByteArrayList messages;
    for (const SunkMessage &message : (*sink)->messages()) {
        messages.append(message.content);
    }
    QCOMPARE(messages, dialogue->messages());
}

}  // namespace portcullis::test

QTEST_GUILESS_MAIN(portcullis::test::TestDialogues)
#include "tst_dialogues.moc"
