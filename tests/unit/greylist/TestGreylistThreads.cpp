// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/greylist/Greylist.h"
#include "appliance/policy/greylist/MemoryGreylistStore.h"

#include <QtTest/QtTest>

#include <atomic>
#include <thread>

namespace portcullis::policy::greylist {

using namespace std::chrono_literals;
using Reason = Decision::Reason;

/// Run under ThreadSanitizer as well (installer/checks.sh tsan).
class TestGreylistThreads final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void r6RacedTripletIsOneRow();
    void r6FloodAndReloadsDoNotLockUp();
};

namespace {

constexpr int threadCount = 4;

template<typename Work>
void onThreads(Work work)
{
    std::vector<std::thread> threads;
    for (int i = 0; i < threadCount; ++i) {
        threads.emplace_back([work, i] { work(i); });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
}

std::unique_ptr<Greylist> started(const std::shared_ptr<MemoryGreylistStore::Data> &data,
                                  GreylistLimits limits = {})
{
    limits.writeInterval = 1ms;
    limits.refreshInterval = 0s;
    limits.purgeInterval = 0s;
    auto greylist = std::make_unique<Greylist>(
        [data] { return std::make_unique<MemoryGreylistStore>(data); }, GreylistSettings(),
        SystemClock::instance(), limits);
    greylist->start();
    const bool isLoaded = QTest::qWaitFor([&] { return greylist->figures().isLoaded; }, 10000);
    return isLoaded ? std::move(greylist) : nullptr;
}

}  // namespace

void TestGreylistThreads::r6RacedTripletIsOneRow()
{
    const auto data = std::make_shared<MemoryGreylistStore::Data>();
    const auto greylist = started(data);
    QVERIFY(greylist);
    const QHostAddress client(QStringLiteral("203.0.113.7"));
    const auto sender = *mail::Address::parse("a@example.org");
    const auto recipient = *mail::Address::parse("b@example.net");
    const auto now = SystemClock::instance().wall();
    std::atomic<int> firsts = 0;
    std::atomic<int> overs = 0;
    onThreads([&](int) {
        for (int i = 0; i < 500; ++i) {
            const auto reason = greylist->decide({client, sender, recipient}, now).reason;
            firsts += reason == Reason::FirstAttempt ? 1 : 0;
        }
    });
    QCOMPARE(firsts.load(), 1);
    onThreads([&](int) {
        for (int i = 0; i < 500; ++i) {
            const auto reason = greylist->decide({client, sender, recipient}, now + 200s).reason;
            overs += reason == Reason::DelayOver ? 1 : 0;
        }
    });
    QCOMPARE(overs.load(), 1);
    greylist->stop();
    QCOMPARE(data->rows.size(), size_t{1});
    const StoredTriplet &row = data->rows.begin()->second;
    QVERIFY(row.isPassed);
    QCOMPARE(row.deferrals, qint64{threadCount * 500});
    QCOMPARE(row.passes, qint64{threadCount * 500});
}

void TestGreylistThreads::r6FloodAndReloadsDoNotLockUp()
{
    GreylistLimits limits;
    limits.triplets = 2'000;
    limits.waitingPerNetwork = 800;
    limits.unwritten = 400;
    const auto data = std::make_shared<MemoryGreylistStore::Data>();
    const auto greylist = started(data, limits);
    QVERIFY(greylist);
    const auto start = SystemClock::instance().wall();
    onThreads([&](int thread) {
        GreylistSettings settings;
        settings.isIpv6Greylisted = true;
        for (int i = 0; i < 3'000; ++i) {
            const QHostAddress client(thread % 2 == 0
                                          ? QStringLiteral("203.0.%1.7").arg(i % 3)
                                          : QStringLiteral("2001:db8:%1:%2::1").arg(i % 2).arg(i));
            const auto sender = *mail::Address::parse(
                QByteArray(1 + i % 40, static_cast<char>('a' + i % 26)) + "@example.org");
            const auto recipient = *mail::Address::parse("r" + QByteArray(1 + i % 7, 'x')
                                                         + "@example.net");
            greylist->decide({client, sender, recipient}, start + std::chrono::seconds(i));
            if (i % 100 == 0) {
                greylist->setSettings(settings);
                greylist->learnOutgoing(recipient, {sender}, start);
                greylist->countSpfReject(start);
            }
        }
    });
    const auto figures = greylist->figures();
    QVERIFY(figures.triplets <= limits.triplets);
    QVERIFY(figures.unwritten <= limits.unwritten);
}

}  // namespace portcullis::policy::greylist

QTEST_GUILESS_MAIN(portcullis::policy::greylist::TestGreylistThreads)
#include "TestGreylistThreads.moc"
