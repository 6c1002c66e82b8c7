// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/sink/Sink.h"

#include "appliance/smtp/server/ServerEngine.h"

#include <QtCore/QDateTime>
#include <QtCore/QFile>
#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>
#include <QtCore/QTimer>

#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace portcullis::test {

namespace {

constexpr int keptReasons = 1000;

int codeFor(const std::vector<RecipientRule> &rules, const mail::Address &address)
{
    for (const RecipientRule &rule : rules) {
        if (::fnmatch(rule.pattern.constData(), address.key().constData(), FNM_CASEFOLD) == 0) {
            return rule.code;
        }
    }
    return 0;
}

smtp::Reply replyWith(int code)
{
    return {code, QByteArray::number(code / 100) + ".0.0", "Refused as configured"};
}

QString text(const QByteArray &bytes)
{
    return QString::fromUtf8(bytes);
}

QByteArray describe(const SunkMessage &message)
{
    QJsonArray recipients;
    for (const mail::Recipient &recipient : message.envelope.recipients) {
        recipients.append(QJsonObject{
            {QStringLiteral("address"), text(recipient.address.toString())},
            {QStringLiteral("orcpt"), text(recipient.originalRecipient)},
            {QStringLiteral("notify"), int(recipient.notify)},
        });
    }
    const QJsonObject object{
        {QStringLiteral("sender"), text(message.envelope.sender.toString())},
        {QStringLiteral("recipients"), recipients},
        {QStringLiteral("client"), message.client.address.toString()},
        {QStringLiteral("helo"), text(message.client.helo)},
        {QStringLiteral("protocol"), text(message.client.protocol)},
        {QStringLiteral("tls"), text(message.client.tls)},
        {QStringLiteral("smtputf8"), message.envelope.isSmtpUtf8},
        {QStringLiteral("body"), message.envelope.body == mail::BodyType::EightBitMime
                                     ? QStringLiteral("8BITMIME")
                                     : QStringLiteral("7BIT")},
        {QStringLiteral("envid"), text(message.envelope.envelopeId)},
        {QStringLiteral("ret"), int(message.envelope.dsnReturn)},
        {QStringLiteral("size"), message.content.size()},
        {QStringLiteral("time"), QDateTime::currentDateTimeUtc().toString(Qt::ISODateWithMs)},
    };
    return QJsonDocument(object).toJson();
}

/// Written aside and renamed, so that whoever watches the folder never sees half a file.
Status writeFile(const QString &path, const QByteArray &bytes, bool syncs)
{
    const QString aside = path + QStringLiteral(".part");
    QFile file(aside);
    if (!file.open(QIODevice::WriteOnly) || file.write(bytes) != bytes.size() || !file.flush()
        || (syncs && ::fsync(file.handle()) != 0)
        || std::rename(QFile::encodeName(aside).constData(), QFile::encodeName(path).constData())
               != 0) {
        return Error::transient("sink.storage", path + QStringLiteral(": ") + file.errorString());
    }
    return ok();
}

class SinkHandler final : public QObject, public smtp::SessionHandler
{
public:
    SinkHandler(smtp::SessionControl &control, std::shared_ptr<SinkStore> store)
        : m_control(control)
        , m_store(std::move(store))
        , m_options(m_store->options())
    {
    }

