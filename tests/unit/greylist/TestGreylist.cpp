// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/greylist/Keeper.h"
#include "appliance/policy/greylist/MemoryGreylistStore.h"

#include <QtCore/QElapsedTimer>
#include <QtTest/QtTest>

Q_DECLARE_METATYPE(std::chrono::seconds)

namespace portcullis::policy::greylist {

/// A ManualClock that the writer's thread may ask too.
class SharedClock final : public Clock
{
public:
    [[nodiscard]] WallTime wall() const override
    {
        const std::scoped_lock lock(m_mutex);
        return m_clock.wall();
    }
    [[nodiscard]] MonotonicTime monotonic() const override
    {
        const std::scoped_lock lock(m_mutex);
        return m_clock.monotonic();
    }
    void advance(std::chrono::microseconds by)
    {
        const std::scoped_lock lock(m_mutex);
        m_clock.advance(by);
    }
    void setWall(WallTime time)
    {
        const std::scoped_lock lock(m_mutex);
        m_clock.setWall(time);
    }

private:
    mutable std::mutex m_mutex;
    ManualClock m_clock;
};

using namespace std::chrono_literals;
using Reason = Decision::Reason;

class TestGreylist final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init();
    void answersRetryByItsAge_data();
    void answersRetryByItsAge();
    void passLivesFromItsLastUse();
    void nullPathPassesOnce();
    void keyIsNetworkSenderRecipient_data();
    void keyIsNetworkSenderRecipient();
    void ipv6IsGreylistedOnlyIfSet();
    void learnsKnownSenders();
    void learnsNothingOfTheNullPath();
    void repliesAreNotDelayed();
    void r6RandomSendersOfOneNetworkPushOutTheirOwn();
    void r6RotatingIpv6AddressesShareOneBound();
    void r6FullTableForgetsTheOldestThatNeverPassed();
    void r6PassedTripletsAreBoundedToo();
    void f12ClockSetBackRestartsTheDelay();
    void f12ClockJumpPurgesNothing();
    void f6UnknownPassUntilLoaded();
    void f6UnknownPassWhileStoreIsAway();
    void survivesARestart();
    void restartKeepsKnownSenders();
    void foldsWhatOtherNodesWrote();
    void countsWhatNeverPassed();
    void newMaskForgets();

private:
    Decision decide(const char *client, const char *sender, const char *recipient);
    void pass(const char *client, const char *sender, const char *recipient);
    void restart(const GreylistSettings &settings, GreylistLimits limits = {});
    void restart();
    bool waitUntil(const std::function<bool()> &condition);

    std::unique_ptr<SharedClock> m_clock;
    std::shared_ptr<MemoryGreylistStore::Data> m_data;
    std::unique_ptr<Greylist> m_greylist;
};

namespace {

GreylistLimits quickLimits()
{
    GreylistLimits limits;
    limits.writeInterval = 5ms;
    limits.firstRetry = 5ms;
    limits.lastRetry = 5ms;
    return limits;
}

/// The clock leaps while the writer asks its store, which must not look like an outage.
GreylistSettings patientSettings()
{
    GreylistSettings settings;
    settings.outageTolerance = 1000 * 24h;
    return settings;
}

}  // namespace

void TestGreylist::init()
{
    m_greylist.reset();
    m_clock = std::make_unique<SharedClock>();
    m_data = std::make_shared<MemoryGreylistStore::Data>();
    restart();
}

void TestGreylist::restart()
{
    restart(patientSettings());
}

void TestGreylist::restart(const GreylistSettings &settings, GreylistLimits limits)
{
    limits.writeInterval = 5ms;
    limits.firstRetry = 5ms;
    limits.lastRetry = 5ms;
    m_greylist.reset();
    m_greylist = std::make_unique<Greylist>(
        [this] { return std::make_unique<MemoryGreylistStore>(m_data, *m_clock); }, settings,
        *m_clock, limits);
    m_greylist->start();
    QVERIFY(waitUntil([this] { return m_data->isAway || m_greylist->figures().isLoaded; }));
}

