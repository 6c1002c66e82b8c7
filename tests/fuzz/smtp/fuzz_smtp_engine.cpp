// SPDX-License-Identifier: GPL-2.0-or-later
// The SMTP server engine on octets from outside. The first octet chooses settings and how the
// handler answers, the second how the rest is cut; whatever comes, no message with a bare CR or LF
// gets through and every reply is well formed.
#include "appliance/smtp/server/ServerEngine.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

namespace portcullis::smtp {

namespace {

enum Choice : uint8_t { Replace = 1, Late = 2, Lmtp = 4, Trusted = 8, Refusing = 16, Tls = 32 };

void require(bool isTrue)
{
    if (!isTrue) {
        std::abort();
    }
}

bool hasBareNewline(QByteArrayView text)
{
    for (qsizetype i = 0; i < text.size(); ++i) {
        if (text[i] == '\n' ? i == 0 || text[i - 1] != '\r'
                            : text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n')) {
            return true;
        }
    }
    return false;
}

/// Answers everything, some of it with no, at once or when asked to.
class FuzzHandler final : public SessionHandler
{
public:
    FuzzHandler(SessionControl &control, uint8_t choice)
        : m_control(control)
        , m_choice(choice)
    {
    }

    void onConnect() override { reply({220, {}, {}}); }
    void onHelo(const QByteArray &name, bool) override
    {
        require(!name.isEmpty() && !name.contains(' ') && !name.contains('\0'));
        reply({250, {}, {}});
    }
    void onMail(const MailCommand &) override
    {
        require(!m_hasMail);
        m_hasMail = !isRefusingNext();
        reply({250, {}, {}});
    }
    void onRcpt(const mail::Recipient &recipient) override
    {
        require(m_hasMail && !recipient.address.isNull());
        reply({250, {}, {}});
    }
    void onData() override
    {
        require(m_hasMail);
        reply({354, {}, {}});
    }
    mail::ContentBuilder dataBuilder() override
    {
        return mail::ContentBuilder(QStringLiteral("/tmp"));
    }
    void onMessage(mail::Content content) override
    {
        require(m_hasMail && !hasBareNewline(content.view()));
        m_hasMail = false;
        reply({250, {}, {}});
    }
    void onReset() override { m_hasMail = false; }
    void onClosed(const QByteArray &) override
    {
        require(!m_isClosed);
        m_isClosed = true;
    }

    void answerLate()
    {
        while (m_kept) {
            const Reply kept = *std::exchange(m_kept, std::nullopt);
            m_control.answer(kept);
        }
    }

private:
    [[nodiscard]] bool isRefusingNext() const
    {
        return (m_choice & Refusing) != 0 && m_questions % 5 == 4;
    }
    void reply(Reply yes)
    {
        const bool isRefusing = isRefusingNext();
        ++m_questions;
        if (isRefusing) {
            yes = {450, "4.7.1", "Not now"};
        }
        if ((m_choice & Late) != 0) {
            m_kept = yes;
        } else {
            m_control.answer(yes);
        }
    }

    SessionControl &m_control;
    uint8_t m_choice;
    unsigned m_questions = 0;
    bool m_hasMail = false;
    bool m_isClosed = false;
    std::optional<Reply> m_kept;
};

class FuzzHost final : public EngineHost
{
public:
    [[nodiscard]] bool hasUnreadInput() const override { return false; }
    void engineAdvanced() override {}
    void note(const char *, const QByteArray &) override {}
};

std::shared_ptr<const SessionSettings> settingsFor(uint8_t choice)
{
    auto settings = std::make_shared<SessionSettings>();
    settings->bareNewline = (choice & Replace) != 0 ? BareNewline::Replace : BareNewline::Refuse;
    settings->protocol = (choice & Lmtp) != 0 ? ServerProtocol::Lmtp : ServerProtocol::Smtp;
    settings->extensions.setFlag(Extension::StartTls, (choice & Tls) != 0);
    settings->limits.messageSize = 2000;
    settings->limits.headerSize = 500;
    settings->limits.drain = 4000;
    settings->limits.recipients = 3;
    return settings;
}

void checkOutput(const QByteArray &output)
{
    require(!hasBareNewline(output) && (output.isEmpty() || output.endsWith("\r\n")));
    for (const QByteArray &line : output.split('\n')) {
        require(line.size() <= 511);
        require(line.isEmpty() || (line.size() >= 5 && line[0] >= '2' && line[0] <= '5'));
    }
}

void run(QByteArrayView input)
{
    const auto choice = static_cast<uint8_t>(input[0]);
    const qsizetype step = 1 + static_cast<uint8_t>(input[1]);
    FuzzHost host;
    ServerEngine engine(settingsFor(choice), {(choice & Trusted) != 0, (choice & Trusted) != 0}, {},
                        host);
    FuzzHandler handler(engine.control(), choice);
    engine.start(handler);
    handler.answerLate();
    input = input.sliced(2);
    while (!input.isEmpty() && engine.phase() != ServerEngine::Phase::Closing) {
        const QByteArrayView piece = input.first(std::min(step, input.size()));
        input = input.sliced(piece.size());
        engine.receive(piece);
        handler.answerLate();
        if (engine.phase() == ServerEngine::Phase::Handshake) {
            engine.tlsEstablished("TLS");
        }
        checkOutput(engine.takeOutput());
    }
    engine.close("end of input");
}

}  // namespace

}  // namespace portcullis::smtp

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= 2) {
        portcullis::smtp::run(
            QByteArrayView(reinterpret_cast<const char *>(data), qsizetype(size)));  // NOLINT
    }
    return 0;
}