    void onConnect() override
    {
        if (isUsedUp()) {
            m_control.answerAndClose({421, "4.3.2", "Enough"});
        } else if (m_options.rejectConnect != 0) {
            m_control.answer(replyWith(m_options.rejectConnect));
        } else {
            m_control.answer({220, {}, "ESMTP test sink"});
        }
    }
    void onHelo(const QByteArray &, bool) override { m_control.answer({250, {}, {}}); }
    void onMail(const smtp::MailCommand &command) override
    {
        if (isUsedUp()) {
            m_control.answerAndClose({421, "4.3.2", "Enough"});
            return;
        }
        if (m_options.rejectMail != 0) {
            m_control.answer(replyWith(m_options.rejectMail));
            return;
        }
        m_envelope = {};
        m_envelope.sender = command.sender;
        m_envelope.body = command.body;
        m_envelope.isSmtpUtf8 = command.isSmtpUtf8;
        m_envelope.envelopeId = command.envelopeId;
        m_envelope.dsnReturn = command.dsnReturn;
        m_control.answer({250, "2.1.0", "Ok"});
    }
    void onRcpt(const mail::Recipient &recipient) override
    {
        const int code = codeFor(m_options.rejectRcpt, recipient.address);
        if (code == 0) {
            m_envelope.recipients.push_back(recipient);
        }
        m_control.answer(code == 0 ? smtp::Reply{250, "2.1.5", "Ok"} : replyWith(code));
    }
    void onData() override { m_control.answer({354, {}, {}}); }
    mail::ContentBuilder dataBuilder() override
    {
        return mail::ContentBuilder(QStringLiteral("/tmp"));
    }
    void onMessage(mail::Content content) override
    {
        if (m_options.delay.count() == 0) {
            finish(content);
            return;
        }
        // Dies with the handler, and so never answers a session that is gone.
        QTimer::singleShot(m_options.delay, this,
                           [this, content = std::move(content)] { finish(content); });
    }
    void onReset() override { m_envelope = {}; }
    void onClosed(const QByteArray &reason) override
    {
        m_isClosed = true;
        m_store->noteClosed(reason);
    }

private:
    [[nodiscard]] bool isUsedUp() const
    {
        return m_options.dropAfter >= 0 && m_store->count() >= m_options.dropAfter;
    }

    void finish(const mail::Content &content)
    {
        if (m_isClosed) {
            return;
        }
        if (m_options.rejectData != 0) {
            m_control.answer(replyWith(m_options.rejectData));
            return;
        }
        std::vector<smtp::Reply> replies;
        std::vector<mail::Recipient> taken;
        for (const mail::Recipient &recipient : m_envelope.recipients) {
            const int code = codeFor(m_options.rejectDataFor, recipient.address);
            replies.push_back(code == 0 ? smtp::Reply{250, "2.0.0", "Sunk"} : replyWith(code));
            if (code == 0) {
                taken.push_back(recipient);
            }
        }
        m_envelope.recipients = std::move(taken);
        const Status stored = m_store->store(
            {m_envelope, m_control.client(),
             m_options.discards ? QByteArray() : content.toByteArray()});
        if (!stored) {
            m_control.answer({452, "4.3.1", stored.error().detail.toUtf8()});
        } else {
            static_cast<smtp::LmtpControl &>(m_control).answerEach(replies);
        }
    }

    smtp::SessionControl &m_control;
    std::shared_ptr<SinkStore> m_store;
    const SinkOptions &m_options;
    mail::Envelope m_envelope;
    bool m_isClosed = false;
};

class SinkContext final : public smtp::HandlerContext
{
public:
    explicit SinkContext(std::shared_ptr<SinkStore> store)
        : m_store(std::move(store))
    {
    }
    std::unique_ptr<smtp::SessionHandler> createHandler(smtp::SessionControl &control,
                                                        const smtp::ListenerSettings &) override
    {
        return std::make_unique<SinkHandler>(control, m_store);
    }

private:
    std::shared_ptr<SinkStore> m_store;
};

class SinkFactory final : public smtp::HandlerFactory
{
public:
    explicit SinkFactory(std::shared_ptr<SinkStore> store)
        : m_store(std::move(store))
    {
    }
    std::unique_ptr<smtp::HandlerContext> createContext() override
    {
        return std::make_unique<SinkContext>(m_store);
    }

private:
    std::shared_ptr<SinkStore> m_store;
};

}  // namespace

Result<RecipientRule> RecipientRule::parse(const QByteArray &rule)
{
    const qsizetype equals = rule.lastIndexOf('=');
    const int code = rule.mid(equals + 1).toInt();
    if (equals < 1 || code < 400 || code > 599) {
        return Error::permanent("sink.rule",
                                QStringLiteral("not PATTERN=CODE with a code of 400 … 599: ")
                                    + text(rule));
    }
    return RecipientRule{rule.left(equals), code};
}

