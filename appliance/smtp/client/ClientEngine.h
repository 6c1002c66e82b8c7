// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/config/Config.h"
#include "appliance/mail/Content.h"
#include "appliance/mail/Envelope.h"
#include "appliance/smtp/client/ClientLimits.h"
#include "appliance/smtp/client/DotStuffer.h"
#include "appliance/smtp/client/ReplyReader.h"
#include "appliance/smtp/Reply.h"
#include "shared/base/Error.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <optional>
#include <utility>
#include <vector>

namespace portcullis::smtp {

enum class TlsUse {
    None,       ///< Never STARTTLS.
    IfOffered,  ///< STARTTLS where the server has it; plain text where it has not.
    Required    ///< No mail without it: RFC 3207 §4.
};

/// How one connection is to be used.
struct ClientSettings {
    config::Protocol protocol = config::Protocol::Smtp;
    QByteArray heloName;  ///< Our own name, RFC 5321 §4.1.1.1.
    TlsUse tls = TlsUse::None;
    bool detectsLoop = false;  ///< A server that greets with heloName is ourselves: give up.
    ReplyLimits limits;
};

/// What the server said of itself after EHLO (RFC 5321 §4.1.1.1).
struct ServerFeatures {
    bool isExtended = false;
    bool hasPipelining = false;
    bool has8BitMime = false;
    bool hasSmtpUtf8 = false;
    bool hasDsn = false;
    bool hasStartTls = false;
    bool hasSize = false;
    qint64 maxSize = 0;  ///< 0: none told (RFC 1870 §3).

    static ServerFeatures fromEhlo(const std::vector<QByteArray> &lines);
    friend bool operator==(const ServerFeatures &, const ServerFeatures &) = default;
};

/// One message for some recipients.
struct OutgoingMail {
    mail::Envelope envelope;
    mail::Content content;
    /// Ask only: MAIL, RCPT and then RSET instead of DATA. The answers to RCPT are the result.
    bool isProbe = false;
};

/// How it went for one recipient.
struct RecipientResult {
    enum class By {
        Server,     ///< `reply` is the server's.
        Us,         ///< The server lacks what the message needs; `reply` is ours (5yz).
        Connection  ///< The connection ended first; `reply` is ours (4yz).
    };
    Reply reply;
    By by = By::Connection;
    QByteArray command;  ///< What it answered: "RCPT TO", "end of DATA" …

    [[nodiscard]] bool isDelivered() const { return by == By::Server && reply.code / 100 == 2; }
};

struct MailResult {
    std::vector<RecipientResult> recipients;  ///< In the order of the envelope.
    bool passedDsnOn = false;  ///< NOTIFY and the like went along: the next hop reports (RFC 3461).
    /// All octets were written before the connection ended: the server may have taken the message.
    bool isFateUnknown = false;
};

/// Where a connection is, for timeouts and for messages about what failed.
enum class ClientPhase {
    Greeting,
    Hello,
    StartTls,
    Handshake,
    Ready,
    Mail,
    Recipient,
    DataStart,
    DataBlock,
    DataEnd,
    Reset,
    Quit,
    Closed
};
QByteArray nameOf(ClientPhase phase);  ///< "the greeting", "RCPT TO", …

/// The client half of SMTP (RFC 5321) and LMTP (RFC 2033) without a socket: bytes in, bytes and
/// events out. Not thread-safe; deterministic; every input is survived.
///
/// Feed receive(), then write takeOutput() and, while hasBody(), takeBody(); then look at what
/// changed: isReady(), wantsTls(), takeResult(), failure().
class ClientEngine
{
public:
    explicit ClientEngine(ClientSettings settings);

    void receive(QByteArrayView bytes);
    /// The connection ended or its time was up: what is undecided fails with `reply` (4yz).
    void abort(const Error &reason);

    /// Commands to be written, in one go.
    QByteArray takeOutput() { return std::exchange(m_output, {}); }
    /// Whether the message's text is to be written now, in blocks.
    [[nodiscard]] bool hasBody() const { return m_phase == ClientPhase::DataBlock; }
    /// The next block of the text; valid until the engine is called again.
    std::vector<QByteArrayView> takeBody(qsizetype maxBytes);