bool TestGreylist::waitUntil(const std::function<bool()> &condition)
{
    return QTest::qWaitFor(condition, 10000);
}

Decision TestGreylist::decide(const char *client, const char *sender, const char *recipient)
{
    const QHostAddress address(QString::fromLatin1(client));
    const auto from = mail::Address::parsePath(QByteArray("<") + sender + ">");
    const auto to = mail::Address::parsePath(QByteArray("<") + recipient + ">");
    return m_greylist->decide({address, *from, *to}, m_clock->wall());
}

void TestGreylist::pass(const char *client, const char *sender, const char *recipient)
{
    QCOMPARE(decide(client, sender, recipient).reason, Reason::FirstAttempt);
    m_clock->advance(180s);
    QCOMPARE(decide(client, sender, recipient).reason, Reason::DelayOver);
}

void TestGreylist::answersRetryByItsAge_data()
{
    QTest::addColumn<std::chrono::seconds>("age");
    QTest::addColumn<int>("expected");
    QTest::addColumn<std::chrono::seconds>("left");
    const auto row = [](const char *name, std::chrono::seconds age, Reason expected,
                        std::chrono::seconds left) {
        QTest::newRow(name) << age << static_cast<int>(expected) << left;
    };
    row("at once", 0s, Reason::TooEarly, 180s);
    row("impatient", 179s, Reason::TooEarly, 1s);
    row("at the lower bound", 180s, Reason::DelayOver, 0s);
    row("within the window", 47h, Reason::DelayOver, 0s);
    row("just before the window ends", 48h - 1s, Reason::DelayOver, 0s);
    row("at the end of the window", 48h, Reason::FirstAttempt, 180s);
    row("long after", 1000h, Reason::FirstAttempt, 180s);
}

void TestGreylist::answersRetryByItsAge()
{
    QFETCH(std::chrono::seconds, age);
    QFETCH(int, expected);
    QFETCH(std::chrono::seconds, left);
    const auto first = decide("203.0.113.7", "a@example.org", "b@example.net");
    QCOMPARE(first.reason, Reason::FirstAttempt);
    QVERIFY(!first.isPass());
    m_clock->advance(age);
    const auto second = decide("203.0.113.7", "a@example.org", "b@example.net");
    QCOMPARE(static_cast<int>(second.reason), expected);
    QCOMPARE(second.left, left);
}

void TestGreylist::passLivesFromItsLastUse()
{
    pass("203.0.113.7", "a@example.org", "b@example.net");
    for (int i = 0; i < 3; ++i) {
        m_clock->advance(35 * 24h);
        QCOMPARE(decide("203.0.113.7", "a@example.org", "b@example.net").reason,
                 Reason::KnownTriplet);
    }
    m_clock->advance(36 * 24h);
    QCOMPARE(decide("203.0.113.7", "a@example.org", "b@example.net").reason, Reason::FirstAttempt);
}

void TestGreylist::nullPathPassesOnce()
{
    pass("203.0.113.7", "", "b@example.net");
    QCOMPARE(decide("203.0.113.7", "", "b@example.net").reason, Reason::FirstAttempt);
    // Nor does the database give it back.
    QVERIFY(waitUntil([this] { return m_greylist->figures().unwritten == 0; }));
    pass("203.0.114.7", "", "b@example.net");
    restart();
    QCOMPARE(decide("203.0.114.7", "", "b@example.net").reason, Reason::FirstAttempt);
}

