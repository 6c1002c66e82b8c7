// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/smtp/server/ServerEngine.h"

#include <QtCore/QByteArrayList>

#include <deque>
#include <map>
#include <memory>
#include <string>

namespace portcullis::smtp {

/// A handler that answers from a script and remembers what it was asked.
class ScriptedHandler final : public SessionHandler
{
public:
    explicit ScriptedHandler(SessionControl &control)
        : m_control(control)
    {
    }

    /// Replies by question ("connect", "helo", "mail", "rcpt", "data", "message"), used up in order;
    /// afterwards, or without any, the question is answered with yes.
    std::map<std::string, std::deque<Reply>> script;
    bool isAsynchronous = false;  ///< Keep answers until answerNow().

    QByteArrayList events;
    QByteArrayList messages;
    std::vector<mail::Recipient> recipients;
    MailCommand mail;
    mail::Client clientAtMessage;
    QByteArray closeReason;
    QByteArray trace;  ///< Put in front of each message.

    void onConnect() override { reply("connect", {220, {}, "ESMTP"}); }
    void onHelo(const QByteArray &name, bool isExtended) override
    {
        events.append((isExtended ? "EHLO " : "HELO ") + name);
        reply("helo", {250, {}, {}});
    }
    void onMail(const MailCommand &command) override
    {
        mail = command;
        recipients.clear();
        events.append("MAIL " + command.sender.toString());
        reply("mail", {250, "2.1.0", "Ok"});
    }
    void onRcpt(const mail::Recipient &recipient) override
    {
        recipients.push_back(recipient);
        events.append("RCPT " + recipient.address.toString());
        reply("rcpt", {250, "2.1.5", "Ok"});
    }
    void onData() override
    {
        events.append("DATA");
        reply("data", {354, {}, {}});
    }
    mail::ContentBuilder dataBuilder() override
    {
        mail::ContentBuilder builder(QStringLiteral("/tmp"));
        (void)builder.append(trace).has_value();
        return builder;
    }
    void onMessage(mail::Content content) override
    {
        events.append("MESSAGE");
        messages.append(content.toByteArray());
        clientAtMessage = m_control.client();
        reply("message", {250, "2.0.0", "Queued"});
    }
    void onReset() override { events.append("RESET"); }
    void onClosed(const QByteArray &reason) override
    {
        events.append("CLOSED");
        closeReason = reason;
    }

    [[nodiscard]] bool hasOpenQuestion() const { return m_kept.has_value(); }
    void answerNow()
    {
        const Reply reply = *std::exchange(m_kept, std::nullopt);
        m_control.answer(reply);
    }

private:
    void reply(const char *question, const Reply &yes)
    {
        auto &replies = script[question];
        Reply reply = yes;
        if (!replies.empty()) {
            reply = replies.front();
            replies.pop_front();
        }
        if (isAsynchronous) {
            m_kept = reply;
        } else {
            m_control.answer(reply);
        }
    }

    SessionControl &m_control;
    std::optional<Reply> m_kept;
};

/// An engine with its scripted handler and a host that has no socket.
class EngineBench final : public EngineHost
{
public:
    explicit EngineBench(SessionSettings settings = {},
                         SessionRights rights = {},
                         QByteArray address = "192.0.2.1")
        : engine(std::make_shared<const SessionSettings>(std::move(settings)),
                 rights,
                 clientAt(address),
                 *this)
        , handler(engine.control())
    {
    }

    [[nodiscard]] bool hasUnreadInput() const override { return unreadInput; }
    void engineAdvanced() override { ++advances; }
    void note(const char *id, const QByteArray &) override { notes.append(id); }

    /// Greets, says EHLO and forgets what was said.
    void greet()
    {
        engine.start(handler);
        engine.receive("EHLO client.example\r\n");
        (void)engine.takeOutput();
    }

    /// Feeds octets and gives the answer.
    QByteArray say(QByteArrayView octets)
    {
        engine.receive(octets);
        return engine.takeOutput();
    }
    /// A group of commands, each as a segment of its own.
    QByteArray sayEach(const QByteArrayList &lines)
    {
        QByteArray output;
        for (const QByteArray &line : lines) {
            output.append(say(line + "\r\n"));
        }
        return output;
    }
    [[nodiscard]] bool isClosing() const { return engine.phase() == ServerEngine::Phase::Closing; }

    bool unreadInput = false;
    int advances = 0;
    QByteArrayList notes;
    ServerEngine engine;
    ScriptedHandler handler;

private:
    static mail::Client clientAt(const QByteArray &address)
    {
        mail::Client client;
        client.address = QHostAddress(QString::fromLatin1(address));
        client.port = 4711;
        return client;
    }
};

/// The reply codes of an answer in order, continuation lines left out: "250 354".
inline QByteArray codesOf(const QByteArray &output)
{
    QByteArrayList codes;
    for (const QByteArray &line : output.split('\n')) {
        if (line.size() >= 4 && line[3] == ' ') {
            codes.append(line.left(3));
        }
    }
    return codes.join(' ');
}

}  // namespace portcullis::smtp
