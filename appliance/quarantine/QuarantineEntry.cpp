// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/quarantine/QuarantineEntry.h"

#include <QtCore/QRegularExpression>

namespace portcullis::quarantine {

namespace {

constexpr qsizetype headSearched = 256 * 1024;
constexpr qsizetype maxMessageId = 998;  ///< RFC 5322 §2.1.1: a line.

/// End of the line that starts at `start`, behind its LF.
qsizetype lineEnd(QByteArrayView bytes, qsizetype start)
{
    const qsizetype end = bytes.indexOf('\n', start);
    return end < 0 ? bytes.size() : end + 1;
}

bool isFolded(QByteArrayView bytes, qsizetype start)
{
    return start < bytes.size() && (bytes[start] == ' ' || bytes[start] == '\t');
}

}  // namespace

const char *nameOf(QuarantineKind kind)
{
    switch (kind) {
    case QuarantineKind::Spam:
        return "spam";
    case QuarantineKind::Virus:
        return "virus";
    case QuarantineKind::Attachment:
        return "attachment";
    case QuarantineKind::FilterFailure:
        return "failure";
    }
    return "failure";
}

Result<QuarantineKind> quarantineKindOf(QByteArrayView nameOrLetter)
{
    for (const QuarantineKind kind : {QuarantineKind::Spam, QuarantineKind::Virus,
                                      QuarantineKind::Attachment, QuarantineKind::FilterFailure}) {
        const char letter = static_cast<char>(kind);
        if (nameOrLetter == QByteArrayView(nameOf(kind))
            || nameOrLetter == QByteArrayView(&letter, 1)) {
            return kind;
        }
    }
    return Error::permanent("quarantine.kind",
                            QStringLiteral("there is no kind '%1'; kinds are spam, virus, "
                                           "attachment and failure")
                                .arg(QString::fromUtf8(nameOrLetter)));
}

QString EntryId::toString() const
{
    return QStringLiteral("C%1R%2T%3").arg(cid).arg(rid).arg(ticket);
}

Result<EntryId> EntryId::parse(QStringView text)
{
    static const QRegularExpression form(
        QStringLiteral("\\AC([0-9]{1,9})R([0-9]{1,18})T([0-9]{1,19})\\z"));
    const auto match = form.match(text.toString());
    bool isTicket = false;
    EntryId id;
    id.cid = match.capturedView(1).toInt();
    id.rid = match.capturedView(2).toLongLong();
    id.ticket = match.capturedView(3).toLongLong(&isTicket);
    if (!match.hasMatch() || !isTicket) {
        return Error::permanent(
            "quarantine.entry-id",
            QStringLiteral("'%1' is not the id of a quarantine entry; they look "
                           "like C1R42T7719")
                .arg(text.toString()));
    }
    return id;
}

QByteArray messageIdOf(QByteArrayView message)
{
    static constexpr QByteArrayView name("message-id:");
    const QByteArrayView head = message.first(std::min(message.size(), headSearched));
    for (qsizetype start = 0; start < head.size();) {
        qsizetype end = lineEnd(head, start);
        const QByteArrayView line = head.sliced(start, end - start);
        if (line == QByteArrayView("\r\n") || line == QByteArrayView("\n")) {
            break;
        }
        while (isFolded(head, end)) {
            end = lineEnd(head, end);
        }
        if (qstrnicmp(line.data(), line.size() < name.size() ? 0 : name.size(), name.data(),
                      name.size())
            == 0) {
            QByteArray value = head.sliced(start + name.size(), end - start - name.size())
                                   .toByteArray()
                                   .simplified();
            value.truncate(maxMessageId);
            return value;
        }
        start = end;
    }
    return {};
}

}  // namespace portcullis::quarantine