void TestGreylist::keyIsNetworkSenderRecipient_data()
{
    QTest::addColumn<QByteArray>("client");
    QTest::addColumn<QByteArray>("sender");
    QTest::addColumn<QByteArray>("recipient");
    QTest::addColumn<bool>("isSame");
    const auto row = [](const char *name, const char *client, const char *sender,
                        const char *recipient, bool isSame) {
        QTest::newRow(name) << QByteArray(client) << QByteArray(sender) << QByteArray(recipient)
                            << isSame;
    };
    row("neighbour", "203.0.113.200", "a1@example.org", "b@example.net", true);
    row("mapped address", "::ffff:203.0.113.7", "a1@example.org", "b@example.net", true);
    row("other network", "203.0.112.7", "a1@example.org", "b@example.net", false);
    row("other number in the sender", "203.0.113.7", "a2@example.org", "b@example.net", true);
    row("other case", "203.0.113.7", "A1@example.org", "B@Example.net", true);
    row("other sender", "203.0.113.7", "x1@example.org", "b@example.net", false);
    row("other recipient", "203.0.113.7", "a1@example.org", "b2@example.net", false);
    row("null path", "203.0.113.7", "", "b@example.net", false);
}

void TestGreylist::keyIsNetworkSenderRecipient()
{
    QFETCH(QByteArray, client);
    QFETCH(QByteArray, sender);
    QFETCH(QByteArray, recipient);
    QFETCH(bool, isSame);
    pass("203.0.113.7", "a1@example.org", "b@example.net");
    QCOMPARE(decide(client.constData(), sender.constData(), recipient.constData()).reason,
             isSame ? Reason::KnownTriplet : Reason::FirstAttempt);
}

void TestGreylist::ipv6IsGreylistedOnlyIfSet()
{
    QCOMPARE(decide("2001:db8::1", "a@example.org", "b@example.net").reason, Reason::NotGreylisted);
    GreylistSettings settings = patientSettings();
    settings.isIpv6Greylisted = true;
    m_greylist->setSettings(settings);
    pass("2001:db8::1", "a@example.org", "b@example.net");
    QCOMPARE(decide("2001:db8::ffff:1", "a@example.org", "b@example.net").reason,
             Reason::KnownTriplet);
    QCOMPARE(decide("2001:db8:0:1::1", "a@example.org", "b@example.net").reason,
             Reason::FirstAttempt);
}

void TestGreylist::learnsKnownSenders()
{
    for (const char *recipient : {"a@x.example", "b@x.example", "c@x.example", "d@x.example"}) {
        pass("203.0.113.7", "shop@example.org", recipient);
    }
    QCOMPARE(decide("203.0.113.7", "shop@example.org", "e@x.example").reason, Reason::FirstAttempt);
    m_clock->advance(180s);
    QCOMPARE(decide("203.0.113.7", "shop@example.org", "e@x.example").reason, Reason::DelayOver);
    // Five have passed: the domain is known to this network, and to no other.
    QCOMPARE(decide("203.0.113.9", "other@example.org", "f@x.example").reason, Reason::KnownSender);
    QCOMPARE(decide("203.0.114.9", "other@example.org", "f@x.example").reason,
             Reason::FirstAttempt);
    QCOMPARE(decide("203.0.113.9", "other@sub.example.org", "f@x.example").reason,
             Reason::FirstAttempt);
    m_clock->advance(35 * 24h);
    QCOMPARE(decide("203.0.113.9", "z@example.org", "g@x.example").reason, Reason::KnownSender);
    m_clock->advance(35 * 24h);
    QCOMPARE(decide("203.0.113.9", "z@example.org", "h@x.example").reason, Reason::KnownSender);
    m_clock->advance(36 * 24h);
    QCOMPARE(decide("203.0.113.9", "z@example.org", "i@x.example").reason, Reason::FirstAttempt);
}

void TestGreylist::learnsNothingOfTheNullPath()
{
    for (const char *recipient :
         {"a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example"}) {
        pass("203.0.113.7", "", recipient);
    }
    QCOMPARE(decide("203.0.113.7", "", "f@x.example").reason, Reason::FirstAttempt);
}

