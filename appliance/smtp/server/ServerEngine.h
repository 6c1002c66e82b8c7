// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/smtp/server/DataReader.h"
#include "appliance/smtp/server/LineReader.h"
#include "appliance/smtp/server/SessionHandler.h"
#include "appliance/smtp/server/SessionSettings.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace portcullis::smtp {

/// The shell around an engine: a socket, a test, a fuzzer.
class EngineHost
{
public:
    virtual ~EngineHost() = default;

    /// Whether octets have arrived that were not yet given to the engine. With those it has itself
    /// they tell a client that talks before it may (RFC 2920 §3.1).
    [[nodiscard]] virtual bool hasUnreadInput() const = 0;

    /// A late answer moved the session on: take the output, look at phase(), feed more input.
    /// Not called from within receive(), start() and the other entry points.
    virtual void engineAdvanced() = 0;

    /// Something the log should know: a stable id ("smtp.pipelining") and a detail.
    virtual void note(const char *id, const QByteArray &detail) = 0;
};

/// The control of a session on an LMTP listener (RFC 2033 §4.2), for handlers that decide per
/// recipient: every SessionControl of this module is one.
class LmtpControl : public SessionControl
{
public:
    /// Answers onMessage() with a reply for each accepted recipient, in their order.
    virtual void answerEach(const std::vector<Reply> &replies) = 0;
};

/// What the peer may do beyond ordinary clients.
struct SessionRights {
    bool mayXclient = false;   ///< Postfix XCLIENT: may say it is somebody else.
    bool mayXforward = false;  ///< Postfix XFORWARD: may say whom it forwards for.
};

/// One SMTP session as a machine without sockets: octets in, octets and questions out
/// (RFC 5321; the extensions of SessionSettings; Postfix's XCLIENT and XFORWARD).
///
/// Used on one thread. Whatever the segmentation of the input, the outcome is the same. While a
/// question to the handler is open the engine keeps what it was given and asks for no more, so
/// the shell's read buffer is the back-pressure. The handler must outlive the session's close().
class ServerEngine final : private LmtpControl
{
public:
    enum class Phase {
        Waiting,    ///< A question is open; no deadline of the client's runs.
        Command,    ///< The client owes a command.
        Data,       ///< The client owes message octets.
        Handshake,  ///< STARTTLS was answered with 220; see tlsEstablished().
        Closing     ///< Write the output, then close.
    };

    ServerEngine(std::shared_ptr<const SessionSettings> settings,
                 SessionRights rights,
                 mail::Client client,
                 EngineHost &host);
    ~ServerEngine() override;
    Q_DISABLE_COPY_MOVE(ServerEngine)

    /// The control that a handler of this session is made with.
    LmtpControl &control() { return *this; }

    /// Asks onConnect(). The handler is not owned.
    void start(SessionHandler &handler);

    /// Takes octets from the client. In phase Waiting they are held (and count as talking early
    /// where it matters), in Handshake and Closing they are dropped.
    void receive(QByteArrayView bytes);

    /// Whether receive() would be put to use now.
    [[nodiscard]] bool wantsInput() const;
    /// Octets came that wantsInput() leaves unread. Before the greeting they end the session at once:
    /// who talks early need not keep his place until he would have been greeted.
    void noticeUnreadInput();

    [[nodiscard]] Phase phase() const { return m_phase; }
    /// Counts up with each command the client completed and each phase it entered; a deadline that
    /// was set at one value is over once it changes.
    [[nodiscard]] quint64 progress() const { return m_progress; }
    /// Message octets of the current transaction, for the minimum data rate.
    [[nodiscard]] qint64 dataOctets() const { return m_data.octets(); }
    /// From 354 or the first BDAT until the final reply.
    [[nodiscard]] bool isReceivingContent() const { return m_stage == Stage::Content; }

    /// Everything to be written; one call is one write.
    [[nodiscard]] QByteArray takeOutput();

    /// The handshake is done: everything the client said before is forgotten (RFC 3207 §4.2).
    void tlsEstablished(const QByteArray &description);

    /// Says 421 and closes: at once where the client owes a command, else after the message that is
    /// under way was answered (RFC 5321 §3.8).
    void shutDown();
    /// Says `reply` and closes, whatever the phase: deadlines.
    void abort(const Reply &reply, const QByteArray &reason);
    /// The connection is gone, or was closed after phase Closing. Tells the handler once.
    void close(const QByteArray &reason);

    [[nodiscard]] const mail::Client &client() const override { return m_client; }
    [[nodiscard]] const SessionSettings &settings() const { return *m_settings; }

private:
    enum class Question { None, Connect, Helo, Mail, Rcpt, Data, Chunk, Message };
    /// How far the client has come; ordered.
    enum class Stage { Refused, Connected, Ready, Mail, Recipients, Content };

