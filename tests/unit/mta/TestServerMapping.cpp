// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mta/ServerMapping.h"

#include <QtTest/QTest>

using namespace portcullis;
using namespace std::chrono_literals;

class TestServerMapping : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void dataTimeoutBoundsPausesNotTheWholeMessage();
    void behindPostfixOnlyLoopbackIsServed();
    void limitsClientsAsConfigured();
};

void TestServerMapping::dataTimeoutBoundsPausesNotTheWholeMessage()
{
    config::Config config;
    config.mail.dataTimeout = 180s;
    config.mail.minDataRate = 500;
    const auto settings = mta::serverSettings(config, nullptr);
    for (const smtp::ListenerSettings &listener : settings->listeners) {
        const smtp::SessionLimits &limits = listener.session.limits;
        QCOMPARE(limits.dataGrace, std::chrono::milliseconds(180s));
        // 10 MB over a line of 5,000 bytes a second take more than half an hour.
        QVERIFY2(limits.data >= 1h, "a slow but steady client is cut off");
    }
}

void TestServerMapping::behindPostfixOnlyLoopbackIsServed()
{
    config::Config config;
    config.mail.behindPostfix = true;
    config.mail.maxSize = 1000;
    config.mail.listen = {QHostAddress(QStringLiteral("192.0.2.1"))};
    const auto settings = mta::serverSettings(config, nullptr);
    QCOMPARE(settings->listeners.size(), size_t(2));
    for (const smtp::ListenerSettings &listener : settings->listeners) {
        const bool isIncoming = listener.direction == mail::Direction::In;
        QVERIFY(mta::isBehindPostfix(listener));
        QCOMPARE(listener.address, QHostAddress(QHostAddress::LocalHost));
        QCOMPARE(listener.port, quint16(isIncoming ? 10024 : 10023));
        QVERIFY(
            smtp::isInNetworks(QHostAddress(QHostAddress::LocalHost), listener.xforwardNetworks));
        QVERIFY(listener.xclientNetworks.empty());
        // What Postfix has taken must not become a bounce for its form.
        QCOMPARE(listener.session.bareNewline, smtp::BareNewline::Replace);
        QVERIFY(listener.session.limits.messageSize >= 2000);
        QVERIFY(listener.session.extensions.testFlag(smtp::Extension::Dsn));
        QVERIFY(!listener.session.extensions.testFlag(smtp::Extension::StartTls));
    }
}

void TestServerMapping::limitsClientsAsConfigured()
{
    config::Config config;
    config.mail.connCountLimit = 11;
    config.mail.connRateLimit = 12;
    config.mail.messageRateLimit = 13;
    config.mail.recipientRateLimit = 14;
    config.mail.clientLimitMask4 = 24;
    config.mail.clientLimitMask6 = 48;
    const policy::ClientLimitSettings limits = mta::clientLimitSettings(config);
    QCOMPARE(limits.connections, 11);
    QCOMPARE(limits.connectionsPerMinute, 12);
    QCOMPARE(limits.messagesPerMinute, 13);
    QCOMPARE(limits.recipientsPerMinute, 14);
    QCOMPARE(limits.prefix4, 24);
    QCOMPARE(limits.prefix6, 48);
}

QTEST_GUILESS_MAIN(TestServerMapping)
#include "TestServerMapping.moc"
