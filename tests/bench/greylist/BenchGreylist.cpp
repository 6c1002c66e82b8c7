// SPDX-License-Identifier: GPL-2.0-or-later
// What greylisting costs with a million triplets known: in memory, and on PostgreSQL.
//   bench_greylist measure [TRIPLETS]        a table
//   bench_greylist serve SOCKET TRIPLETS     a policy service that knows so many, for run.py
//   bench_greylist ask SOCKET TRIPLETS CONNECTIONS SECONDS
#include "appliance/policy/greylist/MemoryGreylistStore.h"
#include "appliance/policy/greylist/PgGreylistStore.h"
#include "appliance/store/Migrations.h"
#include "tests/bench/greylist/PolicySocket.h"
#include "tests/support/postgres/PrivatePostgres.h"

#include <QtCore/QCoreApplication>
#include <QtCore/QFile>
#include <QtCore/QRandomGenerator>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <thread>

namespace portcullis::bench {

namespace {

using namespace policy::greylist;
using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

class Stopwatch
{
public:
    [[nodiscard]] double seconds() const
    {
        return Seconds(std::chrono::steady_clock::now() - m_start).count();
    }

private:
    std::chrono::steady_clock::time_point m_start = std::chrono::steady_clock::now();
};

/// Resident memory of this process, in MB.
double residentMegabytes()
{
    QFile file(QStringLiteral("/proc/self/statm"));
    if (!file.open(QIODevice::ReadOnly)) {
        return 0;
    }
    return file.readAll().split(' ').value(1).toDouble() * 4096 / 1e6;
}

struct ParsedTriplet {
    QHostAddress client;
    mail::Address sender;
    mail::Address recipient;
};

ParsedTriplet parsed(quint32 index)
{
    const TestTriplet triplet = tripletAt(index);
    return {QHostAddress(QString::fromLatin1(triplet.client)),
            *mail::Address::parse(triplet.sender), *mail::Address::parse(triplet.recipient)};
}

GreylistSettings settings()
{
    GreylistSettings values;
    values.knownAfter = 0;  // Else most senders are known by their domain soon.
    values.outageTolerance = 1h;
    return values;
}

void waitForLoad(const Greylist &greylist)
{
    while (!greylist.figures().isLoaded) {
        std::this_thread::sleep_for(1ms);
    }
}

void waitForWriter(const Greylist &greylist)
{
    while (greylist.figures().unwritten > 0) {
        std::this_thread::sleep_for(5ms);
    }
}

/// Every triplet tried and tried again after the delay, so that all have passed. Waits for the
/// writer where it cannot keep up, so that everything is stored.
void fill(Greylist &greylist, quint32 triplets, Clock::WallTime now)
{
    for (const auto time : {now - 1h, now}) {
        for (quint32 i = 0; i < triplets; ++i) {
            const ParsedTriplet triplet = parsed(i);
            greylist.decide({triplet.client, triplet.sender, triplet.recipient}, time);
            if (i % 50'000 == 0) {
                waitForWriter(greylist);
            }
        }
    }
}

void row(const char *what, double value, const char *unit)
{
    std::printf("| %-58s | %12.2f | %-10s |\n", what, value, unit);
    std::fflush(stdout);
}

/// Checks a second of random known triplets, on so many threads; the addresses are parsed before.
double knownRate(Greylist &greylist, quint32 triplets, int threads, std::vector<double> *times)
{
    constexpr quint32 sample = 20'000;
    constexpr int rounds = 15;
    std::vector<ParsedTriplet> attempts;
    for (quint32 i = 0; i < sample; ++i) {
        attempts.push_back(parsed(QRandomGenerator::global()->bounded(triplets)));
    }
    const auto work = [&](std::vector<double> *took) {
        for (int i = 0; i < rounds; ++i) {
            for (const ParsedTriplet &one : attempts) {
                const Stopwatch each;
                greylist.decide({one.client, one.sender, one.recipient},
                                SystemClock::instance().wall());
                if (took != nullptr) {
                    took->push_back(each.seconds() * 1e6);
                }
            }
        }
    };
    const Stopwatch all;
    std::vector<std::thread> running;
    for (int i = 1; i < threads; ++i) {
        running.emplace_back(work, nullptr);
    }
    work(times);
    for (std::thread &thread : running) {
        thread.join();
    }
    return double{sample} * rounds * threads / all.seconds();
}

void measureMemory(quint32 triplets)
{
    const double before = residentMegabytes();
    // Nothing is kept unwritten, so that the table alone is measured.
    GreylistLimits limits;
    limits.unwritten = 16;
    const auto data = std::make_shared<MemoryGreylistStore::Data>();
    Greylist greylist([data] { return std::make_unique<MemoryGreylistStore>(data); }, settings(),
                      SystemClock::instance(), limits);
    greylist.start();
    waitForLoad(greylist);
    greylist.stop();
    const auto now = SystemClock::instance().wall();
    Stopwatch first;
    for (quint32 i = 0; i < triplets; ++i) {
        const ParsedTriplet one = parsed(i);
        greylist.decide({one.client, one.sender, one.recipient}, now - 1h);
    }
    row("first attempts, parsing included", triplets / first.seconds(), "checks/s");
    for (quint32 i = 0; i < triplets; ++i) {
        const ParsedTriplet one = parsed(i);
        greylist.decide({one.client, one.sender, one.recipient}, now);
    }
    row("triplets known", static_cast<double>(greylist.figures().triplets), "");
    row("memory of the table", static_cast<double>(greylist.figures().octets) / 1e6, "MB");
    row("resident memory grew by", residentMegabytes() - before, "MB");
    std::vector<double> times;
    row("known triplets, one thread", knownRate(greylist, triplets, 1, &times), "checks/s");
    std::sort(times.begin(), times.end());
    row("  median of one check", times[times.size() / 2], "us");
    row("  99th percentile", times[times.size() * 99 / 100], "us");
    row("known triplets, four threads", knownRate(greylist, triplets, 4, nullptr), "checks/s");
}

int measurePostgres(quint32 triplets)
{
    auto server = testing::PrivatePostgres::start();
    if (!server) {
        std::printf("no PostgreSQL: %s\n", qPrintable(server.error().toString()));
        return 1;
    }
    const auto pool = std::make_shared<store::DatabasePool>((*server)->settings());
    if (!pool->local() || !store::migrate(**pool->local())) {
        return 1;
    }
    {
        Greylist greylist(postgresStore(pool), settings());
        greylist.start();
        waitForLoad(greylist);
        const Stopwatch watch;
        fill(greylist, triplets, SystemClock::instance().wall());
        waitForWriter(greylist);
        row("rows written behind to PostgreSQL", 2.0 * triplets / watch.seconds(), "rows/s");
    }
    Greylist greylist(postgresStore(pool), settings());
    const Stopwatch watch;
    greylist.start();
    waitForLoad(greylist);
    row("loading them at the start", watch.seconds(), "s");
    row("  triplets loaded", static_cast<double>(greylist.figures().triplets), "");
    return 0;
}

int serveKnown(const QByteArray &socket, quint32 triplets)
{
    const auto data = std::make_shared<MemoryGreylistStore::Data>();
    Greylist greylist([data] { return std::make_unique<MemoryGreylistStore>(data); }, settings());
    greylist.start();
    waitForLoad(greylist);
    fill(greylist, triplets, SystemClock::instance().wall());
    return serve(socket, greylist);
}

int run(const QList<QByteArray> &words)
{
    const QByteArray command = words.value(1);
    const quint32 million = 1'000'000;
    if (command == "measure") {
        const quint32 triplets = words.value(2).isEmpty() ? million : words[2].toUInt();
        measureMemory(triplets);
        return measurePostgres(triplets);
    }
    if (command == "serve" && words.size() == 4) {
        return serveKnown(words[2], words[3].toUInt());
    }
    if (command == "ask" && words.size() == 6) {
        return ask(words[2], words[3].toUInt(), words[4].toInt(), words[5].toInt());
    }
    std::puts("bench_greylist measure [TRIPLETS] | serve SOCKET TRIPLETS\n"
              "             | ask SOCKET TRIPLETS CONNECTIONS SECONDS");
    return 2;
}

}  // namespace

}  // namespace portcullis::bench

int main(int argc, char *argv[])
{
    const QCoreApplication application(argc, argv);
    QList<QByteArray> words;
    for (int i = 0; i < argc; ++i) {
        words.append(argv[i]);
    }
    return portcullis::bench::run(words);
}