void TestGreylist::repliesAreNotDelayed()
{
    const auto us = mail::Address::parse("Anna@example.net");
    const auto them = mail::Address::parse("bob@example.org");
    m_greylist->learnOutgoing(*us, {*them}, m_clock->wall());
    m_greylist->learnOutgoing(mail::Address(), {*them}, m_clock->wall());
    QCOMPARE(decide("203.0.113.7", "Bob+re@example.org", "anna@example.net").reason, Reason::Reply);
    QCOMPARE(decide("203.0.113.7", "bob@example.org", "anna@example.net").reason,
             Reason::KnownTriplet);
    QCOMPARE(decide("203.0.113.7", "bob@example.org", "carl@example.net").reason,
             Reason::FirstAttempt);
    m_clock->advance(13 * 24h);
    QCOMPARE(decide("198.51.100.7", "bob@example.org", "anna@example.net").reason, Reason::Reply);
    m_clock->advance(15 * 24h);
    QCOMPARE(decide("192.0.2.7", "bob@example.org", "anna@example.net").reason,
             Reason::FirstAttempt);
}

void TestGreylist::r6RandomSendersOfOneNetworkPushOutTheirOwn()
{
    GreylistLimits limits;
    limits.waitingPerNetwork = 1600;
    restart(patientSettings(), limits);
    QCOMPARE(decide("198.51.100.1", "honest@example.org", "b@example.net").reason,
             Reason::FirstAttempt);
    for (int i = 0; i < 20'000; ++i) {
        QByteArray sender;
        for (int rest = i; rest > 0 || sender.isEmpty(); rest /= 26) {
            sender.append(static_cast<char>('a' + rest % 26));
        }
        decide("203.0.113.7", (sender + "@spam.example").constData(), "b@example.net");
    }
    QVERIFY(m_greylist->figures().waiting <= 1601);
    QVERIFY(m_greylist->figures().evicted >= 18'000);
    m_clock->advance(180s);
    QCOMPARE(decide("198.51.100.1", "honest@example.org", "b@example.net").reason,
             Reason::DelayOver);
}

void TestGreylist::r6RotatingIpv6AddressesShareOneBound()
{
    GreylistSettings settings = patientSettings();
    settings.isIpv6Greylisted = true;
    GreylistLimits limits;
    limits.waitingPerNetwork = 1600;
    restart(settings, limits);
    for (int i = 0; i < 20'000; ++i) {
        decide(("2001:db8:1:" + QByteArray::number(i, 16) + "::1").constData(), "a@spam.example",
               "b@example.net");
    }
    QVERIFY(m_greylist->figures().waiting <= 1600);
}

void TestGreylist::r6FullTableForgetsTheOldestThatNeverPassed()
{
    GreylistLimits limits;
    limits.triplets = 1600;
    restart(patientSettings(), limits);
    pass("198.51.100.1", "good@example.org", "b@example.net");
    decide("198.51.100.1", "waiting@example.org", "b@example.net");
    for (int i = 0; i < 20'000; ++i) {
        decide(QByteArray("203." + QByteArray::number(i / 250) + '.' + QByteArray::number(i % 250)
                          + ".1")
                   .constData(),
               "a@spam.example", "b@example.net");
    }
    QVERIFY(m_greylist->figures().triplets <= 1600);
    m_clock->advance(180s);
    QCOMPARE(decide("198.51.100.1", "good@example.org", "b@example.net").reason,
             Reason::KnownTriplet);
    QCOMPARE(decide("198.51.100.1", "waiting@example.org", "b@example.net").reason,
             Reason::FirstAttempt);
}

void TestGreylist::r6PassedTripletsAreBoundedToo()
{
    GreylistLimits limits;
    limits.triplets = 1600;
    restart(patientSettings(), limits);
    const auto us = mail::Address::parse("anna@example.net");
    for (int i = 0; i < 5'000; ++i) {
        const auto them = mail::Address::parse("bob@d" + QByteArray::number(i) + ".example");
        m_greylist->learnOutgoing(*us, {*them}, m_clock->wall());
    }
    QVERIFY(m_greylist->figures().triplets <= 1600);
    QCOMPARE(decide("203.0.113.7", "bob@d4999.example", "anna@example.net").reason, Reason::Reply);
}

void TestGreylist::f12ClockSetBackRestartsTheDelay()
{
    decide("203.0.113.7", "a@example.org", "b@example.net");
    m_clock->setWall(m_clock->wall() - 10 * 24h);
    QCOMPARE(decide("203.0.113.7", "a@example.org", "b@example.net").left, 180s);
    m_clock->advance(180s);
    QCOMPARE(decide("203.0.113.7", "a@example.org", "b@example.net").reason, Reason::DelayOver);
}

void TestGreylist::f12ClockJumpPurgesNothing()
{
    m_greylist.reset();
    const GreylistLimits limits = quickLimits();
    TripletTable table(limits);
    SharedClock clock;
    auto data = m_data;
    Keeper keeper(
        table, [&] { return std::make_unique<MemoryGreylistStore>(data, clock); },
        [](const StoredTriplet &, TripletTable::Age) { return true; }, clock, limits);
    const Triplet triplet{"203.0.113.0/24", "a@example.org", "b@example.net"};
    table.allow(triplet, 36 * 24h, clock.wall());
    keeper.step();
    QCOMPARE(data->rows.size(), size_t{1});
    const auto right = clock.wall();
    clock.setWall(right + 10 * 365 * 24h);
    keeper.step();
    clock.advance(30min);
    keeper.step();
    QCOMPARE(data->rows.size(), size_t{1});
    QCOMPARE(table.sizes().triplets, size_t{1});
    clock.setWall(right + 30min);
    clock.advance(2h);
    keeper.step();
    QVERIFY(table.renew(triplet, 36 * 24h, clock.wall()));
    // A clock that stays where it jumped to is believed in the end.
    clock.setWall(right + 10 * 365 * 24h);
    keeper.step();
    clock.advance(2h);
    keeper.step();
    QCOMPARE(data->rows.size(), size_t{0});
    QCOMPARE(table.sizes().triplets, size_t{0});
}

void TestGreylist::f6UnknownPassUntilLoaded()
{
    m_greylist.reset();
    m_data->isAway = true;
    restart();
    QCOMPARE(decide("203.0.113.7", "a@example.org", "b@example.net").reason, Reason::Unavailable);
    QCOMPARE(decide("203.0.113.7", "a@example.org", "b@example.net").reason, Reason::Unavailable);
    {
        const std::scoped_lock lock(m_data->mutex);
        m_data->isAway = false;
    }
    QVERIFY(waitUntil([this] { return m_greylist->figures().isLoaded; }));
    QVERIFY(waitUntil([this] { return !m_greylist->figures().isAway; }));
    QCOMPARE(decide("203.0.113.7", "a@example.org", "b@example.net").reason, Reason::FirstAttempt);
}

void TestGreylist::f6UnknownPassWhileStoreIsAway()
{
    m_greylist.reset();
    const GreylistLimits limits = quickLimits();
    TripletTable table(limits);
    SharedClock clock;
    auto data = m_data;
    Keeper keeper(
        table, [&] { return std::make_unique<MemoryGreylistStore>(data, clock); },
        [](const StoredTriplet &, TripletTable::Age) { return true; }, clock, limits);
    QVERIFY(keeper.isAway(60s));
    keeper.step();
    QVERIFY(!keeper.isAway(60s));
    clock.advance(10min);
    QVERIFY(!keeper.isAway(60s));
    data->isAway = true;
    keeper.step();
    clock.advance(60s);
    QVERIFY(!keeper.isAway(60s));
    clock.advance(1s);
    QVERIFY(keeper.isAway(60s));
    QVERIFY(!keeper.isAway(1h));
    data->isAway = false;
    keeper.step();
    QVERIFY(!keeper.isAway(60s));
}

void TestGreylist::survivesARestart()
{
    pass("203.0.113.7", "a@example.org", "b@example.net");
    decide("203.0.113.7", "waiting@example.org", "b@example.net");
    restart();
    QCOMPARE(m_greylist->figures().triplets, size_t{3});  // And one counts for the domain.
    QCOMPARE(decide("203.0.113.7", "a@example.org", "b@example.net").reason, Reason::KnownTriplet);
    m_clock->advance(180s);
    QCOMPARE(decide("203.0.113.7", "waiting@example.org", "b@example.net").reason,
             Reason::DelayOver);
}

void TestGreylist::restartKeepsKnownSenders()
{
    for (const char *recipient : {"a@x.example", "b@x.example", "c@x.example", "d@x.example"}) {
        pass("203.0.113.7", "shop@example.org", recipient);
    }
    restart();
    pass("203.0.113.7", "shop@example.org", "e@x.example");
    QCOMPARE(decide("203.0.113.7", "shop@example.org", "f@x.example").reason, Reason::KnownSender);
    restart();
    QCOMPARE(decide("203.0.113.7", "shop@example.org", "g@x.example").reason, Reason::KnownSender);
}

void TestGreylist::foldsWhatOtherNodesWrote()
{
    GreylistLimits limits;
    limits.refreshInterval = 0s;
    restart(patientSettings(), limits);
    decide("203.0.113.7", "a@example.org", "b@example.net");
    const Triplet triplet{"203.0.113.0/24", "a@example.org", "b@example.net"};
    {
        MemoryGreylistStore other(m_data, *m_clock);
        const auto now = m_clock->wall();
        QVERIFY(other.write({{triplet, now - 1h, now + 36 * 24h, true, 1, 1}}, {}));
    }
    QVERIFY(waitUntil([this] { return m_greylist->figures().waiting == 0; }));
    QCOMPARE(decide("203.0.113.7", "a@example.org", "b@example.net").reason, Reason::KnownTriplet);
}

void TestGreylist::countsWhatNeverPassed()
{
    // Attempts of four days ago: expired as soon as they are stored.
    m_clock->setWall(std::chrono::floor<std::chrono::hours>(SystemClock::instance().wall()) - 96h);
    GreylistLimits limits;
    limits.purgeInterval = 0s;
    restart(patientSettings(), limits);
    const auto hour = m_clock->wall();
    decide("203.0.113.7", "a@example.org", "b@example.net");
    decide("203.0.113.7", "b@example.org", "b@example.net");
    decide("203.0.113.7", "b@example.org", "b@example.net");
    m_greylist->countSpfReject(m_clock->wall());
    m_greylist->countSpfReject(m_clock->wall() + 59min);
    m_greylist->countSpfReject(m_clock->wall() + 60min);
    const auto count = [&](Clock::WallTime at, RejectKind kind) {
        const std::scoped_lock lock(m_data->mutex);
        const auto place = m_data->rejects.find({at, kind});
        return place == m_data->rejects.end() ? qint64{0} : place->second;
    };
    QVERIFY(waitUntil([&] { return count(hour + 1h, RejectKind::Spf) == 1; }));
    QCOMPARE(count(hour, RejectKind::Greylisted), 0);
    m_clock->advance(48h);
    QVERIFY(waitUntil([&] { return count(hour, RejectKind::Greylisted) == 2; }));
    QCOMPARE(count(hour, RejectKind::Spf), 2);
    QCOMPARE(count(hour + 1h, RejectKind::Spf), 1);
}

void TestGreylist::newMaskForgets()
{
    pass("203.0.113.7", "a@example.org", "b@example.net");
    GreylistSettings settings = patientSettings();
    settings.mask4 = 32;
    m_greylist->setSettings(settings);
    QCOMPARE(decide("203.0.113.7", "a@example.org", "b@example.net").reason, Reason::FirstAttempt);
}

}  // namespace portcullis::policy::greylist

QTEST_GUILESS_MAIN(portcullis::policy::greylist::TestGreylist)
#include "TestGreylist.moc"
