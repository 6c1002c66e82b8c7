// SPDX-License-Identifier: GPL-2.0-or-later
// A hostile next hop: the input is what it says, in pieces. The first octet chooses protocol, TLS
// and the size of the pieces; mail is sent whenever the engine is ready.
#include "appliance/smtp/client/ClientEngine.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace portcullis {
namespace {

smtp::OutgoingMail sampleMail()
{
    smtp::OutgoingMail mail;
    mail.envelope.sender = *mail::Address::parse("a@b.example");
    for (const char *recipient : {"c@d.example", "e@d.example"}) {
        mail.envelope.recipients.push_back({*mail::Address::parse(recipient), {}, {}});
    }
    mail.content = mail::Content(QByteArray("Subject: x\r\n\r\n.\n.\r\nHello\r"));
    return mail;
}

void check(bool isTrue)
{
    if (!isTrue) {
        std::abort();
    }
}

void turn(smtp::ClientEngine &engine, int &mails)
{
    constexpr int mostMails = 20;
    engine.takeOutput();
    while (engine.hasBody()) {
        engine.takeBody(7);
    }
    if (const auto result = engine.takeResult()) {
        check(result->recipients.size() == 2);
        for (const smtp::RecipientResult &recipient : result->recipients) {
            check(recipient.reply.code >= 200 && recipient.reply.code < 600);
            check(recipient.reply.text.size() <= 2048);
        }
    }
    if (engine.wantsTls()) {
        engine.tlsEstablished();
    }
    if (engine.isReady() && mails < mostMails) {
        ++mails;
        smtp::OutgoingMail mail = sampleMail();
        mail.isProbe = mails % 3 == 0;
        engine.send(std::move(mail));
    }
}

}  // namespace
}  // namespace portcullis

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    using namespace portcullis;
    if (size < 1) {
        return 0;
    }
    const unsigned choice = data[0];
    smtp::ClientSettings settings;
    settings.heloName = "gw.example";
    settings.protocol = (choice & 1U) != 0 ? config::Protocol::Lmtp : config::Protocol::Smtp;
    settings.tls = static_cast<smtp::TlsUse>((choice >> 1U) % 3);
    const auto piece = static_cast<qsizetype>(1 + (choice >> 4U) * 5);
    smtp::ClientEngine engine(settings);
    const QByteArrayView input(reinterpret_cast<const char *>(data + 1),
                               static_cast<qsizetype>(size - 1));
    int mails = 0;
    for (qsizetype start = 0; start < input.size(); start += piece) {
        engine.receive(input.sliced(start, std::min(piece, input.size() - start)));
        turn(engine, mails);
    }
    engine.abort(Error::transient("smtp.lost", QStringLiteral("end of input")));
    turn(engine, mails);
    check(engine.failure().has_value());
    return 0;
}