SinkStore::SinkStore(SinkOptions options)
    : m_options(std::move(options))
{
}

Status SinkStore::store(SunkMessage message)
{
    const int number = ++m_count;
    if (m_options.discards) {
        return ok();
    }
    if (!m_options.folder.isEmpty()) {
        return writeFiles(number, message);
    }
    const std::scoped_lock lock(m_mutex);
    m_messages.push_back(std::move(message));
    return ok();
}

Status SinkStore::writeFiles(int number, const SunkMessage &message) const
{
    const QString stem = m_options.folder
                         + QStringLiteral("/%1").arg(number, 4, 10, QLatin1Char('0'));
    TRY(writeFile(stem + QStringLiteral(".eml"), message.content, m_options.syncs));
    return writeFile(stem + QStringLiteral(".json"), describe(message), m_options.syncs);
}

std::vector<SunkMessage> SinkStore::messages() const
{
    const std::scoped_lock lock(m_mutex);
    return m_messages;
}

QByteArrayList SinkStore::closeReasons() const
{
    const std::scoped_lock lock(m_mutex);
    return m_closeReasons;
}

void SinkStore::noteClosed(const QByteArray &reason)
{
    const std::scoped_lock lock(m_mutex);
    if (m_closeReasons.size() >= keptReasons) {
        m_closeReasons.removeFirst();
    }
    m_closeReasons.append(reason);
}

Result<std::shared_ptr<const smtp::ServerSettings>> Sink::settingsFor(const SinkOptions &options)
{
    smtp::ListenerSettings listener;
    listener.name = "sink";
    listener.address = options.address;
    listener.port = options.port;
    listener.maxConnections = 20'000;
    listener.session.hostName = "sink.example";
    listener.session.protocol = options.isLmtp ? smtp::ServerProtocol::Lmtp
                                               : smtp::ServerProtocol::Smtp;
    smtp::Extensions &extensions = listener.session.extensions;
    extensions.setFlag(smtp::Extension::EightBitMime, options.hasEightBitMime);
    extensions.setFlag(smtp::Extension::SmtpUtf8, options.hasSmtpUtf8);
    extensions.setFlag(smtp::Extension::Dsn, options.hasDsn);
    extensions.setFlag(smtp::Extension::StartTls);
    // A peer of tests and load generators bears more than a server on the internet.
    listener.session.limits.messageSize = 200 * 1024 * 1024;
    listener.session.limits.recipients = 100'000;
    listener.session.limits.errors = 1'000'000;
    listener.session.limits.junkCommands = 1'000'000;
    auto settings = std::make_shared<smtp::ServerSettings>();
    settings->threads = options.threads;
    settings->shutdownGrace = std::chrono::seconds(2);
    if (!options.tlsIdentity.isEmpty()) {
        settings->identity = TRY(
            smtp::TlsIdentity::loadOrCreate(options.tlsIdentity, "sink.example"));
    }
    settings->listeners.push_back(std::move(listener));
    if (options.adjust) {
        options.adjust(*settings);
    }
    return std::shared_ptr<const smtp::ServerSettings>(std::move(settings));
}

Result<std::unique_ptr<Sink>> Sink::start(SinkOptions options)
{
    auto settings = TRY(settingsFor(options));
    auto store = std::make_shared<SinkStore>(std::move(options));
    auto server = TRY(
        smtp::Server::start(std::move(settings), std::make_shared<SinkFactory>(store)));
    return std::unique_ptr<Sink>(new Sink(std::move(store), std::move(server)));
}

Sink::Sink(std::shared_ptr<SinkStore> store, std::unique_ptr<smtp::Server> server)
    : m_store(std::move(store))
    , m_server(std::move(server))
{
}

}  // namespace portcullis::test