    void answer(const Reply &reply) override;
    void answerAndClose(const Reply &reply) override;
    void answerEach(const std::vector<Reply> &replies) override;

    /// @name Input (ServerEngine.cpp)
    /// @{
    void consume(QByteArrayView &input);
    void consumeHeld();
    void consumeCommand(QByteArrayView &input);
    void consumeDotted(QByteArrayView &input);
    void consumeChunk(QByteArrayView &input);
    [[nodiscard]] bool moreFollows() const;
    /// @}

    /// @name Commands (ServerEngineCommands.cpp)
    /// @{
    void dispatch(QByteArrayView line);
    [[nodiscard]] bool isEarlyTalk(QByteArrayView verb) const;
    void dispatchPlain(QByteArrayView verb, QByteArrayView argument);
    void onHeloCommand(QByteArrayView argument, bool isExtended);
    void onMailCommand(QByteArrayView argument);
    void onRcptCommand(QByteArrayView argument);
    void onDataCommand(QByteArrayView argument);
    void onBdatCommand(QByteArrayView argument);
    [[nodiscard]] std::optional<Reply> chunkRefusal(qint64 size) const;
    void onStartTlsCommand(QByteArrayView argument);
    void onXclientCommand(QByteArrayView argument);
    void onXforwardCommand(QByteArrayView argument);
    void onRsetCommand(QByteArrayView argument);
    /// @}

    /// @name Questions, answers, replies (ServerEngineAnswers.cpp)
    /// @{
    void ask(Question question, const std::function<void()> &call);
    void give(std::vector<Reply> replies, bool closes);
    void settle(bool isLate);
    void completeConnect(const Reply &reply);
    void completeHelo(const Reply &reply);
    void completeMail(const Reply &reply);
    void completeRcpt(const Reply &reply);
    void completeData(const Reply &reply);
    void completeChunk(const Reply &reply);
    void completeMessage(const std::vector<Reply> &replies);
    void finishContent();
    void endChunk();
    void refuseContent(const Reply &reply);
    void sayFinal(const std::vector<Reply> &replies);
    [[nodiscard]] Reply problemReply() const;
    [[nodiscard]] Reply ehloReply(const QByteArray &greeting) const;
    [[nodiscard]] QByteArray protocolName(bool isSmtpUtf8) const;
    void say(Reply reply);
    void refuse(const Reply &reply);  ///< say() and countError().
    void closeWith(const Reply &reply, const QByteArray &reason);
    void closeForEarlyTalk(QByteArrayView where);
    void closeForPregreeting();
    void closeForViolation(const Reply &reply, const QByteArray &reason);
    void countError();
    void countJunk();
    void enter(Phase phase);
    void endTransaction(bool tellsHandler);
    /// @}

    std::shared_ptr<const SessionSettings> m_settings;
    SessionRights m_rights;
    mail::Client m_session;  ///< The client as connected, or as XCLIENT said.
    mail::Client m_client;   ///< What client() says: XFORWARD shows during its transaction.
    EngineHost &m_host;
    SessionHandler *m_handler = nullptr;

    Phase m_phase = Phase::Waiting;
    Stage m_stage = Stage::Connected;
    Question m_question = Question::None;
    std::vector<Reply> m_answers;  ///< Given while the handler was still inside its question.
    bool m_answerCloses = false;
    bool m_isAsking = false;
    bool m_isConsuming = false;
    bool m_isShuttingDown = false;
    bool m_isExtended = false;  ///< EHLO or LHLO rather than HELO.
    bool m_isSmtpUtf8 = false;  ///< Of the transaction.

    LineReader m_lines;
    DataReader m_data;
    QByteArray m_held;       ///< Input that came while it could not be used.
    qsizetype m_behind = 0;  ///< Octets behind the command that is being looked at.
    bool m_isChunk = false;  ///< In phase Data: BDAT rather than DATA.
    bool m_isLastChunk = false;
    qint64 m_chunkSize = 0;
    qint64 m_chunkLeft = 0;
    std::optional<Reply> m_chunkRefusal;  ///< Said once the chunk was skipped.
    qint64 m_skipped = 0;                 ///< Octets of refused chunks since the last message.

    QByteArray m_heloName;  ///< EHLO's argument until the handler has agreed.
    bool m_isHeloExtended = false;
    QByteArray m_output;
    QByteArray m_closeReason;
    quint64 m_progress = 0;
    int m_recipients = 0;
    int m_surplusRecipients = 0;
    int m_errors = 0;
    int m_junk = 0;
};

}  // namespace portcullis::smtp
