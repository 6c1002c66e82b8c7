// SPDX-License-Identifier: GPL-2.0-or-later
// spool_victim FOLDER [THREADS]: takes messages into a spool and "delivers" half of them until it is
// killed. Each promise is a line on standard output, written after it was made:
//   A ID LENGTH   accepted: flushed (a 250 to the client)
//   S ID          sent: the next hop has it; not yet removed
//   R ID          removed from the queue, lazily
//   F ERROR       a commit has failed
#include "appliance/spool/Spool.h"

#include <QtCore/QCoreApplication>
#include <QtCore/QRandomGenerator>

#include <unistd.h>

#include <cstdio>
#include <thread>

using namespace portcullis;
using namespace portcullis::spool;

namespace {

constexpr int exitAfterFailure = 3;

void say(const QByteArray &line)
{
    const QByteArray text = line + '\n';
    if (::write(STDOUT_FILENO, text.constData(), static_cast<size_t>(text.size())) < 0) {
        ::_exit(1);
    }
}

/// Bytes that can be made again from the id alone.
QByteArray messageFor(const QByteArray &id, qsizetype length)
{
    QByteArray text = "Subject: " + id + "\r\n\r\n";
    while (text.size() < length) {
        text += id + "\r\n";
    }
    text.truncate(length);
    return text;
}

Entry entryFor(const QByteArray &id, qsizetype length)
{
    Entry entry;
    entry.id = id;
    entry.envelope.sender = *mail::Address::parse("a@example.net");
    entry.envelope.recipients.push_back({*mail::Address::parse("b@example.org"), {}, {}});
    entry.content = mail::Content(messageFor(id, length));
    return entry;
}

void fail(const Status &status)
{
    say("F " + status.error().id + ' ' + status.error().detail.toUtf8());
    ::_exit(exitAfterFailure);  // As pmg-smtpd does: recovery reads what is really there.
}

void takeAndDeliver(Spool &spool)
{
    QRandomGenerator random = QRandomGenerator::securelySeeded();
    for (;;) {
        // Pairs: what one transaction adds is there together or not at all.
        const QByteArray first = spool.nextQueueId();
        const QByteArray second = spool.nextQueueId();
        const qsizetype length = random.bounded(100, 12'000);
        Transaction accept;
        accept.add(entryFor(first, length));
        accept.add(entryFor(second, length + 1));
        if (const Status status = spool.commitAndWait(std::move(accept)); !status) {
            fail(status);
        }
        say("A " + first + ' ' + QByteArray::number(length));
        say("A " + second + ' ' + QByteArray::number(length + 1));
        if (random.bounded(2) == 0) {
            say("S " + first);
            Transaction remove;
            remove.remove(first);
            if (const Status status = spool.commitAndWait(std::move(remove), Durability::Lazy);
                !status) {
                fail(status);
            }
            say("R " + first);
        }
    }
}

}  // namespace

int main(int argc, char **argv)
{
    const QCoreApplication application(argc, argv);
    const QStringList arguments = QCoreApplication::arguments();
    SpoolSettings settings;
    settings.folder = arguments.value(1);
    settings.segmentBytes = 128 * 1024;  // Many segments: rolling, deleting and moving happen too.
    settings.compactBelowPercent = 40;
    settings.minFreeBytes = 0;
    auto spool = Spool::open(settings, SystemClock::instance());
    if (!spool) {
        say("F " + spool.error().id);
        return exitAfterFailure;
    }
    (*spool)->waitForRecovery();
    say("READY");
    std::vector<std::thread> threads;
    for (int i = 0; i < arguments.value(2, QStringLiteral("4")).toInt(); ++i) {
        threads.emplace_back([&spool] { takeAndDeliver(**spool); });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    return 0;
}