    /// STARTTLS was agreed (220): nothing may be written until tlsEstablished().
    [[nodiscard]] bool wantsTls() const { return m_phase == ClientPhase::Handshake; }
    /// The handshake is done and the peer is who it should be. EHLO follows (RFC 3207 §4.2).
    void tlsEstablished();

    /// Ready for send(), also right after a message was done.
    [[nodiscard]] bool isReady() const { return m_phase == ClientPhase::Ready; }
    /// Begins a transaction. Where the server lacks what the message needs the result is there at
    /// once and nothing is sent (no silent changes to a message):
    ///  - SIZE exceeded: 552 5.3.4 (RFC 1870 §6.1);
    ///  - 8-bit data and no 8BITMIME: 554 5.6.3 (RFC 6152 §3);
    ///  - addresses that need SMTPUTF8: 553 5.6.7; header fields that do: 554 5.6.9 (RFC 6531 §3.5).
    void send(OutgoingMail mail);
    /// The result of send(), once; then isReady() or failure() tell whether the connection lives.
    std::optional<MailResult> takeResult() { return std::exchange(m_result, std::nullopt); }

    void quit();

    /// Set once the connection is of no more use. Transient, except `smtp.loop`.
    /// Ids: `smtp.greeting`, `smtp.hello`, `smtp.no-starttls`, `smtp.starttls-injection`,
    /// `smtp.reply-syntax`, `smtp.reply-too-long`, `smtp.closing` (421), `smtp.unexpected-reply`,
    /// `smtp.loop` (permanent), and what abort() was given.
    [[nodiscard]] const std::optional<Error> &failure() const { return m_failure; }
    /// The server's reply that made the failure; code 0 where it was none.
    [[nodiscard]] const Reply &failureReply() const { return m_failureReply; }

    [[nodiscard]] ClientPhase phase() const { return m_phase; }
    [[nodiscard]] const ServerFeatures &features() const { return m_features; }
    [[nodiscard]] bool isEncrypted() const { return m_isEncrypted; }
    /// Transactions completed on this connection.
    [[nodiscard]] int transactions() const { return m_transactions; }

private:
    void handle(const ServerReply &reply);
    void handleGreeting(const ServerReply &reply);
    void handleHello(const ServerReply &reply);
    void handleStartTls(const ServerReply &reply);
    void handleMail(const Reply &reply);
    void handleRecipient(const Reply &reply);
    void handleDataStart(const Reply &reply);
    void handleDataEnd(const Reply &reply);
    void hello(bool extended);
    void afterHello();
    std::optional<Reply> objection() const;
    QByteArray mailCommand() const;
    QByteArray recipientCommand(const mail::Recipient &recipient) const;
    void sendNextRecipient();
    void recipientsDone();
    void decide(size_t recipient, RecipientResult result);
    void decideUndecided(const Reply &reply, RecipientResult::By by, const QByteArray &command);
    void finishTransaction();
    void reset();
    void fail(Error error, const Reply &reply = {});

    ClientSettings m_settings;
    ReplyReader m_reader;
    ClientPhase m_phase = ClientPhase::Greeting;
    QByteArray m_output;
    ServerFeatures m_features;
    bool m_isEncrypted = false;
    bool m_triedExtended = false;

    // The running transaction.
    std::optional<OutgoingMail> m_mail;
    std::vector<std::optional<RecipientResult>> m_decided;
    std::vector<size_t> m_accepted;  ///< Recipients that got 2yz at RCPT, in order.
    size_t m_nextRecipient = 0;      ///< Whose RCPT reply is awaited.
    size_t m_nextFinal = 0;          ///< LMTP: index into m_accepted of the final reply awaited.
    bool m_isEightBit = false;
    bool m_isMailRefused = false;
    bool m_isEmptyData = false;  ///< 354 although every RCPT was refused: only the dot was sent.
    DotStuffer m_stuffer;

    std::optional<MailResult> m_result;
    std::optional<Error> m_failure;
    Reply m_failureReply;
    int m_transactions = 0;
};

}  // namespace portcullis::smtp
