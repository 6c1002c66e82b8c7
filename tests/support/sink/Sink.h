// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Content.h"
#include "appliance/mail/Envelope.h"
#include "appliance/smtp/server/Server.h"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace portcullis::test {

/// One message as the sink got it.
struct SunkMessage {
    mail::Envelope envelope;
    mail::Client client;
    QByteArray content;
};

/// `PATTERN=CODE`: recipients that match the shell pattern are answered with the code.
struct RecipientRule {
    QByteArray pattern;
    int code = 550;

    /// Reads `PATTERN=CODE`. Errors: `sink.rule` (permanent).
    static Result<RecipientRule> parse(const QByteArray &text);
};

struct SinkOptions {
    QHostAddress address = QHostAddress(QHostAddress::LocalHost);
    quint16 port = 0;  ///< 0: any free one.
    int threads = 1;
    bool isLmtp = false;
    QString tlsIdentity;  ///< PEM file, made if missing; empty: no STARTTLS.
    QString folder;       ///< Where NNNN.eml and NNNN.json go; empty: kept in memory.
    bool discards = false;
    bool syncs = false;  ///< fsync each message before it is accepted.
    std::vector<RecipientRule> rejectRcpt;
    std::vector<RecipientRule> rejectDataFor;  ///< LMTP: at the end of data, per recipient.
    int rejectConnect = 0;                     ///< Code of the greeting; 0: welcome.
    int rejectMail = 0;
    int rejectData = 0;                  ///< Code at the end of data.
    std::chrono::milliseconds delay{0};  ///< Before the final reply.
    int dropAfter = -1;                  ///< 421 once so many messages were taken; -1: never.
    bool hasEightBitMime = true;
    bool hasSmtpUtf8 = true;
    bool hasDsn = true;
    /// Last word on the settings, for tests of the server itself.
    std::function<void(smtp::ServerSettings &)> adjust;
};

/// What all sessions of a sink share. Thread-safe.
class SinkStore
{
public:
    explicit SinkStore(SinkOptions options);

    [[nodiscard]] const SinkOptions &options() const { return m_options; }
    /// Errors: `sink.storage` (transient).
    Status store(SunkMessage message);
    [[nodiscard]] int count() const { return m_count; }
    [[nodiscard]] std::vector<SunkMessage> messages() const;
    [[nodiscard]] QByteArrayList closeReasons() const;
    void noteClosed(const QByteArray &reason);

private:
    Status writeFiles(int number, const SunkMessage &message) const;

    SinkOptions m_options;
    std::atomic<int> m_count{0};
    mutable std::mutex m_mutex;
    std::vector<SunkMessage> m_messages;
    QByteArrayList m_closeReasons;
};

/// A mail server that takes everything (unless told otherwise) and delivers nothing.
class Sink
{
public:
    /// Errors of Server::start() and TlsIdentity::loadOrCreate().
    static Result<std::unique_ptr<Sink>> start(SinkOptions options);

    [[nodiscard]] quint16 port() const { return m_server->port("sink"); }
    [[nodiscard]] smtp::Server &server() { return *m_server; }
    [[nodiscard]] int count() const { return m_store->count(); }
    [[nodiscard]] std::vector<SunkMessage> messages() const { return m_store->messages(); }
    /// Why sessions ended, in that order; at most the last 1,000.
    [[nodiscard]] QByteArrayList closeReasons() const { return m_store->closeReasons(); }

    /// The server settings that belong to the options.
    static Result<std::shared_ptr<const smtp::ServerSettings>> settingsFor(
        const SinkOptions &options);

private:
    Sink(std::shared_ptr<SinkStore> store, std::unique_ptr<smtp::Server> server);

    std::shared_ptr<SinkStore> m_store;
    std::unique_ptr<smtp::Server> m_server;
};

}  // namespace portcullis::test
