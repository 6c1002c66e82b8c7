// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/Dsn.h"

#include "appliance/smtp/client/DotStuffer.h"

#include <QtCore/QRandomGenerator>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

namespace portcullis::delivery {

namespace {

bool isAsciiText(QByteArrayView text)
{
    return !smtp::hasEightBitData(text);
}

/// One line of printable text: controls become spaces; octets above 127 become '?' unless the part
/// may hold UTF-8.
QByteArray oneLine(QByteArrayView text, bool isUtf8Allowed)
{
    QByteArray line = text.toByteArray();
    const bool keepsEightBit = isUtf8Allowed && line.isValidUtf8();
    for (char &c : line) {
        if (static_cast<signed char>(c) < 0) {
            c = keepsEightBit ? c : '?';
        } else if (c < ' ' || c == '\x7f') {
            c = ' ';
        }
    }
    return line.trimmed();
}

/// A field, folded so that no line comes near the limit of 998 octets (RFC 5322 §2.1.1).
QByteArray field(const char *name, const QByteArray &value)
{
    constexpr qsizetype width = 76;
    QByteArray result;
    QByteArray line = QByteArray(name) + ':';
    for (const QByteArray &word : value.split(' ')) {
        constexpr qsizetype longestWord = 900;
        const QByteArray cut = word.first(std::min(word.size(), longestWord));
        if (line.size() + 1 + cut.size() > width && line.contains(' ')) {
            result += line + "\r\n";
            line = "   ";
        }
        line += ' ' + cut;
    }
    return result + line + "\r\n";
}

/// RFC 3461 §4 xtext; malformed sequences stay as they are.
QByteArray fromXtext(const QByteArray &xtext)
{
    QByteArray text;
    for (qsizetype i = 0; i < xtext.size(); ++i) {
        bool isHex = false;
        const int code = xtext[i] == '+' && i + 2 < xtext.size()
                             ? xtext.mid(i + 1, 2).toInt(&isHex, 16)
                             : 0;
        if (isHex) {
            text += static_cast<char>(code);
            i += 2;
        } else {
            text += xtext[i];
        }
    }
    return text;
}

const char *wordOf(DsnAction action)
{
    switch (action) {
    case DsnAction::Failed:
        return "failed";
    case DsnAction::Delayed:
        return "delayed";
    case DsnAction::Delivered:
        return "delivered";
    case DsnAction::Relayed:
        return "relayed";
    }
    return "failed";
}

const char *subjectOf(DsnAction action)
{
    switch (action) {
    case DsnAction::Failed:
        return "Undelivered mail returned to sender";
    case DsnAction::Delayed:
        return "Delayed mail (still being tried)";
    case DsnAction::Delivered:
    case DsnAction::Relayed:
        return "Successful mail delivery report";
    }
    return "";
}

class DsnWriter
{
public:
    DsnWriter(const DsnRequest &request,
              const mail::Content &original,
              const QByteArray &dsnQueueId)
        : m_request(request)
        , m_original(original)
        , m_dsnQueueId(dsnQueueId)
        , m_action(request.recipients.front().action)
        , m_isGlobal(needsGlobal(request))
    {
        do {
            m_boundary = dsnQueueId + '.'
                         + QByteArray::number(QRandomGenerator::global()->generate64(), 36);
        } while (original.view().contains(m_boundary));
    }

    QByteArray header(Clock::WallTime now) const;
    QByteArray textPart() const;
    QByteArray statusPart() const;
    QByteArray returnedPartHeader() const;
    QByteArrayView returnedBytes() const;
    QByteArray end() const { return "\r\n--" + m_boundary + "--\r\n"; }

private:
    /// RFC 6533 §3: UTF-8 addresses can only be told in the global form.
    static bool needsGlobal(const DsnRequest &request)
    {
        return !request.envelope.sender.isAscii()
               || std::any_of(request.recipients.begin(), request.recipients.end(),
                              [](const DsnRecipient &recipient) {
                                  return !recipient.recipient.address.isAscii()
                                         || !isAsciiText(recipient.recipient.originalRecipient);
                              });
    }
    bool returnsWholeMessage() const
    {
        // RFC 3461 §4.3: RET concerns failures; other reports carry the header only.
        return m_action == DsnAction::Failed
               && m_request.envelope.dsnReturn != mail::DsnReturn::Headers
               && m_original.size() <= m_request.maxReturnedBytes;
    }
    QByteArray partStart(const QByteArray &type, bool isEightBit) const
    {
        return "\r\n--" + m_boundary + "\r\nContent-Type: " + type
               + "\r\nContent-Transfer-Encoding: " + (isEightBit ? "8bit" : "7bit") + "\r\n";
    }
    QByteArray typedAddress(const mail::Address &address) const
    {
        return (address.isAscii() ? "rfc822; " : "utf-8; ") + oneLine(address.toString(), true);
    }
    QByteArray recipientBlock(const DsnRecipient &recipient) const;
    QByteArray explanation() const;

