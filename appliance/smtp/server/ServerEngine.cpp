// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/smtp/server/ServerEngine.h"

#include <algorithm>
#include <utility>

namespace portcullis::smtp {

ServerEngine::ServerEngine(std::shared_ptr<const SessionSettings> settings,
                           SessionRights rights,
                           mail::Client client,
                           EngineHost &host)
    : m_settings(std::move(settings))
    , m_rights(rights)
    , m_session(std::move(client))
    , m_client(m_session)
    , m_host(host)
    , m_lines(m_settings->limits.commandLine, m_settings->limits.commandLineDrain)
    , m_data(m_settings->limits, m_settings->bareNewline)
{
}

ServerEngine::~ServerEngine() = default;

void ServerEngine::start(SessionHandler &handler)
{
    m_handler = &handler;
    ask(Question::Connect, [this] { m_handler->onConnect(); });
}

bool ServerEngine::wantsInput() const
{
    return m_phase == Phase::Command || m_phase == Phase::Data;
}

QByteArray ServerEngine::takeOutput()
{
    return std::exchange(m_output, {});
}

void ServerEngine::receive(QByteArrayView bytes)
{
    if (m_phase == Phase::Handshake || m_phase == Phase::Closing) {
        return;
    }
    if (m_isConsuming || !m_held.isEmpty()) {
        m_held.append(bytes);
        consumeHeld();
        return;
    }
    consume(bytes);
    if (wantsInput() || m_phase == Phase::Waiting) {
        m_held.append(bytes);
    }
}

void ServerEngine::noticeUnreadInput()
{
    if (m_question == Question::Connect && m_phase == Phase::Waiting) {
        closeForPregreeting();
    }
}

void ServerEngine::consumeHeld()
{
    if (m_isConsuming || m_held.isEmpty()) {
        return;
    }
    const QByteArray held = std::exchange(m_held, {});
    QByteArrayView rest(held);
    consume(rest);
    if (!rest.isEmpty() && (wantsInput() || m_phase == Phase::Waiting)) {
        m_held.prepend(rest);
    }
}

void ServerEngine::consume(QByteArrayView &input)
{
    m_isConsuming = true;
    while (!input.isEmpty() && wantsInput()) {
        if (m_phase == Phase::Command) {
            consumeCommand(input);
        } else if (m_isChunk) {
            consumeChunk(input);
        } else {
            consumeDotted(input);
        }
    }
    m_behind = 0;
    m_isConsuming = false;
}

bool ServerEngine::moreFollows() const
{
    return m_behind > 0 || !m_held.isEmpty() || m_host.hasUnreadInput();
}

void ServerEngine::consumeCommand(QByteArrayView &input)
{
    constexpr char tlsHandshakeRecord = 0x16;  // RFC 8446 §5.1
    if (m_lines.isAtLineStart() && input.front() == tlsHandshakeRecord) {
        m_host.note("smtp.foreign-protocol", "TLS");
        closeWith({}, "TLS without STARTTLS");
        return;
    }
    const LineReader::Outcome outcome = m_lines.read(input);
    if (outcome == LineReader::Outcome::Incomplete) {
        return;
    }
    ++m_progress;
    m_behind = input.size();
    switch (outcome) {
    case LineReader::Outcome::Line:
        dispatch(m_lines.line());
        break;
    case LineReader::Outcome::Malformed:
        m_host.note(
            "smtp.malformed-command",
            m_lines.line().first(std::min<qsizetype>(m_lines.line().size(), 80)).toByteArray());
        refuse({500, "5.5.2", "Command holds a control character, or a CR or LF alone"});
        break;
    case LineReader::Outcome::TooLong:
        refuse({500, "5.5.2", "Command line is too long"});
        break;
    case LineReader::Outcome::Endless:
    case LineReader::Outcome::Incomplete:
        closeWith({500, "5.5.2", "Command line does not end"}, "endless command line");
        break;
    }
}

void ServerEngine::consumeDotted(QByteArrayView &input)
{
    if (m_data.read(input)) {
        m_behind = input.size();
        finishContent();
    } else if (m_data.drained() > m_settings->limits.drain) {
        closeWith(problemReply(), "refused message does not end");
    }
}

void ServerEngine::consumeChunk(QByteArrayView &input)
{
    QByteArrayView piece = input.first(std::min<qint64>(input.size(), m_chunkLeft));
    input = input.sliced(piece.size());
    m_chunkLeft -= piece.size();
    if (m_chunkRefusal) {
        m_skipped += piece.size();
    } else {
        m_data.read(piece);
    }
    m_behind = input.size();
    if (m_skipped + m_data.drained() > m_settings->limits.drain) {
        closeWith(m_chunkRefusal ? *m_chunkRefusal : problemReply(),
                  "refused message does not end");
    } else if (m_chunkLeft == 0) {
        endChunk();
    }
}

void ServerEngine::tlsEstablished(const QByteArray &description)
{
    // RFC 3207 §4.2: nothing that was said before the handshake counts.
    m_session.tls = description;
    m_session.helo.clear();
    m_session.protocol.clear();
    m_client = m_session;
    m_isExtended = false;
    m_stage = Stage::Connected;
    m_held.clear();
    m_lines.reset();
    enter(Phase::Command);
}

void ServerEngine::shutDown()
{
    m_isShuttingDown = true;
    if (m_phase == Phase::Command) {
        enter(Phase::Command);
    } else if (m_phase == Phase::Handshake) {
        closeWith({}, "shutting down");
    }
}

void ServerEngine::abort(const Reply &reply, const QByteArray &reason)
{
    if (m_phase != Phase::Closing) {
        closeWith(m_phase == Phase::Handshake ? Reply() : reply, reason);
    }
}

void ServerEngine::close(const QByteArray &reason)
{
    m_phase = Phase::Closing;
    m_question = Question::None;
    m_held.clear();
    m_data.reset();
    if (SessionHandler *handler = std::exchange(m_handler, nullptr)) {
        handler->onClosed(m_closeReason.isEmpty() ? reason : m_closeReason);
    }
}

}  // namespace portcullis::smtp
