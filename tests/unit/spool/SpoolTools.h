// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spool/Spool.h"

#include <QtCore/QTemporaryDir>
#include <QtTest/QTest>

/// What tests of the spool share: a message, an entry, an opened spool.
namespace portcullis::spool::test {

inline QByteArray messageOf(int number, qsizetype size = 2000)
{
    QByteArray text = "Subject: message " + QByteArray::number(number) + "\r\n\r\n";
    const QByteArray line = "line of message " + QByteArray::number(number) + "\r\n";
    while (text.size() < size) {
        text += line;
    }
    return text;
}

inline Entry entryOf(const QByteArray &id,
                     const QByteArray &content,
                     const QByteArray &recipient = "anna@example.org")
{
    Entry entry;
    entry.id = id;
    entry.client.address = QHostAddress(QStringLiteral("192.0.2.7"));
    entry.client.helo = "mx.example.net";
    entry.envelope.sender = *mail::Address::parse("sender@example.net");
    entry.envelope.recipients.push_back({*mail::Address::parse(recipient), {}, {}});
    entry.receivedAt = SystemClock::instance().wall();
    entry.origin = "smtp";
    entry.content = mail::Content(content);
    return entry;
}

inline SpoolSettings smallSettings(const QString &folder)
{
    SpoolSettings settings;
    settings.folder = folder;
    settings.segmentBytes = 256 * 1024;
    settings.minFreeBytes = 0;
    return settings;
}

inline std::unique_ptr<Spool> openSpool(const SpoolSettings &settings,
                                        const Clock &clock = SystemClock::instance())
{
    auto spool = Spool::open(settings, clock);
    if (!spool) {
        qWarning("open: %s", qPrintable(spool.error().toString()));
        return nullptr;
    }
    (*spool)->waitForRecovery();
    return std::move(*spool);
}

inline QByteArray add(Spool &spool,
                      const QByteArray &content,
                      Durability durability = Durability::Flushed)
{
    const QByteArray id = spool.nextQueueId();
    Transaction transaction;
    transaction.add(entryOf(id, content));
    const Status added = spool.commitAndWait(std::move(transaction), durability);
    return added ? id : QByteArray();
}

inline Status remove(Spool &spool, const QByteArray &id)
{
    Transaction transaction;
    transaction.remove(id);
    return spool.commitAndWait(std::move(transaction));
}

inline qint64 entryCount(const Spool &spool)
{
    const SpoolStatistics counts = spool.statistics();
    return counts.entries[0] + counts.entries[1] + counts.entries[2] + counts.entries[3];
}

}  // namespace portcullis::spool::test
