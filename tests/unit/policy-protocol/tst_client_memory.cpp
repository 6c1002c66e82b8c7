// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/protocol/ClientMemory.h"
#include "appliance/policy/protocol/GreetWait.h"

#include <QtCore/QFile>
#include <QtCore/QTemporaryDir>
#include <QtTest/QTest>

#include <thread>

namespace portcullis::policy {

using namespace std::chrono_literals;

namespace {

QHostAddress at(const char *text)
{
    return QHostAddress(QString::fromLatin1(text));
}

QByteArray contentOf(const QString &path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

bool write(const QString &path, const QByteArray &bytes)
{
    QFile file(path);
    return file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size();
}

}  // namespace

class TestClientMemory : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void remembersADay();
    void forgetsWhoBreaksARule();
    void boundsItsMemory();
    void survivesARestart();
    void ignoresDamagedFiles_data();
    void ignoresDamagedFiles();
    void staysUnchangedIfNothingHappens();
    void isNotFooledByTheClock();
    void saysWhyItCannotSave();
    void worksOverThreads();
    void waitsLessUnderStress_data();
    void waitsLessUnderStress();
    void endsStressLaterThanItBegan();

private:
    QTemporaryDir m_folder;
    QString m_path = m_folder.filePath(QStringLiteral("clients"));
};

void TestClientMemory::remembersADay()
{
    ManualClock clock;
    ClientMemory memory(clock);
    QVERIFY(!memory.isKnown(at("203.0.113.9")));
    memory.remember(at("203.0.113.9"));
    QVERIFY(memory.isKnown(at("::ffff:203.0.113.9")));
    QVERIFY(!memory.isKnown(at("203.0.113.10")));
    clock.advance(23h + 59min + 59s);
    QVERIFY(memory.isKnown(at("203.0.113.9")));
    clock.advance(1s);
    QVERIFY(!memory.isKnown(at("203.0.113.9")));
    memory.remember(at("203.0.113.9"));
    clock.advance(20h);
    memory.remember(at("203.0.113.9"));
    clock.advance(20h);
    QVERIFY2(memory.isKnown(at("203.0.113.9")), "each good session prolongs");
}

void TestClientMemory::forgetsWhoBreaksARule()
{
    ManualClock clock;
    ClientMemory memory(clock);
    memory.remember(at("2001:db8::1"));
    memory.remember(at("2001:db8::2"));
    memory.forget(at("2001:db8::1"));
    QVERIFY(!memory.isKnown(at("2001:db8::1")));
    QVERIFY2(memory.isKnown(at("2001:db8::2")), "S15: a neighbour is somebody else");
}

/// S15: a /64 full of clients.
void TestClientMemory::boundsItsMemory()
{
    ManualClock clock;
    ClientMemory memory(clock, {.maxClients = 1600});
    Q_IPV6ADDR address{};
    address[0] = 0x20;
    for (int i = 0; i < 50'000; ++i) {
        address[14] = static_cast<quint8>(i >> 8);
        address[15] = static_cast<quint8>(i);
        memory.remember(QHostAddress(address));
    }
    QVERIFY(memory.size() <= 1600);
    QVERIFY2(memory.isKnown(QHostAddress(address)), "the youngest stays");
}

void TestClientMemory::survivesARestart()
{
    ManualClock clock;
    {
        ClientMemory memory(clock);
        memory.remember(at("203.0.113.9"));
        clock.advance(12h);
        memory.remember(at("2001:db8::1"));
        QVERIFY(memory.isChanged());
        QVERIFY(memory.save(m_path).has_value());
        QVERIFY(!memory.isChanged());
    }
    clock.advance(6h);
    ClientMemory memory(clock);
    memory.remember(at("203.0.113.77"));
    QVERIFY(memory.load(m_path).has_value());
    QVERIFY(memory.isKnown(at("203.0.113.9")));
    QVERIFY(memory.isKnown(at("2001:db8::1")));
    QVERIFY(memory.isKnown(at("203.0.113.77")));
    clock.advance(6h);
    QVERIFY2(!memory.isKnown(at("203.0.113.9")), "a restart prolongs nothing");
    QVERIFY(memory.isKnown(at("2001:db8::1")));
    // What is over is neither written nor read.
    QVERIFY(memory.save(m_path).has_value());
    ClientMemory next(clock);
    QVERIFY(next.load(m_path).has_value());
    QCOMPARE(next.size(), size_t(2));
}

void TestClientMemory::ignoresDamagedFiles_data()
{
    QTest::addColumn<int>("damage");
    QTest::newRow("empty") << 0;
    QTest::newRow("cut off") << 1;
    QTest::newRow("one bit of an address") << 2;
    QTest::newRow("one bit of the checksum") << 3;
    QTest::newRow("another magic") << 4;
    QTest::newRow("something behind") << 5;
    QTest::newRow("noise") << 6;
}

void TestClientMemory::ignoresDamagedFiles()
{
    QFETCH(int, damage);
    ManualClock clock;
    ClientMemory memory(clock);
    memory.remember(at("203.0.113.9"));
    QVERIFY(memory.save(m_path).has_value());
    QByteArray bytes = contentOf(m_path);
    switch (damage) {
    case 0:
        bytes.clear();
        break;
    case 1:
        bytes.chop(1);
        break;
    case 2:
        bytes[20] = static_cast<char>(bytes[20] ^ 1);
        break;
    case 3:
        bytes.back() = static_cast<char>(bytes.back() ^ 1);
        break;
    case 4:
        bytes[7] = '2';
        break;
    case 5:
        bytes += QByteArray(24, '\0');
        break;
    default:
        bytes = QByteArray(100'000, '\xff');
    }
    QVERIFY(write(m_path, bytes));
    ClientMemory next(clock);
    const auto loaded = next.load(m_path);
    QVERIFY(!loaded.has_value());
    QCOMPARE(loaded.error().id, QByteArray("policy.client-memory"));
    QVERIFY(loaded.error().isTransient());
    QCOMPARE(next.size(), size_t(0));
    next.remember(at("203.0.113.9"));
    QVERIFY(next.save(m_path).has_value());
    QVERIFY(next.load(m_path).has_value());
}

void TestClientMemory::staysUnchangedIfNothingHappens()
{
    ManualClock clock;
    ClientMemory memory(clock);
    QVERIFY(memory.load(m_folder.filePath(QStringLiteral("none"))).has_value());
    memory.forget(at("203.0.113.9"));
    QVERIFY(!memory.isChanged());
}

void TestClientMemory::isNotFooledByTheClock()
{
    ManualClock clock;
    ClientMemory memory(clock);
    const auto now = clock.wall();
    clock.setWall(now + 24h * 365);  // Wrong for a while, then set right.
    memory.remember(at("203.0.113.9"));
    QVERIFY(memory.save(m_path).has_value());
    clock.setWall(now);
    QVERIFY(!memory.isKnown(at("203.0.113.9")));
    ClientMemory next(clock);
    QVERIFY(next.load(m_path).has_value());
    QCOMPARE(next.size(), size_t(0));
}

void TestClientMemory::saysWhyItCannotSave()
{
    ManualClock clock;
    ClientMemory memory(clock);
    memory.remember(at("203.0.113.9"));
    const auto saved = memory.save(QStringLiteral("/nonexistent/folder/clients"));
    QVERIFY(!saved.has_value());
    QVERIFY(saved.error().detail.contains(QStringLiteral("/nonexistent/folder/clients")));
    QVERIFY2(memory.isChanged(), "it is tried again");
}

void TestClientMemory::worksOverThreads()
{
    ClientMemory memory(SystemClock::instance(), {.maxClients = 320});
    std::vector<std::thread> threads;
    for (quint32 i = 0; i < 4; ++i) {
        threads.emplace_back([&memory, i, path = m_path + QString::number(i)] {
            for (quint32 j = 0; j < 2000; ++j) {
                const QHostAddress client((i * 7 + j) % 500);
                memory.remember(client);
                (void)memory.isKnown(client);
                if (j % 3 == 0) {
                    memory.forget(client);
                }
                if (j % 500 == 0) {
                    QVERIFY(memory.save(path).has_value());
                }
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    QVERIFY(memory.size() <= 320);
}

void TestClientMemory::waitsLessUnderStress_data()
{
    QTest::addColumn<int>("open");
    QTest::addColumn<int>("allowed");
    QTest::addColumn<std::chrono::milliseconds>("normal");
    QTest::addColumn<std::chrono::milliseconds>("wait");
    QTest::newRow("quiet") << 10 << 100 << 6000ms << 6000ms;
    QTest::newRow("just below") << 69 << 100 << 6000ms << 6000ms;
    QTest::newRow("stress") << 70 << 100 << 6000ms << 2000ms;
    QTest::newRow("full") << 100 << 100 << 6000ms << 2000ms;
    QTest::newRow("short already") << 100 << 100 << 1000ms << 1000ms;
    QTest::newRow("off") << 100 << 100 << 0ms << 0ms;
    QTest::newRow("no limit, no stress") << 100'000 << 0 << 6000ms << 6000ms;
    QTest::newRow("large numbers") << 100'000'000 << 100'000'000 << 6000ms << 2000ms;
}

void TestClientMemory::waitsLessUnderStress()
{
    QFETCH(int, open);
    QFETCH(int, allowed);
    QFETCH(std::chrono::milliseconds, normal);
    QFETCH(std::chrono::milliseconds, wait);
    GreetWait greetWait;
    greetWait.setNormal(normal);
    QCOMPARE(greetWait.forSession(open, allowed), wait);
}

void TestClientMemory::endsStressLaterThanItBegan()
{
    GreetWait greetWait;
    QVERIFY(!greetWait.isStressed());
    QCOMPARE(greetWait.forSession(80, 100), 2000ms);
    QVERIFY(greetWait.isStressed());
    QCOMPARE(greetWait.forSession(60, 100), 2000ms);
    QCOMPARE(greetWait.forSession(49, 100), 6000ms);
    QCOMPARE(greetWait.forSession(60, 100), 6000ms);
}

}  // namespace portcullis::policy

QTEST_APPLESS_MAIN(portcullis::policy::TestClientMemory)
#include "tst_client_memory.moc"
