// SPDX-License-Identifier: GPL-2.0-or-later
// What a durable commit costs: our log, one file a message, and RocksDB, in one run on one disk.
// Each committer stores a message, waits until it is flushed, removes it without waiting for a flush.
#include "appliance/spool/Spool.h"

#include <QtCore/QCommandLineParser>
#include <QtCore/QCoreApplication>
#include <QtCore/QDir>
#include <QtCore/QElapsedTimer>
#include <QtCore/QFile>
#include <QtCore/QTemporaryDir>

#ifdef PORTCULLIS_HAS_ROCKSDB
#    include <rocksdb/db.h>
#    include <rocksdb/write_batch.h>
#endif

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <thread>

using namespace portcullis;
using namespace portcullis::spool;

namespace {

/// Stores and removes messages durably. One object for all threads.
class Store
{
public:
    virtual ~Store() = default;
    [[nodiscard]] virtual const char *name() const = 0;
    virtual void storeAndRemove(const QByteArray &message) = 0;
};

class LogStore final : public Store
{
public:
    explicit LogStore(const QString &folder)
    {
        SpoolSettings settings;
        settings.folder = folder;
        m_spool = Spool::open(settings, SystemClock::instance()).value();
    }
    [[nodiscard]] const char *name() const override { return "log"; }
    void storeAndRemove(const QByteArray &message) override
    {
        Entry entry;
        entry.id = m_spool->nextQueueId();
        entry.envelope.sender = m_sender;
        entry.envelope.recipients.push_back({m_recipient, {}, {}});
        entry.content = mail::Content(message);
        const QByteArray id = entry.id;
        Transaction add;
        add.add(std::move(entry));
        check(m_spool->commitAndWait(std::move(add)));
        Transaction remove;
        remove.remove(id);
        check(m_spool->commitAndWait(std::move(remove), Durability::Lazy));
    }

private:
    static void check(const Status &status)
    {
        if (!status) {
            qFatal("%s", qPrintable(status.error().toString()));
        }
    }
    std::unique_ptr<Spool> m_spool;
    mail::Address m_sender = *mail::Address::parse("a@example.net");
    mail::Address m_recipient = *mail::Address::parse("b@example.org");
};

class FileStore final : public Store
{
public:
    explicit FileStore(const QString &folder)
        : m_folder(::open(qPrintable(folder), O_RDONLY | O_DIRECTORY))
    {
    }
    ~FileStore() override { ::close(m_folder); }
    Q_DISABLE_COPY_MOVE(FileStore)
    [[nodiscard]] const char *name() const override { return "file"; }
    void storeAndRemove(const QByteArray &message) override
    {
        const QByteArray name = QByteArray::number(++m_number, 16);
        const QByteArray fresh = name + ".new";
        const int file = ::openat(m_folder, fresh.constData(), O_WRONLY | O_CREAT | O_EXCL, 0600);
        const bool isStored = ::write(file, message.constData(),
                                      static_cast<size_t>(message.size()))
                                  == message.size()
                              && ::fsync(file) == 0 && ::close(file) == 0
                              && ::renameat(m_folder, fresh.constData(), m_folder, name.constData())
                                     == 0
                              && ::fsync(m_folder) == 0;
        if (!isStored) {
            qFatal("cannot store a file");
        }
        ::unlinkat(m_folder, name.constData(), 0);
    }

private:
    int m_folder;
    std::atomic<quint64> m_number{0};
};

#ifdef PORTCULLIS_HAS_ROCKSDB
class RocksStore final : public Store
{
public:
    explicit RocksStore(const QString &folder)
    {
        rocksdb::Options options;
        options.create_if_missing = true;
        options.compression = rocksdb::kNoCompression;
        rocksdb::DB *opened = nullptr;
        if (!rocksdb::DB::Open(options, folder.toStdString(), &opened).ok()) {
            qFatal("cannot open RocksDB");
        }
        m_database.reset(opened);
    }
    [[nodiscard]] const char *name() const override { return "rocksdb"; }
    void storeAndRemove(const QByteArray &message) override
    {
        const std::string key = std::to_string(++m_number);
        rocksdb::WriteBatch batch;
        batch.Put("m" + key, "metadata of about this length: sender, recipient, client, times");
        batch.Put("c" + key,
                  rocksdb::Slice(message.constData(), static_cast<size_t>(message.size())));
        rocksdb::WriteOptions durable;
        durable.sync = true;
        rocksdb::WriteBatch removal;
        removal.Delete("m" + key);
        removal.Delete("c" + key);
        if (!m_database->Write(durable, &batch).ok()
            || !m_database->Write(rocksdb::WriteOptions(), &removal).ok()) {
            qFatal("RocksDB cannot write");
        }
    }

private:
    std::unique_ptr<rocksdb::DB> m_database;
    std::atomic<quint64> m_number{0};
};
#endif

double processorSeconds()
{
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval &time) {
        return double(time.tv_sec) + double(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void measure(Store &store, qsizetype size, int committers, double seconds)
{
    const QByteArray message(size, 'x');
    std::atomic<bool> isOver{false};
    std::vector<std::vector<qint64>> latencies(static_cast<size_t>(committers));
    std::vector<std::thread> threads;
    const double processorBefore = processorSeconds();
    QElapsedTimer wall;
    wall.start();
    for (auto &own : latencies) {
        threads.emplace_back([&] {
            while (!isOver) {
                QElapsedTimer timer;
                timer.start();
                store.storeAndRemove(message);
                own.push_back(timer.nsecsElapsed());
            }
        });
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    isOver = true;
    for (std::thread &thread : threads) {
        thread.join();
    }
    const double elapsed = double(wall.nsecsElapsed()) / 1e9;
    const double processor = processorSeconds() - processorBefore;
    std::vector<qint64> all;
    for (const auto &own : latencies) {
        all.insert(all.end(), own.begin(), own.end());
    }
    std::sort(all.begin(), all.end());
    const auto count = static_cast<double>(all.size());
    std::printf("| %5lld | %2d | %-7s | %8.0f | %7.2f | %7.2f | %6.0f |\n",
                static_cast<long long>(size / 1024), committers, store.name(), count / elapsed,
                double(all[all.size() / 2]) / 1e6, double(all[all.size() * 99 / 100]) / 1e6,
                processor * 1e6 / count);
    std::fflush(stdout);
}

qint64 residentKilobytes()
{
    QFile status(QStringLiteral("/proc/self/statm"));
    const bool isOpen = status.open(QIODevice::ReadOnly);
    return isOpen
               ? status.readAll().split(' ').value(1).toLongLong() * ::sysconf(_SC_PAGESIZE) / 1024
               : 0;
}

/// F14: how long a start with a backlog takes, and what it needs.
void measureBacklog(const QString &folder, int entries)
{
    SpoolSettings settings;
    settings.folder = folder;
    QElapsedTimer timer;
    timer.start();
    {
        const auto spool = Spool::open(settings, SystemClock::instance()).value();
        const mail::Content content(QByteArray(1024, 'x'));
        for (int i = 0; i < entries;) {
            Transaction transaction;
            for (int step = 0; step < 500 && i < entries; ++step, ++i) {
                Entry entry;
                entry.id = spool->nextQueueId();
                entry.envelope.sender = *mail::Address::parse("a@example.net");
                entry.envelope.recipients.push_back(
                    {*mail::Address::parse("b@d" + QByteArray::number(i % 5000) + ".example"),
                     {},
                     {}});
                entry.content = mail::Content(content.toByteArray());
                transaction.add(std::move(entry));
                // One transaction a message is what a start meets at worst.
                (void)spool->commitAndWait(std::exchange(transaction, {}), Durability::Lazy)
                    .has_value();
            }
        }
    }
    std::printf("backlog of %d written in %.1f s\n", entries, double(timer.elapsed()) / 1e3);
    const qint64 before = residentKilobytes();
    timer.restart();
    const auto spool = Spool::open(settings, SystemClock::instance()).value();
    Transaction first;
    Entry entry;
    entry.id = spool->nextQueueId();
    entry.envelope.recipients.push_back({*mail::Address::parse("b@example.org"), {}, {}});
    entry.content = mail::Content(QByteArray(4096, 'x'));
    first.add(std::move(entry));
    const bool isAccepted = spool->commitAndWait(std::move(first)).has_value();
    std::printf("first message accepted (%s) after %.3f s\n", isAccepted ? "flushed" : "refused",
                double(timer.elapsed()) / 1e3);
    spool->waitForRecovery();
    const SpoolStatistics counts = spool->statistics();
    std::printf("all %lld entries known after %.2f s; memory +%lld KiB, %.0f bytes an entry\n",
                static_cast<long long>(counts.entries[1]), double(timer.elapsed()) / 1e3,
                static_cast<long long>(residentKilobytes() - before),
                double(residentKilobytes() - before) * 1024 / entries);
}

}  // namespace

int main(int argc, char **argv)
{
    const QCoreApplication application(argc, argv);
    QCommandLineParser parser;
    parser.addHelpOption();
    parser.addOption({QStringLiteral("seconds"), QStringLiteral("For each line."),
                      QStringLiteral("S"), QStringLiteral("1")});
    parser.addOption({QStringLiteral("folder"), QStringLiteral("On the disk to measure."),
                      QStringLiteral("DIR"), QDir::currentPath()});
    parser.addOption({QStringLiteral("backlog"), QStringLiteral("Start with N messages instead."),
                      QStringLiteral("N")});
    parser.process(application);
    QTemporaryDir folder(parser.value(QStringLiteral("folder")) + QStringLiteral("/bench-XXXXXX"));
    if (parser.isSet(QStringLiteral("backlog"))) {
        measureBacklog(folder.filePath(QStringLiteral("backlog")),
                       parser.value(QStringLiteral("backlog")).toInt());
        return 0;
    }
    const double seconds = parser.value(QStringLiteral("seconds")).toDouble();
    std::printf("|   KiB |  n | store   | msgs/s   | p50 ms  | p99 ms  | CPU µs |\n"
                "| ---: | ---: | --- | ---: | ---: | ---: | ---: |\n");
    int run = 0;
    for (const qsizetype size : {4096, 50 * 1024}) {
        for (const int committers : {1, 16, 64}) {
            const auto fresh = [&] {
                const QString path = folder.filePath(QString::number(++run));
                QDir().mkpath(path);
                return path;
            };
            std::vector<std::function<std::unique_ptr<Store>()>> stores{
                [&] { return std::make_unique<LogStore>(fresh()); },
                [&] { return std::make_unique<FileStore>(fresh()); },
#ifdef PORTCULLIS_HAS_ROCKSDB
                [&] { return std::make_unique<RocksStore>(fresh()); },
#endif
            };
            for (const auto &make : stores) {
                measure(*make(), size, committers, seconds);
            }
        }
    }
    return 0;
}
