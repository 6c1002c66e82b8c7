// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/ReceiverCache.h"

#include <QtTest/QTest>

namespace portcullis::delivery {

using policy::ReceiverState;
using Kind = ReceiverState::Kind;
using namespace std::chrono_literals;

class TestReceiverCache final : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void holdsEachKindForItsTime_data();
    void holdsEachKindForItsTime();
    void wantsOldAnswersRenewed();
    void keepsGuessesApartFromRealOnes();
    void isEmptyForAnotherRoute();
    void doesNotBelieveTheFuture();
    void survivesARestart();
};

void TestReceiverCache::holdsEachKindForItsTime_data()
{
    QTest::addColumn<int>("kind");
    QTest::addColumn<std::chrono::seconds>("lifetime");
    const ReceiverLimits limits;
    QTest::newRow("exists") << static_cast<int>(Kind::Exists) << limits.positiveLifetime;
    QTest::newRow("R5 unknown") << static_cast<int>(Kind::Unknown) << limits.negativeLifetime;
    QTest::newRow("R5 undecided") << static_cast<int>(Kind::Undecided) << limits.undecidedLifetime;
}

void TestReceiverCache::holdsEachKindForItsTime()
{
    QFETCH(int, kind);
    QFETCH(std::chrono::seconds, lifetime);
    ManualClock clock;
    ReceiverCache cache{ReceiverLimits()};
    cache.store("a@b.example", "route", {static_cast<Kind>(kind), "said"}, clock.wall());
    clock.advance(lifetime - 1s);
    const auto known = cache.find("a@b.example", "route", clock.wall());
    QVERIFY(known);
    QCOMPARE(static_cast<int>(known->state.kind), kind);
    QCOMPARE(known->state.reply, QByteArray("said"));
    clock.advance(1s);
    QVERIFY(!cache.find("a@b.example", "route", clock.wall()));
    QCOMPARE(cache.size(), 0);
}

void TestReceiverCache::wantsOldAnswersRenewed()
{
    ManualClock clock;
    ReceiverCache cache{ReceiverLimits()};
    cache.store("a@b.example", "route", {Kind::Exists, {}}, clock.wall());
    QVERIFY(!cache.find("a@b.example", "route", clock.wall())->isStale);
    clock.advance(std::chrono::days(7));
    QVERIFY(cache.find("a@b.example", "route", clock.wall())->isStale);
    cache.store("a@b.example", "route", {Kind::Undecided, {}}, clock.wall());
    const auto held = cache.find("a@b.example", "route", clock.wall());
    QVERIFY2(held && held->state.kind == Kind::Exists && !held->isStale,
             "holds, and is not asked for at each question");
    clock.advance(1min);
    QVERIFY(cache.find("a@b.example", "route", clock.wall())->isStale);
    cache.store("a@b.example", "route", {Kind::Unknown, {}}, clock.wall());
    QCOMPARE(static_cast<int>(cache.find("a@b.example", "route", clock.wall())->state.kind),
             static_cast<int>(Kind::Unknown));
}

void TestReceiverCache::keepsGuessesApartFromRealOnes()
{
    ManualClock clock;
    ReceiverLimits limits;
    limits.positive = 10;
    limits.negative = 5;
    ReceiverCache cache(limits);
    for (int i = 0; i < 8; ++i) {
        cache.store("real" + QByteArray::number(i), "route", {Kind::Exists, {}}, clock.wall());
    }
    for (int i = 0; i < 1000; ++i) {
        cache.store("guess" + QByteArray::number(i), "route", {Kind::Unknown, {}}, clock.wall());
    }
    QCOMPARE(cache.size(), 13);
    QVERIFY(cache.find("real0", "route", clock.wall()));
    QVERIFY(cache.find("guess999", "route", clock.wall()));
    QVERIFY(!cache.find("guess0", "route", clock.wall()));
}

void TestReceiverCache::isEmptyForAnotherRoute()
{
    ManualClock clock;
    ReceiverCache cache{ReceiverLimits()};
    cache.store("a@b.example", "former", {Kind::Unknown, {}}, clock.wall());
    QVERIFY(!cache.find("a@b.example", "latter", clock.wall()));
}

void TestReceiverCache::doesNotBelieveTheFuture()
{
    ManualClock clock;
    ReceiverCache cache{ReceiverLimits()};
    cache.store("a@b.example", "route", {Kind::Unknown, {}}, clock.wall());
    clock.setWall(clock.wall() - 1h);
    QVERIFY2(!cache.find("a@b.example", "route", clock.wall()), "R5 negative answers are bounded");
}

void TestReceiverCache::survivesARestart()
{
    ManualClock clock;
    ReceiverCache before{ReceiverLimits()};
    before.store("yes@b.example", "route", {Kind::Exists, "250 ok"}, clock.wall());
    before.store("no@b.example", "route", {Kind::Unknown, "550 no"}, clock.wall());
    before.store("later@b.example", "route", {Kind::Undecided, "450"}, clock.wall());
    QVERIFY(before.isChanged());
    const QByteArray bytes = before.toBytes();
    QVERIFY(!before.isChanged());
    ReceiverCache after{ReceiverLimits()};
    QVERIFY(after.readBytes(bytes));
    QCOMPARE(after.size(), 2);
    QCOMPARE(after.find("no@b.example", "route", clock.wall())->state.reply, QByteArray("550 no"));
    QVERIFY(after.find("yes@b.example", "route", clock.wall()));
    for (qsizetype size = 0; size < bytes.size(); ++size) {
        ReceiverCache cut{ReceiverLimits()};
        QVERIFY(!cut.readBytes(bytes.first(size)));
    }
}

}  // namespace portcullis::delivery

QTEST_APPLESS_MAIN(portcullis::delivery::TestReceiverCache)
#include "tst_receiver_cache.moc"