    const DsnRequest &m_request;
    const mail::Content &m_original;
    const QByteArray &m_dsnQueueId;
    DsnAction m_action;
    bool m_isGlobal;
    QByteArray m_boundary;
};

QByteArray DsnWriter::header(Clock::WallTime now) const
{
    const QByteArray mta = oneLine(m_request.reportingMta, false);
    return "Date: " + dateOf(now) + "\r\nFrom: Mail Delivery System <"
           + oneLine(m_request.postmaster, m_isGlobal) + ">\r\nTo: <"
           + oneLine(m_request.envelope.sender.toString(), true) + ">\r\nSubject: "
           + subjectOf(m_action) + "\r\nMessage-ID: <" + m_dsnQueueId + ".dsn@" + mta
           + ">\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
             "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\""
           + m_boundary + "\"\r\n\r\nThis is a delivery status report in MIME format.\r\n";
}

QByteArray DsnWriter::explanation() const
{
    switch (m_action) {
    case DsnAction::Failed:
        return "your message could not be delivered to one or more recipients.\r\n"
               "It has been given up for those listed below; each reason follows the address.\r\n"
               "Please correct the address or ask the recipient's side, then send it again.\r\n";
    case DsnAction::Delayed:
        return "your message could not be delivered yet to the recipients listed below.\r\n"
               "You need not send it again: it will be tried until "
               + (m_request.willRetryUntil ? dateOf(*m_request.willRetryUntil)
                                           : QByteArray("it is given up"))
               + ".\r\nYou will be told if that fails.\r\n";
    case DsnAction::Relayed:
        return "your message was passed on for the recipients listed below to a mail system "
               "that\r\n"
               "does not report successful delivery. You may receive no further report.\r\n";
    case DsnAction::Delivered:
        return "your message was delivered to the recipients listed below.\r\n";
    }
    return {};
}

QByteArray DsnWriter::textPart() const
{
    QByteArray text = "This is the mail system at " + oneLine(m_request.reportingMta, false)
                      + ".\r\n\r\nDear sender,\r\n\r\n" + explanation() + "\r\nFor help, write to "
                      + oneLine(m_request.postmaster, true) + " and mention queue id "
                      + m_request.queueId + ".\r\n";
    for (const DsnRecipient &recipient : m_request.recipients) {
        text += "\r\n<" + oneLine(recipient.recipient.address.toString(), true) + ">\r\n";
        const QByteArray reason = oneLine(recipient.reply.toLine(), true);
        if (recipient.isFromNextHop && !recipient.remoteMta.isEmpty()) {
            text += field("   The mail server " + oneLine(recipient.remoteMta, false) + " said",
                          reason);
        } else {
            text += field("   Reason", reason);
        }
    }
    const bool isEightBit = !isAsciiText(text);
    return partStart(isEightBit ? "text/plain; charset=utf-8" : "text/plain; charset=us-ascii",
                     isEightBit)
           + "Content-Description: Notification\r\n\r\n" + text;
}

QByteArray DsnWriter::recipientBlock(const DsnRecipient &recipient) const
{
    QByteArray block = "\r\n";
    const QByteArray &original = recipient.recipient.originalRecipient;
    if (const qsizetype semicolon = original.indexOf(';'); semicolon > 0) {
        block += field("Original-Recipient",
                       oneLine(original.first(semicolon), false) + "; "
                           + oneLine(fromXtext(original.sliced(semicolon + 1)), m_isGlobal));
    }
    block += field("Final-Recipient", typedAddress(recipient.recipient.address));
    block += field("Action", wordOf(recipient.action));
    block += field("Status", dsnStatus(recipient));
    if (!recipient.remoteMta.isEmpty()) {
        block += field("Remote-MTA", "dns; " + oneLine(recipient.remoteMta, false));
    }
    if (recipient.isFromNextHop) {
        block += field("Diagnostic-Code", "smtp; " + oneLine(recipient.reply.toLine(), m_isGlobal));
    }
    if (recipient.lastAttempt != Clock::WallTime{}) {
        block += field("Last-Attempt-Date", dateOf(recipient.lastAttempt));
    }
    if (recipient.action == DsnAction::Delayed && m_request.willRetryUntil) {
        block += field("Will-Retry-Until", dateOf(*m_request.willRetryUntil));
    }
    return block;
}

QByteArray DsnWriter::statusPart() const
{
    QByteArray part = partStart(m_isGlobal ? "message/global-delivery-status"
                                           : "message/delivery-status",
                                m_isGlobal)
                      + "Content-Description: Delivery report\r\n\r\n";
    if (!m_request.envelope.envelopeId.isEmpty()) {
        part += field("Original-Envelope-Id",
                      oneLine(fromXtext(m_request.envelope.envelopeId), m_isGlobal));
    }
    part += field("Reporting-MTA", "dns; " + oneLine(m_request.reportingMta, false));
    part += field("X-Portcullis-Queue-Id", oneLine(m_request.queueId, false));
    part += field("Arrival-Date", dateOf(m_request.arrival));
    for (const DsnRecipient &recipient : m_request.recipients) {
        part += recipientBlock(recipient);
    }
    return part;
}

QByteArrayView DsnWriter::returnedBytes() const
{
    return returnsWholeMessage() ? m_original.view() : smtp::headerOf(m_original.view());
}

QByteArray DsnWriter::returnedPartHeader() const
{
    const bool isEightBit = smtp::hasEightBitData(returnedBytes());
    const bool isUtf8Message = m_isGlobal && m_request.envelope.isSmtpUtf8;
    const char *type = nullptr;
    if (returnsWholeMessage()) {
        type = isUtf8Message ? "message/global" : "message/rfc822";
    } else {
        type = isUtf8Message ? "message/global-headers" : "text/rfc822-headers";
    }
    return partStart(type, isEightBit) + "Content-Description: "
           + (returnsWholeMessage() ? "Message" : "Header of the message") + "\r\n\r\n";
}

}  // namespace

bool wantsDsn(const mail::Envelope &envelope, const mail::Recipient &recipient, DsnAction action)
{
    if (envelope.sender.isNull() || recipient.notify.testFlag(mail::Notify::Never)) {
        return false;
    }
    const bool isDefault = recipient.notify == mail::NotifyFlags();
    switch (action) {
    case DsnAction::Failed:
        return isDefault || recipient.notify.testFlag(mail::Notify::Failure);
    case DsnAction::Delayed:
        return isDefault || recipient.notify.testFlag(mail::Notify::Delay);
    case DsnAction::Delivered:
    case DsnAction::Relayed:
        return recipient.notify.testFlag(mail::Notify::Success);
    }
    return false;
}

QByteArray dsnStatus(const DsnRecipient &recipient)
{
    char wanted = '2';
    if (recipient.action == DsnAction::Failed) {
        wanted = '5';
    } else if (recipient.action == DsnAction::Delayed) {
        wanted = '4';
    }
    QByteArray status = recipient.reply.enhanced;
    if (status.size() < 5) {
        return QByteArray(1, wanted) + ".0.0";
    }
    // A transient reply becomes a permanent failure when the message expires.
    status[0] = wanted;
    return status;
}

mail::Content makeDsn(const DsnRequest &request,
                      const mail::Content &original,
                      const QByteArray &dsnQueueId,
                      Clock::WallTime now)
{
    const DsnWriter writer(request, original, dsnQueueId);
    const QByteArray top = writer.header(now) + writer.textPart() + writer.statusPart()
                           + writer.returnedPartHeader();
    return mail::Content::joined({top, writer.returnedBytes(), writer.end()});
}

QByteArray dateOf(Clock::WallTime time)
{
    static constexpr std::array<const char *, 7> days{"Sun", "Mon", "Tue", "Wed",
                                                      "Thu", "Fri", "Sat"};
    static constexpr std::array<const char *, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto seconds = static_cast<std::time_t>(
        std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count());
    std::tm parts{};
    if (gmtime_r(&seconds, &parts) == nullptr) {
        parts = {};
    }
    std::array<char, 64> text{};
    const int length = std::snprintf(
        text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d +0000",
        days[static_cast<size_t>(parts.tm_wday) % 7], parts.tm_mday,
        months[static_cast<size_t>(parts.tm_mon) % 12], parts.tm_year + 1900, parts.tm_hour,
        parts.tm_min, parts.tm_sec);
    return {text.data(), length};
}

}  // namespace portcullis::delivery
